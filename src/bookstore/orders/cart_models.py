"""Tables of the cart, and of what carriers offer."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bookstore.orders.models import Base
from bookstore.orders.ports import Quote
from bookstore.shared.database import UtcDateTime
from bookstore.shared.money import Money

MAX_QUANTITY = 100


class Cart(Base):
    """What one person has chosen: a member's cart, or that of a visitor with a cookie, never both."""

    __tablename__ = "carts"
    __table_args__ = (CheckConstraint("(user_id IS NULL) <> (visitor_key IS NULL)", name="one_owner"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str | None] = mapped_column(String(36), unique=True, default=None)
    # The SHA-256 of the cookie's value: who reads this table cannot take over a visitor's cart.
    visitor_key: Mapped[str | None] = mapped_column(String(64), unique=True, default=None)
    # What a member has entered at the checkout so far: see `cart_delivery`.
    delivery: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), default=None)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    lines: Mapped[list["CartLine"]] = relationship(
        back_populates="cart",
        cascade="all, delete-orphan",
        order_by="CartLine.added_at, CartLine.listing_id",
        passive_deletes=True,
    )

    def line(self, listing_id: int) -> "CartLine | None":
        return next((line for line in self.lines if line.listing_id == listing_id), None)

    @property
    def copies(self) -> int:
        return sum(line.quantity for line in self.lines)


class CartLine(Base):
    """So many copies of one listing, and what the shop said of it when it was put into the cart."""

    __tablename__ = "cart_lines"
    __table_args__ = (CheckConstraint(f"quantity BETWEEN 1 AND {MAX_QUANTITY}", name="quantity_in_range"),)

    cart_id: Mapped[int] = mapped_column(ForeignKey("carts.id", ondelete="CASCADE"), primary_key=True)
    listing_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    quantity: Mapped[int]
    title: Mapped[str] = mapped_column(String(1000))
    authors: Mapped[str] = mapped_column(String(1000))
    condition: Mapped[str] = mapped_column(String(20))
    seller_id: Mapped[str] = mapped_column(String(36))
    seller_name: Mapped[str] = mapped_column(String(200))
    book_path: Mapped[str] = mapped_column(String(500))
    cover_url: Mapped[str] = mapped_column(String(500))
    price_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    cart: Mapped[Cart] = relationship(back_populates="lines")

    @property
    def price(self) -> Money:
        """The price of one copy as the buyer last saw it."""
        return Money(self.price_minor, self.currency)

    def remember(self, quote: Quote) -> None:
        """Keep what the catalog says now, for the day when it is away or says something else."""
        self.title = quote.title[:1000]
        self.authors = quote.authors[:1000]
        self.condition = quote.condition
        self.seller_id = quote.seller_id
        self.seller_name = quote.seller_name[:200]
        self.book_path = quote.book_path[:500]
        self.cover_url = quote.cover_url[:500]
        self.price_minor = quote.price.minor
        self.currency = quote.price.currency


class Coverage(StrEnum):
    """How far a carrier goes."""

    NATIONAL = "national"
    INTERNATIONAL = "international"


class DeliveryOptionRow(Base):
    """A carrier's offer. The price is in minor units of the shop's currency, whichever that is."""

    __tablename__ = "delivery_options"
    __table_args__ = (CheckConstraint("price_minor >= 0", name="price_not_negative"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    carrier: Mapped[str] = mapped_column(String(60), unique=True)
    coverage: Mapped[str] = mapped_column(String(20))
    price_minor: Mapped[int] = mapped_column(BigInteger)
    days: Mapped[int]
