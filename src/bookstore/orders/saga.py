"""Carrying an order on: each step beyond this service is recorded before it is asked for, and after.

No transaction is open during a call to the catalog or the gateway. A step that was recorded and got no
answer is asked for again, with the same key, by whoever comes next: the buyer who repeats the request, or
the recovery. What cannot go forward any more goes back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bookstore.orders import mails
from bookstore.orders.lookup import changing_known
from bookstore.orders.models import Order
from bookstore.orders.order_status import CopiesStatus, CopiesStep
from bookstore.orders.payment_models import PROMISED, Payment, PaymentStatus
from bookstore.orders.policy import Policy
from bookstore.orders.ports import (
    Authorization,
    Catalog,
    CatalogUnavailable,
    GatewayError,
    Line,
    OutOfStock,
    PaymentDeclined,
    PaymentGateway,
    Reservation,
    ReservationExpired,
)
from bookstore.orders.saga_timeline import STEPS
from bookstore.shared.clock import utcnow
from bookstore.shared.retries import retried
from bookstore.shared.telemetry import log
from bookstore.shared.tracing import step

NO_ANSWER = (GatewayError, CatalogUnavailable)


def turn_back(order: Order, now: datetime) -> None:
    """Part of ending an order early: what was promised is to be dropped, what was taken given back."""
    payment = order.active_payment
    if payment is None:
        return
    if payment.status in PROMISED:
        payment.move(PaymentStatus.VOIDING, now, f"order {order.status}")
    elif payment.status is PaymentStatus.CAPTURED:
        payment.move(PaymentStatus.REFUNDING, now, f"order {order.status}")


@dataclass(frozen=True)
class Saga:
    """Who is needed to carry orders on."""

    session: Session
    catalog: Catalog
    gateway: PaymentGateway
    policy: Policy

    def settle(self, order: Order) -> None:
        """Make all steps that are due now; what gets no answer is left to the recovery."""
        for finish in (self.return_copies, self._drive_active_payment):
            try:
                finish(order)
            except NO_ANSWER as error:
                log.warning("order not settled yet", reference=order.reference, error=error.code)

    def drive(self, payment: Payment) -> None:
        """Take a payment through its steps until it rests.

        Raises GatewayError or CatalogUnavailable when one gets no answer; it is then due again later.
        """
        while payment.is_moving:
            try:
                with step(STEPS[payment.status]):
                    self._steps[payment.status](payment)
            except NO_ANSWER as error:
                self._put_off(payment, error.code)
                raise

    def return_copies(self, order: Order) -> None:
        """Give the copies of an order that has ended back to the catalog. Raises CatalogUnavailable."""
        if order.copies is not CopiesStatus.RETURNING:
            return
        asked_at = utcnow()
        try:
            with step(CopiesStep.RELEASE):
                self.catalog.release(order.reference)
        except CatalogUnavailable as error:
            with changing_known(self.session, order):
                order.claimed_until = utcnow() + self.policy.claim
                order.record(CopiesStep.RELEASE, asked_at, utcnow(), error.code)
            raise
        with changing_known(self.session, order):
            if order.copies is CopiesStatus.RETURNING:
                order.copies_are_back(utcnow())
                order.record(CopiesStep.RELEASE, asked_at, utcnow())

    def _drive_active_payment(self, order: Order) -> None:
        if order.active_payment is not None:
            self.drive(order.active_payment)

    @property
    def _steps(self) -> Mapping[PaymentStatus, Callable[[Payment], None]]:
        return {
            PaymentStatus.AUTHORIZING: self._authorize,
            PaymentStatus.HOLDING: self._hold_for_transfer,
            PaymentStatus.AUTHORIZED: self._sell_copies,
            PaymentStatus.CAPTURING: self._capture,
            PaymentStatus.VOIDING: self._void,
            PaymentStatus.REFUNDING: self._refund,
        }

    def _authorize(self, payment: Payment) -> None:
        try:
            authorization = self._ask_for_promise(payment)
        except PaymentDeclined:
            self._record(payment, PaymentStatus.DECLINED)
            return

        def keep_promise(order: Order, now: datetime) -> None:
            payment.promised(authorization.authorization_id)

        to = PaymentStatus.HOLDING if authorization.pending else PaymentStatus.AUTHORIZED
        self._record(payment, to, keep_promise)

    def _hold_for_transfer(self, payment: Payment) -> None:
        """A transfer takes days; so long the copies must be held."""
        lines = [Line(line.listing_id, line.quantity) for line in payment.order.lines]
        try:
            held = self.catalog.reserve(payment.order.reference, lines, self.policy.bank_transfer_hold)
        except (OutOfStock, ReservationExpired):
            self._record(payment, PaymentStatus.VOIDING, self._expire)
            return

        def extend(order: Order, now: datetime) -> None:
            order.extend(pay_by(held, now, self.policy), now)

        self._record(payment, PaymentStatus.PENDING, extend)

    def _sell_copies(self, payment: Payment) -> None:
        """Only what is surely the buyer's is paid for."""
        try:
            self.catalog.commit(payment.order.reference)
        except ReservationExpired:
            self._record(payment, PaymentStatus.VOIDING, self._expire)
            return
        self._record(payment, PaymentStatus.CAPTURING, Order.sell_copies)

    def _capture(self, payment: Payment) -> None:
        self.gateway.capture(payment.key("capture"), _promise(payment))

        def pay(order: Order, now: datetime) -> None:
            order.mark_paid(now)
            mails.queue_paid(self.session, order)

        self._record(payment, PaymentStatus.CAPTURED, pay)

    def _void(self, payment: Payment) -> None:
        """Drop the promise. When its answer was lost, asking again is how to learn what to drop."""
        authorization_id = payment.authorization_id
        if authorization_id is None:
            try:
                authorization_id = self._ask_for_promise(payment).authorization_id
            except PaymentDeclined:
                self._record(payment, PaymentStatus.VOIDED, note="was declined")
                return
        self.gateway.void(payment.key("void"), authorization_id)

        def forget(order: Order, now: datetime) -> None:
            payment.promised(authorization_id)

        self._record(payment, PaymentStatus.VOIDED, forget)

    def _refund(self, payment: Payment) -> None:
        self.gateway.refund(payment.key("refund"), _promise(payment), payment.amount)

        def give_back(order: Order, now: datetime) -> None:
            order.mark_refunded(now)
            mails.queue_refunded(self.session, order)

        self._record(payment, PaymentStatus.REFUNDED, give_back)

    def _ask_for_promise(self, payment: Payment) -> Authorization:
        return self.gateway.authorize(
            payment.key("authorize"),
            payment.order.reference,
            payment.amount,
            payment.method,
            payment.token or "",
        )

    def _expire(self, order: Order, now: datetime) -> None:
        order.expire(now)
        order.claimed_until = now + self.policy.claim
        mails.queue_expired(self.session, order)

    def _record(
        self,
        payment: Payment,
        to: PaymentStatus,
        and_then: Callable[[Order, datetime], None] | None = None,
        note: str = "",
    ) -> None:
        """Record the step that was made, unless somebody has moved the payment meanwhile."""
        before, order, now = payment.status, payment.order, utcnow()

        @retried
        def record() -> None:
            with changing_known(self.session, order):
                if payment.status is not before:
                    return
                payment.move(to, now, note)
                payment.claim(now + self.policy.claim)
                if and_then is not None:
                    and_then(order, now)

        record()

    def _put_off(self, payment: Payment, reason: str) -> None:
        """The step got no answer. A promise that never comes is given up: an uncaptured one takes nothing."""
        before, now = payment.status, utcnow()
        with changing_known(self.session, payment.order):
            if payment.status is not before:
                return
            payment.failed_try(now + self.policy.retry_after(payment.tries), reason, now)
            unknown = payment.authorization_id is None
            if unknown and payment.tries >= self.policy.max_tries:
                ends = {PaymentStatus.VOIDING: PaymentStatus.VOIDED}
                payment.move(ends.get(before, PaymentStatus.FAILED), now, f"given up: {reason}")


def pay_by(held: Reservation, now: datetime, policy: Policy) -> datetime:
    """Until when to pay: a little before the hold ends, so that no payment meets its end."""
    return held.expires_at - min(policy.pay_margin, (held.expires_at - now) / 10)


def _promise(payment: Payment) -> str:
    assert payment.authorization_id is not None, "money is taken and given back on a promise only"
    return payment.authorization_id
