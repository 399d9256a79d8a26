"""What orders needs from others, in the words of orders: the catalog's copies, and somebody who takes money.

Every adapter of a port passes the contract suite of that port (`tests/contract`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bookstore.shared.errors import N_, ServiceUnavailable, ShopError
from bookstore.shared.money import Money


@dataclass(frozen=True)
class Line:
    """So many copies of one listing."""

    listing_id: int
    quantity: int


@dataclass(frozen=True)
class Quote:
    """What the catalog says of a listing now. A withdrawn or unknown listing has no quote."""

    listing_id: int
    book_id: int
    title: str
    authors: str
    condition: str
    price: Money
    seller_id: str
    seller_name: str
    available: int
    book_path: str
    cover_url: str


@dataclass(frozen=True)
class Reservation:
    """Copies held for one order reference, at the prices of the moment, until a time."""

    reference: str
    expires_at: datetime
    lines: tuple["ReservedLine", ...]


@dataclass(frozen=True)
class ReservedLine:
    """One line of a reservation with the snapshot that the order keeps."""

    quote: Quote
    quantity: int


class OutOfStock(ShopError):
    """Fewer copies are available than were asked for; nothing was held. `listing_ids` names them."""

    status = 409
    code = "out_of_stock"
    title = N_("Some of these copies have just been sold. Please review your cart.")

    def __init__(self, listing_ids: Sequence[int]) -> None:
        super().__init__(listing_ids=sorted(listing_ids))


class ReservationExpired(ShopError):
    """The copies are no longer held for this reference: its time ran out, or they were given back."""

    status = 409
    code = "reservation_expired"
    title = N_("The time to pay has run out and the copies were released. You have not been charged.")


class CatalogUnavailable(ServiceUnavailable):
    """The catalog does not answer, or not in time. Whether it did what was asked is unknown."""

    code = "catalog_unavailable"
    title = N_("The catalog is away right now. You have not been charged; please try again in a moment.")


class Catalog(Protocol):
    """The catalog's copies. Each call may raise CatalogUnavailable; each may be repeated safely."""

    def quote(self, listing_ids: Sequence[int]) -> dict[int, Quote]:
        """Price and copies of each listing that is on sale; listings that are not are left out."""
        ...

    def reserve(self, reference: str, lines: Sequence[Line], hold: timedelta) -> Reservation:
        """Hold the copies of all lines, or none of them, for this reference.

        The same reference with the same lines renews the hold at the first prices, and takes the copies
        anew if it had expired. Raises OutOfStock; ReservationExpired when the reference was released
        or committed, or was reserved with other lines.
        """
        ...

    def commit(self, reference: str) -> None:
        """The held copies are sold. Repeating it changes nothing. Raises ReservationExpired."""
        ...

    def release(self, reference: str) -> None:
        """Give the copies back, whether held or sold; an unknown or released reference changes nothing."""
        ...


class PaymentDeclined(ShopError):
    """Whoever holds the buyer's money said no. Nothing was taken."""

    status = 402
    code = "payment_declined"
    title = N_("The payment was declined. You have not been charged; please try another way to pay.")


class GatewayError(ServiceUnavailable):
    """The gateway is broken or silent: what it did is unknown, and asking again with the same key is safe."""

    code = "gateway_error"
    title = N_("The payment service does not answer. Your order is kept; we will try again in a moment.")


@dataclass(frozen=True)
class Authorization:
    """Money promised. `pending` means that a person has yet to confirm it (bank transfer)."""

    authorization_id: str
    pending: bool = False


class PaymentGateway(Protocol):
    """Who takes the money. Each call may raise GatewayError; the same key never acts twice.

    A gateway keeps its own books (in its own database) and answers a repeated key with its first answer.
    """

    def authorize(self, key: str, reference: str, amount: Money, method: str, token: str) -> Authorization:
        """Have the amount promised for the order of this reference. Raises PaymentDeclined."""
        ...

    def capture(self, key: str, authorization_id: str) -> None:
        """Take the promised money."""
        ...

    def void(self, key: str, authorization_id: str) -> None:
        """Drop the promise; nothing was taken."""
        ...

    def refund(self, key: str, authorization_id: str, amount: Money) -> None:
        """Give captured money back."""
        ...
