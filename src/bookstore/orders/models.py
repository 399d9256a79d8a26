"""Orders with their lines and shipments, and the rules about them: one table of moves, and a name for each.

Nobody assigns a status from outside. Each move is counted in `version`, so that of two processes that
decide on the same order at the same time one loses cleanly.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Enum,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    WriteOnlyMapped,
    composite,
    mapped_column,
    relationship,
)
from sqlalchemy.orm.attributes import flag_modified

from bookstore.orders.order_status import (
    ORDER_MOVES,
    AlreadyShipped,
    CannotCancel,
    CannotShip,
    CopiesStatus,
    CopiesStep,
    NotShipped,
    OrderChanged,
    OrderStatus,
    ShipmentStatus,
)
from bookstore.shared.database import UtcDateTime, service_metadata
from bookstore.shared.mail import MailMixin
from bookstore.shared.money import Money
from bookstore.shared.replicas import ReplicaMixin
from bookstore.shared.trace_ids import current_trace_id

if TYPE_CHECKING:
    from bookstore.orders.payment_models import Payment


class Base(DeclarativeBase):
    """The tables that orders owns; no other service reads them."""

    metadata = service_metadata()


def choice(values: type[StrEnum], length: int = 20) -> Enum:
    """A column type for one of a few words, stored as the word itself."""
    return Enum(
        values,
        native_enum=False,
        length=length,
        values_callable=lambda words: [word.value for word in words],
    )


@dataclass(frozen=True)
class Address:
    """Where an order goes: a snapshot, and not to be edited. `country` is an ISO 3166 code."""

    name: str
    street: str
    city: str
    country: str
    extra: str = ""
    region: str = ""
    postal_code: str = ""
    phone: str = ""


@dataclass(frozen=True)
class Step:
    """Something that happened to an order, for its timeline."""

    name: str
    at: datetime


class Order(Base):
    """One purchase of one buyer, and the state of the saga that carries it out."""

    __tablename__ = "orders"
    __table_args__ = (
        Index("ix_orders_buyer_id_id", "buyer_id", "id"),
        Index("ix_orders_status_pay_by", "status", "pay_by"),
        Index("ix_orders_copies_claimed_until", "copies", "claimed_until"),
        CheckConstraint("total_minor = items_minor + delivery_minor", name="total_adds_up"),
        CheckConstraint("items_minor >= 0 AND delivery_minor >= 0", name="amounts_not_negative"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(String(16), unique=True)
    buyer_id: Mapped[str] = mapped_column(String(36))
    buyer_name: Mapped[str] = mapped_column(String(200))
    buyer_email: Mapped[str] = mapped_column(String(254))
    locale: Mapped[str] = mapped_column(String(8))
    _status: Mapped[OrderStatus] = mapped_column("status", choice(OrderStatus))
    copies: Mapped[CopiesStatus] = mapped_column(choice(CopiesStatus))
    version: Mapped[int] = mapped_column()
    # Until then somebody is at work on giving the copies back; others leave the order alone.
    claimed_until: Mapped[datetime] = mapped_column(UtcDateTime)
    placed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    pay_by: Mapped[datetime] = mapped_column(UtcDateTime)
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    shipped_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    canceled_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    expired_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    refunded_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    currency: Mapped[str] = mapped_column(String(3))
    items_minor: Mapped[int] = mapped_column(BigInteger)
    delivery_minor: Mapped[int] = mapped_column(BigInteger)
    total_minor: Mapped[int] = mapped_column(BigInteger)
    delivery_option_id: Mapped[int]
    delivery_carrier: Mapped[str] = mapped_column(String(60))
    delivery_days: Mapped[int]
    address: Mapped[Address] = composite(
        mapped_column("address_name", String(120)),
        mapped_column("address_street", String(200)),
        mapped_column("address_city", String(120)),
        mapped_column("address_country", String(2)),
        mapped_column("address_extra", String(200)),
        mapped_column("address_region", String(120)),
        mapped_column("address_postal_code", String(20)),
        mapped_column("address_phone", String(40)),
    )

    # Loaded with the order: nothing of it may be fetched while no transaction is open.
    lines: Mapped[list["OrderLine"]] = relationship(
        back_populates="order", lazy="selectin", order_by="OrderLine.id"
    )
    shipments: Mapped[list["Shipment"]] = relationship(
        back_populates="order", lazy="selectin", order_by="Shipment.id"
    )
    payments: Mapped[list["Payment"]] = relationship(
        back_populates="order", lazy="selectin", order_by="Payment.attempt"
    )
    events: WriteOnlyMapped["OrderEvent"] = relationship(
        back_populates="order", order_by="OrderEvent.id", passive_deletes=True
    )

    __mapper_args__ = {"version_id_col": version}

    @hybrid_property
    def status(self) -> OrderStatus:
        return self._status

    @property
    def items_total(self) -> Money:
        return Money(self.items_minor, self.currency)

    @property
    def delivery_price(self) -> Money:
        return Money(self.delivery_minor, self.currency)

    @property
    def total(self) -> Money:
        """What the buyer pays: the copies, and the delivery once."""
        return Money(self.total_minor, self.currency)

    @property
    def is_open(self) -> bool:
        return self.status is OrderStatus.AWAITING_PAYMENT

    @property
    def active_payment(self) -> "Payment | None":
        """The payment that is under way or has been captured; there is one at most."""
        return next((payment for payment in self.payments if payment.is_active), None)

    @property
    def can_be_canceled(self) -> bool:
        """Whether nothing has left yet, and the money, if any was taken, is ours to give back now."""
        unsent = all(shipment.status is ShipmentStatus.WAITING for shipment in self.shipments)
        payment = self.active_payment
        out_of_reach = payment is not None and (payment.is_being_captured or payment.is_adopted)
        return OrderStatus.CANCELED in ORDER_MOVES[self.status] and unsent and not out_of_reach

    @property
    def timeline(self) -> list[Step]:
        """The steps that were made, in the order in which they were."""
        names = ("placed", "paid", "shipped", "delivered", "canceled", "expired", "refunded")
        steps = [Step(name, at) for name in names if (at := getattr(self, f"{name}_at")) is not None]
        return sorted(steps, key=lambda step: step.at)

    def payment(self, payment_id: int) -> "Payment":
        return next(payment for payment in self.payments if payment.id == payment_id)

    def shipment(self, shipment_id: int) -> "Shipment | None":
        return next((shipment for shipment in self.shipments if shipment.id == shipment_id), None)

    def touch(self, now: datetime) -> None:
        """Count a change of something that belongs to the order as a change of the order."""
        self.updated_at = now
        # Also when the clock has not moved since: the version must rise.
        flag_modified(self, "updated_at")

    def record(self, step: CopiesStep, began_at: datetime, now: datetime, failure: str = "") -> None:
        """Add a line about copies that were asked for or given back; `failure` says why they were not."""
        traced = {"failure": failure[:100], "trace_id": current_trace_id()}
        self.events.add(OrderEvent(step=step, began_at=began_at, at=now, **traced))

    def sell_copies(self, now: datetime) -> None:
        """The catalog has committed the copies."""
        if self.copies is not CopiesStatus.HELD:
            raise OrderChanged
        self.copies = CopiesStatus.SOLD
        self.touch(now)

    def copies_are_back(self, now: datetime) -> None:
        """The catalog has the copies again."""
        if self.copies is not CopiesStatus.RETURNING:
            raise OrderChanged
        self.copies = CopiesStatus.RETURNED
        self.touch(now)

    def extend(self, pay_by: datetime, now: datetime) -> None:
        """The copies are held for longer."""
        if not self.is_open:
            raise OrderChanged
        self.pay_by = pay_by
        self.touch(now)

    def mark_paid(self, now: datetime) -> None:
        self._move(OrderStatus.PAID, now)
        self.paid_at = now

    def cancel(self, now: datetime) -> None:
        """Stop the order before anything is sent. Raises CannotCancel."""
        if not self.can_be_canceled:
            raise CannotCancel(reference=self.reference)
        self._move(OrderStatus.CANCELED, now)
        self.canceled_at = now
        self.copies = CopiesStatus.RETURNING

    def expire(self, now: datetime) -> None:
        """The time to pay has run out. Money that is being taken is for copies that are sold, though."""
        payment = self.active_payment
        if payment is not None and payment.is_being_captured:
            raise OrderChanged(reference=self.reference)
        self._move(OrderStatus.EXPIRED, now)
        self.expired_at = now
        self.copies = CopiesStatus.RETURNING

    def mark_refunded(self, now: datetime) -> None:
        self._move(OrderStatus.REFUNDED, now)
        self.refunded_at = now

    def ship(self, shipment: "Shipment", tracking_number: str, now: datetime) -> None:
        """Send one parcel; the order is shipped with its last one. Raises CannotShip, AlreadyShipped."""
        if shipment.status is not ShipmentStatus.WAITING:
            raise AlreadyShipped(tracking_number=shipment.tracking_number)
        if self.status is not OrderStatus.PAID:
            raise CannotShip(reference=self.reference)
        shipment.sent(tracking_number, now)
        self.touch(now)
        if all(parcel.status is not ShipmentStatus.WAITING for parcel in self.shipments):
            self._move(OrderStatus.SHIPPED, now)
            self.shipped_at = now

    def receive(self, shipment: "Shipment", now: datetime) -> None:
        """One parcel has arrived; the order is delivered with its last one. Raises NotShipped."""
        if shipment.status is ShipmentStatus.WAITING:
            raise NotShipped(reference=self.reference)
        shipment.arrived(now)
        self.touch(now)
        if all(parcel.status is ShipmentStatus.RECEIVED for parcel in self.shipments):
            self._move(OrderStatus.DELIVERED, now)
            self.delivered_at = now

    def _move(self, to: OrderStatus, now: datetime) -> None:
        if to not in ORDER_MOVES[self._status]:
            raise OrderChanged(reference=self.reference)
        self._status = to
        self.touch(now)


class OrderEvent(Base):
    """A line of the log of what the catalog was asked for an order, as far as no payment is part of it."""

    __tablename__ = "order_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    step: Mapped[CopiesStep] = mapped_column(choice(CopiesStep))
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    failure: Mapped[str] = mapped_column(String(100), default="")
    trace_id: Mapped[str | None] = mapped_column(String(32), default=None)
    order: Mapped[Order] = relationship(back_populates="events")


class OrderLine(Base):
    """So many copies of one listing, as they were offered when the order was placed."""

    __tablename__ = "order_lines"
    __table_args__ = (
        UniqueConstraint("order_id", "listing_id"),
        CheckConstraint("quantity BETWEEN 1 AND 100", name="quantity_in_range"),
        CheckConstraint("price_minor >= 0", name="price_not_negative"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    shipment_id: Mapped[int] = mapped_column(ForeignKey("shipments.id"), index=True)
    listing_id: Mapped[int] = mapped_column(BigInteger)
    book_id: Mapped[int] = mapped_column(BigInteger)
    title: Mapped[str] = mapped_column(String(1000))
    authors: Mapped[str] = mapped_column(String(1000))
    condition: Mapped[str] = mapped_column(String(20))
    book_path: Mapped[str] = mapped_column(String(500))
    cover_url: Mapped[str] = mapped_column(String(500))
    quantity: Mapped[int]
    price_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    order: Mapped[Order] = relationship(back_populates="lines")
    shipment: Mapped["Shipment"] = relationship(back_populates="lines")

    @property
    def price(self) -> Money:
        """The price of one copy."""
        return Money(self.price_minor, self.currency)

    @property
    def total(self) -> Money:
        return self.price * self.quantity


class Shipment(Base):
    """One parcel: what one seller sends of one order."""

    __tablename__ = "shipments"
    __table_args__ = (
        UniqueConstraint("order_id", "seller_id"),
        Index("ix_shipments_seller_id_id", "seller_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    seller_id: Mapped[str] = mapped_column(String(36))
    seller_name: Mapped[str] = mapped_column(String(200))
    carrier: Mapped[str] = mapped_column(String(60))
    _status: Mapped[ShipmentStatus] = mapped_column(
        "status", choice(ShipmentStatus), default=ShipmentStatus.WAITING
    )
    tracking_number: Mapped[str | None] = mapped_column(String(40), default=None)
    shipped_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    received_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    order: Mapped[Order] = relationship(back_populates="shipments", lazy="immediate")
    lines: Mapped[list[OrderLine]] = relationship(
        back_populates="shipment", lazy="selectin", order_by=OrderLine.id
    )

    @hybrid_property
    def status(self) -> ShipmentStatus:
        return self._status

    @property
    def items_total(self) -> Money:
        """What the seller's copies cost; the delivery is the order's."""
        return Money.total((line.total for line in self.lines), self.order.currency)

    @property
    def address(self) -> Address | None:
        """Where to send it, which the seller learns when it is paid, and keeps until it has arrived."""
        known = {OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED}
        return self.order.address if self.order.status in known else None

    @property
    def can_be_shipped(self) -> bool:
        return self.status is ShipmentStatus.WAITING and self.order.status is OrderStatus.PAID

    @property
    def can_be_received(self) -> bool:
        return self.status is ShipmentStatus.SHIPPED

    def sent(self, tracking_number: str, now: datetime) -> None:
        """Part of `Order.ship`, which knows whether it may be."""
        self._status = ShipmentStatus.SHIPPED
        self.tracking_number = tracking_number
        self.shipped_at = now

    def arrived(self, now: datetime) -> None:
        """Part of `Order.receive`. A parcel that has arrived arrives no second time."""
        if self._status is ShipmentStatus.RECEIVED:
            return
        self._status = ShipmentStatus.RECEIVED
        self.received_at = now


class Mail(MailMixin, Base):
    """The mails of orders that wait for the worker, and those that it has sent."""

    __tablename__ = "orders_mails"


class Replica(ReplicaMixin, Base):
    """The replicas of orders that were seen lately."""

    __tablename__ = "orders_replicas"
