"""Payments, each a small state machine, and the record of what happened to them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship

from bookstore.orders.models import Base, Order, choice
from bookstore.orders.order_status import OrderChanged
from bookstore.shared.database import UtcDateTime
from bookstore.shared.errors import N_, ShopError
from bookstore.shared.money import Money
from bookstore.shared.trace_ids import current_trace_id

MAX_PAYMENTS = 10
# Begins the authorization of a payment that was made in the original shop: no gateway of ours holds it.
ADOPTED = "adopted:"


class Method(StrEnum):
    """How a buyer pays."""

    CARD = "card"
    PAYPAL = "paypal"
    BANK_TRANSFER = "bank_transfer"


class PaymentStatus(StrEnum):
    """Where a payment stands. The ones ending in -ing are steps that somebody is making."""

    AUTHORIZING = "authorizing"
    HOLDING = "holding"
    PENDING = "pending"
    AUTHORIZED = "authorized"
    CAPTURING = "capturing"
    CAPTURED = "captured"
    DECLINED = "declined"
    FAILED = "failed"
    VOIDING = "voiding"
    VOIDED = "voided"
    REFUNDING = "refunding"
    REFUNDED = "refunded"


_S = PaymentStatus
PAYMENT_MOVES: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    _S.AUTHORIZING: frozenset({_S.AUTHORIZED, _S.HOLDING, _S.DECLINED, _S.FAILED, _S.VOIDING}),
    # The promise is made, and the copies are being held until the transfer can have arrived.
    _S.HOLDING: frozenset({_S.PENDING, _S.VOIDING}),
    _S.PENDING: frozenset({_S.AUTHORIZED, _S.VOIDING}),
    _S.AUTHORIZED: frozenset({_S.CAPTURING, _S.VOIDING}),
    # From here on the money is being taken: there is no way back but a refund.
    _S.CAPTURING: frozenset({_S.CAPTURED}),
    _S.CAPTURED: frozenset({_S.REFUNDING}),
    _S.REFUNDING: frozenset({_S.REFUNDED}),
    _S.VOIDING: frozenset({_S.VOIDED}),
    _S.DECLINED: frozenset(),
    _S.FAILED: frozenset(),
    _S.VOIDED: frozenset(),
    _S.REFUNDED: frozenset(),
}
MOVING = frozenset({_S.AUTHORIZING, _S.HOLDING, _S.AUTHORIZED, _S.CAPTURING, _S.VOIDING, _S.REFUNDING})
ENDED = frozenset({_S.DECLINED, _S.FAILED, _S.VOIDED, _S.REFUNDED})
PROMISED = frozenset({_S.AUTHORIZING, _S.HOLDING, _S.PENDING, _S.AUTHORIZED})


class NotPayable(ShopError):
    """The order is paid already, or has ended."""

    status = 409
    code = "not_payable"
    title = N_("This order cannot be paid: it is paid already, or it has ended.")


class PaymentInProgress(ShopError):
    """Another payment of this order is under way."""

    status = 409
    code = "payment_in_progress"
    title = N_("A payment of this order is already under way. Please wait a moment and look again.")


class TooManyPayments(ShopError):
    """The order was paid for in vain too often."""

    status = 409
    code = "too_many_payments"
    title = N_("This order was declined too many times. Please place it anew.")


class Payment(Base):
    """One attempt to pay one order. Only one of an order's payments can be under way or captured."""

    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("order_id", "attempt"),
        UniqueConstraint("order_id", "request_key"),
        Index("ix_payments_status_claimed_until", "status", "claimed_until"),
        CheckConstraint("amount_minor >= 0", name="amount_not_negative"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    attempt: Mapped[int]
    # Who repeats a request finds the payment that it made.
    request_key: Mapped[str] = mapped_column(String(64))
    # The order's id while this payment is under way or captured: a second one cannot be written.
    active_order_id: Mapped[int | None] = mapped_column(unique=True)
    _status: Mapped[PaymentStatus] = mapped_column("status", choice(PaymentStatus))
    method: Mapped[Method] = mapped_column(choice(Method))
    # Kept until the gateway has answered, because the question may have to be repeated.
    token: Mapped[str | None] = mapped_column(String(255))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    authorization_id: Mapped[str | None] = mapped_column(String(64), unique=True, default=None)
    # How often the present step was tried in vain, and until when nobody else should try it.
    tries: Mapped[int] = mapped_column(default=0)
    claimed_until: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    order: Mapped[Order] = relationship(back_populates="payments")
    events: WriteOnlyMapped["PaymentEvent"] = relationship(
        back_populates="payment", order_by="PaymentEvent.id", passive_deletes=True
    )

    @hybrid_property
    def status(self) -> PaymentStatus:
        return self._status

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def is_active(self) -> bool:
        return self.status not in ENDED

    @property
    def is_adopted(self) -> bool:
        """Whether the money was taken in the original shop. No gateway of ours can give it back."""
        return (self.authorization_id or "").startswith(ADOPTED)

    @property
    def is_moving(self) -> bool:
        """Whether there is a next step to make without a person."""
        return self.status in MOVING

    @property
    def is_being_captured(self) -> bool:
        return self.status is PaymentStatus.CAPTURING

    def key(self, step: str) -> str:
        """The key under which the gateway knows this step, however often it is asked for."""
        return f"{self.order.reference}-{self.attempt}-{step}"

    def move(self, to: PaymentStatus, now: datetime, note: str = "") -> None:
        """Make a step, and record it. Raises OrderChanged when it is not allowed from here."""
        if to not in PAYMENT_MOVES[self._status]:
            raise OrderChanged(reference=self.order.reference)
        self._status = to
        self.tries = 0
        self.updated_at = now
        if to in ENDED:
            self.active_order_id = None
        self.record(now, note)
        self.order.touch(now)

    def promised(self, authorization_id: str) -> None:
        """The gateway has answered: the token has done its work and is forgotten."""
        self.authorization_id = authorization_id
        self.token = None

    def claim(self, until: datetime) -> None:
        self.claimed_until = until

    def failed_try(self, until: datetime, note: str, now: datetime) -> None:
        """The present step got no answer; it is to be tried again at that time."""
        self.tries += 1
        self.claimed_until = until
        self.record(now, note)
        self.order.touch(now)

    def record(self, now: datetime, note: str = "") -> None:
        """Add a line to what happened to this payment."""
        line = PaymentEvent(status=self._status, at=now, note=note[:500], trace_id=current_trace_id())
        self.events.add(line)


class PaymentEvent(Base):
    """A line of the log of payments: which step, when, and what was said."""

    __tablename__ = "payment_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payments.id"), index=True)
    status: Mapped[PaymentStatus] = mapped_column(choice(PaymentStatus))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    note: Mapped[str] = mapped_column(String(500), default="")
    trace_id: Mapped[str | None] = mapped_column(String(32), default=None)
    payment: Mapped[Payment] = relationship(back_populates="events")


def begin_payment(
    order: Order, method: Method, token: str, request_key: str, now: datetime, claim: timedelta
) -> Payment:
    """A new attempt to pay the whole order.

    Raises NotPayable, PaymentInProgress, TooManyPayments.
    """
    if not order.is_open or order.pay_by <= now:
        raise NotPayable(reference=order.reference)
    if order.active_payment is not None:
        raise PaymentInProgress(reference=order.reference)
    if len(order.payments) >= MAX_PAYMENTS:
        raise TooManyPayments(reference=order.reference)
    payment = Payment(
        attempt=len(order.payments) + 1,
        request_key=request_key,
        active_order_id=order.id,
        _status=PaymentStatus.AUTHORIZING,
        method=method,
        token=token,
        amount_minor=order.total_minor,
        currency=order.currency,
        tries=0,
        claimed_until=now + claim,
        started_at=now,
        updated_at=now,
    )
    order.payments.append(payment)
    payment.record(now)
    order.touch(now)
    return payment
