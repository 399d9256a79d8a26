"""Money: whole minor units of one currency, never a float."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Self

from babel.numbers import format_currency, get_currency_precision

from bookstore.shared.errors import N_, ShopError

# No exponents, no infinities, no digits of other scripts: what a price tag can say.
PLAIN_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,8})?")


class InvalidAmount(ShopError):
    """The text is not an amount of this currency."""

    status = 422
    code = "invalid_amount"
    title = N_("This is not a valid amount of money.")


@dataclass(frozen=True, order=True)
class Money:
    """An amount in minor units (cents for USD) with its ISO 4217 currency."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, text: str, currency: str) -> Self:
        """Read decimal text such as "12.50". Raises InvalidAmount when it is not exactly representable."""
        if not PLAIN_DECIMAL.fullmatch(text):
            raise InvalidAmount(text=text[:40])
        minor = Decimal(text).scaleb(get_currency_precision(currency))
        if minor != minor.to_integral_value():
            raise InvalidAmount(text=text[:40])
        return cls(int(minor), currency)

    @classmethod
    def total(cls, amounts: Iterable[Self], currency: str) -> Self:
        """The sum of the amounts; zero of the currency when there are none."""
        return sum(amounts, start=cls(0, currency))

    @property
    def decimal(self) -> Decimal:
        return Decimal(self.minor).scaleb(-get_currency_precision(self.currency))

    def wire(self) -> dict[str, str]:
        """The form that money has in every JSON document of the API."""
        return {"amount": str(self.decimal), "currency": self.currency}

    def localized(self, locale: str) -> str:
        """The amount as a reader of this locale writes it."""
        return _localized(self, locale)

    def __add__(self, other: Self) -> Self:
        self._same_currency(other)
        return type(self)(self.minor + other.minor, self.currency)

    def __sub__(self, other: Self) -> Self:
        self._same_currency(other)
        return type(self)(self.minor - other.minor, self.currency)

    def __mul__(self, times: int) -> Self:
        if not isinstance(times, int):
            raise TypeError("money is multiplied by whole numbers only")
        return type(self)(self.minor * times, self.currency)

    def _same_currency(self, other: Self) -> None:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up")


@lru_cache(maxsize=10_000)
def _localized(money: Money, locale: str) -> str:
    """Prices repeat on every page, and to write one takes as long as everything else about its book."""
    return str(format_currency(money.decimal, money.currency, locale=locale))
