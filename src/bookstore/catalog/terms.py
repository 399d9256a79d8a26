"""The terms of a listing: condition, price, copies and notes, and what the shop accepts of them."""

from dataclasses import dataclass, replace

from bookstore.catalog.models import Condition, Listing
from bookstore.catalog.text_cleaning import clean_text
from bookstore.shared.errors import N_, ShopError
from bookstore.shared.money import Money

MIN_PRICE_MINOR = 1
MAX_PRICE_MINOR = 10_000_000
MAX_COPIES = 1000
MAX_NOTES = 1000


class PriceOutOfRange(ShopError):
    """The price is not positive, or is more than a book may cost."""

    status = 422
    code = "price_out_of_range"
    title = N_("The price must be between %(lowest)s and %(highest)s.")

    def __init__(self, currency: str) -> None:
        super().__init__(
            lowest=str(Money(MIN_PRICE_MINOR, currency).decimal),
            highest=str(Money(MAX_PRICE_MINOR, currency).decimal),
        )


class WrongCurrency(ShopError):
    """All prices of this shop are in one currency."""

    status = 422
    code = "wrong_currency"
    title = N_("Prices in this shop are in %(currency)s.")


class CopiesOutOfRange(ShopError):
    """A listing offers at least one copy, and not more than a shelf holds."""

    status = 422
    code = "copies_out_of_range"
    title = N_("The number of copies must be between 1 and %(most)s.")

    def __init__(self) -> None:
        super().__init__(most=MAX_COPIES)


class NotesTooLong(ShopError):
    """The notes do not fit."""

    status = 422
    code = "notes_too_long"
    title = N_("The notes are longer than %(limit)s characters.")


@dataclass(frozen=True)
class Seller:
    """Who sells, with the name under which buyers see them."""

    id: str
    name: str


@dataclass(frozen=True)
class Terms:
    """What a seller says of the copies. `copies` counts all that were ever offered: free, held and sold."""

    condition: Condition
    price: Money
    copies: int
    notes: str = ""

    def match(self, listing: Listing) -> bool:
        """Whether the listing already has these terms."""
        return (listing.condition, listing.price, listing.offered, listing.notes) == (
            self.condition,
            self.price,
            self.copies,
            self.notes,
        )

    def accepted(self, currency: str) -> "Terms":
        """The terms with clean notes. Raises the named error of the first term that the shop refuses."""
        terms = replace(self, notes=clean_text(self.notes))
        if terms.price.currency != currency:
            raise WrongCurrency(currency=currency)
        if not MIN_PRICE_MINOR <= terms.price.minor <= MAX_PRICE_MINOR:
            raise PriceOutOfRange(currency)
        if not 1 <= terms.copies <= MAX_COPIES:
            raise CopiesOutOfRange
        if len(terms.notes) > MAX_NOTES:
            raise NotesTooLong(limit=MAX_NOTES)
        return terms


@dataclass(frozen=True)
class Changes:
    """New terms; None leaves a term as it is."""

    condition: Condition | None = None
    price: Money | None = None
    copies: int | None = None
    notes: str | None = None

    def applied_to(self, listing: Listing) -> Terms:
        return Terms(
            condition=self.condition or listing.condition,
            price=self.price or listing.price,
            copies=listing.offered if self.copies is None else self.copies,
            notes=listing.notes if self.notes is None else self.notes,
        )
