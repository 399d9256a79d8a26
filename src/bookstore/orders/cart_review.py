"""What the buyer must be told of the cart before paying: prices that changed, copies that ran out."""

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

from bookstore.orders import cart
from bookstore.orders.carriers import DeliveryOption
from bookstore.orders.cart import CartOwner
from bookstore.orders.cart_models import CartLine
from bookstore.orders.models import Address
from bookstore.orders.ports import Catalog, CatalogUnavailable, Line, Quote
from bookstore.shared.money import Money


class Notice(StrEnum):
    """What has changed about a line since the buyer saw it last."""

    PRICE_CHANGED = "price_changed"
    FEWER_LEFT = "fewer_left"
    SOLD_OUT = "sold_out"
    NOT_FOR_SALE = "not_for_sale"
    OWN_LISTING = "own_listing"


@dataclass(frozen=True)
class ReviewedLine:
    """A line of the cart beside what the catalog says of it now (or last said, while it is away)."""

    remembered: CartLine
    quote: Quote | None
    notices: tuple[Notice, ...]

    @property
    def listing_id(self) -> int:
        return self.remembered.listing_id

    @property
    def quantity(self) -> int:
        return self.remembered.quantity

    @property
    def price(self) -> Money:
        return self.quote.price if self.quote else self.remembered.price

    @property
    def price_before(self) -> Money:
        return self.remembered.price

    @property
    def buyable(self) -> int:
        """How many of the wanted copies can be bought now."""
        if self.gone:
            return 0
        return min(self.quantity, self.quote.available) if self.quote else self.quantity

    @property
    def total(self) -> Money:
        return self.price * self.buyable

    @property
    def seller_name(self) -> str:
        return self.quote.seller_name if self.quote else self.remembered.seller_name

    @property
    def gone(self) -> bool:
        """Whether it cannot be bought at all, in any quantity."""
        return bool({Notice.SOLD_OUT, Notice.NOT_FOR_SALE, Notice.OWN_LISTING} & set(self.notices))


@dataclass(frozen=True)
class CartReview:
    """The cart as it stands now. An order may be placed only when it is `ready`."""

    lines: tuple[ReviewedLine, ...]
    catalog_away: bool
    currency: str

    @property
    def copies(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def buyable(self) -> int:
        return sum(line.buyable for line in self.lines)

    @property
    def total(self) -> Money:
        """The price of all copies that can be bought, without delivery."""
        return Money.total((line.total for line in self.lines), self.currency)

    @property
    def changed(self) -> bool:
        return any(line.notices for line in self.lines)

    @property
    def ready(self) -> bool:
        return bool(self.lines) and not self.changed and not self.catalog_away

    @property
    def sellers(self) -> dict[str, list[ReviewedLine]]:
        """The lines of each seller, by the seller's id: each seller sends one parcel."""
        grouped: dict[str, list[ReviewedLine]] = {}
        for line in self.lines:
            grouped.setdefault(line.remembered.seller_id, []).append(line)
        return grouped

    def order_lines(self) -> list[Line]:
        return [Line(line.listing_id, line.quantity) for line in self.lines]


def review(session: Session, catalog: Catalog, owner: CartOwner, currency: str) -> CartReview:
    """Compare the cart with the catalog. While the catalog is away, the lines are shown as remembered."""
    with session.begin():
        remembered = cart.lines(session, owner)
    try:
        quotes = catalog.quote([line.listing_id for line in remembered]) if remembered else {}
    except CatalogUnavailable:
        return CartReview(tuple(ReviewedLine(line, None, ()) for line in remembered), True, currency)
    reviewed = (_review_line(line, quotes.get(line.listing_id), owner) for line in remembered)
    return CartReview(tuple(reviewed), False, currency)


def seen_digest(review: CartReview, option: DeliveryOption, address: Address) -> str:
    """Stands for everything that the buyer was shown: listings, quantities, prices, delivery and address.

    The order form carries it back, so that an order is placed only as it was seen. It is no secret and
    needs no signature: all prices of an order come from the server, whatever the form says.
    """
    lines = sorted(review.lines, key=lambda line: line.listing_id)
    shown = [[line.listing_id, line.quantity, line.price.wire()] for line in lines]
    text = json.dumps([shown, option.id, option.price.wire(), asdict(address)])
    return hashlib.sha256(text.encode()).hexdigest()


def _review_line(line: CartLine, quote: Quote | None, owner: CartOwner) -> ReviewedLine:
    return ReviewedLine(line, quote, tuple(_notices(line, quote, owner)))


def _notices(line: CartLine, quote: Quote | None, owner: CartOwner) -> list[Notice]:
    if quote is None:
        return [Notice.NOT_FOR_SALE]
    if quote.seller_id == owner.user_id:
        return [Notice.OWN_LISTING]
    if quote.available < 1:
        return [Notice.SOLD_OUT]
    found = []
    if quote.available < line.quantity:
        found.append(Notice.FEWER_LEFT)
    if quote.price != line.price:
        found.append(Notice.PRICE_CHANGED)
    return found
