"""What the page of search results shows: facets, chips, orders and links, in the language of the reader."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from babel.numbers import format_decimal
from flask_babel import get_locale, gettext, lazy_gettext

from bookstore.catalog.browse_query import Browse, PriceRange
from bookstore.catalog.labels import category_name, condition_name, language_name
from bookstore.catalog.models import Condition
from bookstore.catalog.search import SearchResult
from bookstore.catalog.search_index import PriceBucket
from bookstore.catalog.search_query import Sort
from bookstore.shared.edge import policy
from bookstore.shared.errors import ShopError
from bookstore.shared.money import Money

# So many values of a facet are shown at once; the others wait behind "Show more".
SHOWN_VALUES = 8

_NAMES: Mapping[str, Callable[[str], str]] = {
    "category": category_name,
    "language": language_name,
    "condition": condition_name,
}
_TITLES = {
    "category": lazy_gettext("Category"),
    "language": lazy_gettext("Language"),
    "condition": lazy_gettext("Condition"),
}
_SORTS: Mapping[Sort, str] = {
    "relevance": lazy_gettext("Best match"),
    "newest": lazy_gettext("Newest first"),
    "price_asc": lazy_gettext("Price: low to high"),
    "price_desc": lazy_gettext("Price: high to low"),
}


@dataclass(frozen=True)
class Option:
    """A value to choose: a link that chooses it, or takes the choice back."""

    label: str
    count: str | None
    url: str
    selected: bool


@dataclass(frozen=True)
class Facet:
    """Values to choose from; `more` are those that few readers look for."""

    title: str
    options: list[Option]
    more: list[Option]


@dataclass(frozen=True)
class Chip:
    """A filter in use, with the link to the same search without it."""

    label: str
    url: str


@dataclass(frozen=True)
class BrowsePage:
    """The page of a search and its result. `typed` are the prices as the reader typed them."""

    browse: Browse
    result: SearchResult
    typed: Browse
    prices: PriceRange
    is_first: bool

    @property
    def title(self) -> str:
        """What the page is called; its number of filters does not change it, as they stand below."""
        browse = self.browse
        if browse.text:
            return _("Results for “%(text)s”", text=browse.text)
        if browse == Browse(author=browse.author, sort=browse.sort) and browse.author:
            return _("Books by %(author)s", author=browse.author)
        if len(browse.category) == 1:
            return category_name(browse.category[0])
        return _("All books")

    @property
    def facets(self) -> list[Facet]:
        return [self._facet(name) for name in ("category", "language", "condition")]

    @property
    def availability(self) -> list[Option]:
        other = self.browse.switching_available().address()
        return [Option(_("Available now"), None, other, self.browse.available)]

    @property
    def price_options(self) -> list[Option]:
        """The price ranges that have books, and the chosen one."""
        options = [self._price_option(bucket) for bucket in self.result.prices]
        return [option for option in options if option.selected or option.count != localized_number(0)]

    @property
    def chips(self) -> list[Chip]:
        return list(self._chips())

    @property
    def sorts(self) -> list[tuple[Sort, str]]:
        """The orders to choose from; without words there is no best match."""
        return [(sort, name) for sort, name in _SORTS.items() if self.browse.text or sort != "relevance"]

    @property
    def sort(self) -> Sort:
        """The order in use."""
        default = self.browse.sort == "relevance" and not self.browse.text
        return "newest" if default else self.browse.sort

    @property
    def error_of(self) -> Mapping[str, str]:
        """What to say beside each price field that is wrong."""
        return {name: _message(error) for name, error in self.prices.errors.items()}

    @property
    def next_url(self) -> str | None:
        cursor = self.result.next_cursor
        return self.browse.address(cursor) if cursor else None

    @property
    def is_for_search_engines(self) -> bool:
        return self.browse.is_worth_indexing and self.is_first and not self.prices.errors

    @property
    def total(self) -> str | None:
        return None if self.result.total is None else localized_number(self.result.total)

    def _facet(self, name: str) -> Facet:
        chosen: tuple[str, ...] = getattr(self.browse, name)
        counts = self.result.facets.get(name) or dict.fromkeys(chosen)
        values = sorted(counts, key=_condition_order) if name == "condition" else list(counts)
        shown = [value for place, value in enumerate(values) if place < SHOWN_VALUES or value in chosen]
        rest = [value for value in values if value not in shown]
        return Facet(
            str(_TITLES[name]),
            [self._option(name, value, counts[value]) for value in shown],
            [self._option(name, value, counts[value]) for value in rest],
        )

    def _option(self, facet: str, value: str, count: int | None) -> Option:
        return Option(
            _NAMES[facet](value),
            None if count is None else localized_number(count),
            _address_toggling(self.browse, facet, value),
            value in getattr(self.browse, facet),
        )

    def _price_option(self, bucket: PriceBucket) -> Option:
        lowest = Money(bucket.lowest, policy().currency)
        highest = None if bucket.below is None else Money(bucket.below - 1, policy().currency)
        priced = self.browse.priced(
            str(lowest.decimal) if lowest.minor else "", str(highest.decimal) if highest else ""
        )
        chosen = (self.prices.lowest or None, self.prices.highest)
        selected = chosen == (lowest.minor or None, highest.minor if highest else None)
        url = (self.browse.priced() if selected else priced).address()
        label = _range_label(lowest if lowest.minor else None, highest)
        return Option(label, localized_number(bucket.count), url, selected)

    def _chips(self) -> Iterator[Chip]:
        if self.browse.author:
            label = _("Author: %(author)s", author=self.browse.author)
            yield Chip(label, self.browse.by_anybody().address())
        for facet, name in _NAMES.items():
            for value in getattr(self.browse, facet):
                yield Chip(name(value), self.browse.toggling(facet, value).address())
        if self.browse.has_price:
            ends = (self.prices.lowest, self.prices.highest)
            lowest, highest = (None if end is None else Money(end, policy().currency) for end in ends)
            yield Chip(_range_label(lowest, highest), self.browse.priced().address())
        if self.browse.available:
            yield Chip(_("Available now"), self.browse.switching_available().address())


def _(message: str, **values: str) -> str:
    return str(gettext(message, **values))


@lru_cache(maxsize=10_000)
def _address_toggling(browse: Browse, facet: str, value: str) -> str:
    """Where the link of each value of a facet leads; there are some forty on a page."""
    return browse.toggling(facet, value).address()


def _range_label(lowest: Money | None, highest: Money | None) -> str:
    if lowest is None and highest is None:
        return _("Any price")
    if highest is None:
        return _("%(price)s and more", price=_localized(lowest))
    if lowest is None:
        return _("Up to %(price)s", price=_localized(highest))
    return _("%(lowest)s to %(highest)s", lowest=_localized(lowest), highest=_localized(highest))


def _localized(money: Money | None) -> str:
    return "" if money is None else money.localized(str(get_locale()))


def localized_number(count: int) -> str:
    """The number as the reader writes it."""
    return _number_in(str(get_locale()), count)


@lru_cache(maxsize=10_000)
def _number_in(locale: str, count: int) -> str:
    """A page has some fifty of them, mostly the same ones as the page before."""
    return str(format_decimal(count, locale=locale))


def _message(error: ShopError) -> str:
    return str(gettext(error.title)) % error.details


def _condition_order(condition: str) -> int:
    """Best first; words that are no condition come last."""
    known = [member.value for member in Condition]
    return known.index(condition) if condition in known else len(known)
