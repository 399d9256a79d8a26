"""What somebody browses the catalog for: read from an address, and written into the addresses of links.

The page and the API share it. An address may come from anywhere: whatever it says becomes a search, finds
nothing, or is refused by name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self
from urllib.parse import urlencode

from bookstore.catalog.search_query import SORTS, SearchQuery, Sort
from bookstore.catalog.text_folding import encodable
from bookstore.shared.errors import N_, InvalidCursor, ShopError
from bookstore.shared.money import InvalidAmount, Money

PATH = "/books"
FACETS = ("language", "category", "condition")
MAX_TEXT = 200
# More than any language, category or condition has, so that cutting never makes a value that exists.
MAX_VALUE = 100
MAX_VALUES = 20
MAX_CURSOR = 400
DEFAULT_SORT: Sort = "relevance"

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_DECIMAL_COMMA = re.compile(r"(-?[0-9]+),([0-9]{1,2})")
_YES = {"1", "true", "yes", "on"}

Parameters = Mapping[str, Sequence[str]]


class NotAPrice(ShopError):
    """The text is not an amount of the shop's currency."""

    status = 422
    code = "not_a_price"
    title = N_("Please type an amount such as %(example)s.")


class NegativePrice(ShopError):
    """No book costs less than nothing."""

    status = 422
    code = "negative_price"
    title = N_("A price cannot be negative.")


class PricesReversed(ShopError):
    """The lowest price that was asked for is above the highest."""

    status = 422
    code = "prices_reversed"
    title = N_("The highest price must not be below the lowest.")


@dataclass(frozen=True)
class PriceRange:
    """Both ends in minor units, and for each field that is wrong, why; then neither end counts."""

    lowest: int | None = None
    highest: int | None = None
    errors: Mapping[str, ShopError] = field(default_factory=dict)


@dataclass(frozen=True)
class Browse:
    """What is looked for. Values of one facet are alternatives; prices are as they were typed."""

    text: str = ""
    author: str = ""
    language: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    condition: tuple[str, ...] = ()
    min_price: str = ""
    max_price: str = ""
    available: bool = False
    sort: Sort = DEFAULT_SORT
    was_cut: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, parameters: Parameters) -> Self:
        """What the parameters of an address ask for. None of them is an error, unknown ones are ignored."""
        text = _clean(_first(parameters, "q"))
        sort = next((known for known in SORTS if known == _first(parameters, "sort")), DEFAULT_SORT)
        return cls(
            text=text[:MAX_TEXT].rstrip(),
            author=_clean(_first(parameters, "author"))[:MAX_TEXT].rstrip(),
            language=_values(parameters.get("language", ())),
            category=_values(parameters.get("category", ())),
            condition=_values(parameters.get("condition", ())),
            min_price=_clean(_first(parameters, "min_price"))[:MAX_VALUE],
            max_price=_clean(_first(parameters, "max_price"))[:MAX_VALUE],
            available=_first(parameters, "available").strip().lower() in _YES,
            sort=sort,
            was_cut=len(text) > MAX_TEXT,
        )

    def to_search(self, currency: str, limit: int) -> SearchQuery:
        """The search that it means. Raises NotAPrice, NegativePrice, PricesReversed."""
        prices = self.prices(currency)
        for error in prices.errors.values():
            raise error
        return SearchQuery(
            text=self.text,
            author=self.author or None,
            language=self.language,
            category=self.category,
            condition=self.condition,
            min_price=prices.lowest,
            max_price=prices.highest,
            available_only=self.available,
            sort=self.sort,
            limit=limit,
        )

    def prices(self, currency: str) -> PriceRange:
        """The price range, or what is wrong with it."""
        ends: dict[str, int | None] = {}
        errors: dict[str, ShopError] = {}
        for name in ("min_price", "max_price"):
            try:
                ends[name] = _price(name, getattr(self, name), currency)
            except (NotAPrice, NegativePrice) as error:
                errors[name] = error
        if errors:
            return PriceRange(errors=errors)
        lowest, highest = ends["min_price"], ends["max_price"]
        if lowest is not None and highest is not None and lowest > highest:
            return PriceRange(errors={"max_price": PricesReversed(field="max_price")})
        return PriceRange(lowest, highest)

    # Other searches, to which links lead

    def toggling(self, facet: str, value: str) -> "Browse":
        """With this value of a facet chosen, or not chosen if it was.

        Where as many are chosen as an address can hold, the new one takes the place of the first.
        """
        chosen: tuple[str, ...] = getattr(self, facet)
        others = tuple(other for other in chosen if other != value)
        return self._changed(**{facet: others if value in chosen else (*chosen, value)[-MAX_VALUES:]})

    def priced(self, lowest: str = "", highest: str = "") -> "Browse":
        """With this price range instead; without arguments at any price."""
        return replace(self, min_price=lowest, max_price=highest)

    def switching_available(self) -> "Browse":
        return replace(self, available=not self.available)

    def by_anybody(self) -> "Browse":
        return replace(self, author="")

    def unfiltered(self) -> "Browse":
        """Only the words and the order."""
        return Browse(text=self.text, sort=self.sort)

    def _changed(self, **facets: tuple[str, ...]) -> "Browse":
        return replace(self, **facets)  # type: ignore[arg-type]  # the names are those of facets

    # What it says of itself

    @property
    def has_filters(self) -> bool:
        return self.unfiltered() != self

    @property
    def has_price(self) -> bool:
        return bool(self.min_price or self.max_price)

    @property
    def is_worth_indexing(self) -> bool:
        """Whether search engines should know its page: the shelves themselves, not each combination."""
        shelf = Browse(language=self.language, category=self.category)
        return self == shelf and len(self.language) + len(self.category) <= 1

    def parameters(self) -> list[tuple[str, str]]:
        """The parameters of its address, always in the same order; what is not asked for is left out."""
        return list(self._parameters())

    def address(self, cursor: str | None = None) -> str:
        """The address of its page, or of the page that a cursor leads to."""
        parameters = [*self._parameters(), *([("cursor", cursor)] if cursor else [])]
        return f"{PATH}?{urlencode(parameters)}" if parameters else PATH

    def _parameters(self) -> Iterator[tuple[str, str]]:
        if self.text:
            yield "q", self.text
        if self.author:
            yield "author", self.author
        for facet in FACETS:
            for value in getattr(self, facet):
                yield facet, value
        if self.min_price:
            yield "min_price", self.min_price
        if self.max_price:
            yield "max_price", self.max_price
        if self.available:
            yield "available", "1"
        if self.sort != DEFAULT_SORT:
            yield "sort", self.sort


def cursor_of(parameters: Parameters) -> str | None:
    """The cursor in an address. Raises InvalidCursor when none of ours is that long."""
    cursor = _first(parameters, "cursor")
    if len(cursor) > MAX_CURSOR:
        raise InvalidCursor
    return cursor or None


def _first(parameters: Parameters, name: str) -> str:
    return next(iter(parameters.get(name, ())), "")


def _values(values: Iterable[str]) -> tuple[str, ...]:
    cleaned = (_clean(value)[:MAX_VALUE] for value in values)
    return tuple(dict.fromkeys(value for value in cleaned if value))[:MAX_VALUES]


def _clean(text: str) -> str:
    """One line of text that can be searched for, shown and put into an address."""
    return " ".join(_CONTROLS.sub(" ", encodable(text)).split())


def _price(name: str, typed: str, currency: str) -> int | None:
    if not typed:
        return None
    details: dict[str, Any] = {"field": name, "text": typed}
    try:
        money = Money.parse(_DECIMAL_COMMA.sub(r"\1.\2", typed) if "," in typed else typed, currency)
    except InvalidAmount as error:
        raise NotAPrice(**details, example=str(Money(1250, currency).decimal)) from error
    if money.minor < 0:
        raise NegativePrice(**details)
    return money.minor
