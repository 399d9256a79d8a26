"""Finishing what was begun: orders that stopped between two steps, and orders whose time has run out.

Any number of workers may do this: each piece of work is claimed by a conditional update, and each step may
be repeated anyway.
"""

from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, select, update

from bookstore.orders import mails
from bookstore.orders.lookup import changing
from bookstore.orders.models import Order, OrderEvent
from bookstore.orders.order_status import CopiesStatus, OrderChanged, OrderStatus
from bookstore.orders.payment_models import MOVING, Payment, PaymentEvent
from bookstore.orders.policy import Policy
from bookstore.orders.ports import Catalog, PaymentGateway
from bookstore.orders.saga import NO_ANSWER, Saga, turn_back
from bookstore.shared.clock import utcnow
from bookstore.shared.database import Database
from bookstore.shared.errors import NotFound
from bookstore.shared.telemetry import log
from bookstore.shared.tracing import continued

BATCH = 50

Conditions = tuple[ColumnElement[bool], ...]
Claimable = type[Payment] | type[Order]
Log = type[PaymentEvent] | type[OrderEvent]
Query = TypeVar("Query", bound=Select[*tuple[Any, ...]])


def recover(database: Database, catalog: Catalog, gateway: PaymentGateway, policy: Policy) -> int:
    """Carry on the payments and give back the copies that nobody is at work on; return how many."""
    now = utcnow()
    stopped = (Payment.status.in_(MOVING), Payment.claimed_until <= now)
    kept = (Order.copies == CopiesStatus.RETURNING, Order.claimed_until <= now)
    with database.reading() as session:
        payments = session.execute(_oldest(select(Payment.id, Payment.order_id), Payment, stopped)).all()
        orders = session.scalars(_oldest(select(Order.id), Order, kept)).all()
    with database.writing() as session:
        saga = Saga(session, catalog, gateway, policy)
        done = 0
        for payment_id, order_id in payments:
            done += _carry_on(saga, order_id, payment_id, stopped)
        for order_id in orders:
            done += _return_copies(saga, order_id, kept)
    return done


def expire_unpaid(database: Database, catalog: Catalog, gateway: PaymentGateway, policy: Policy) -> int:
    """End the orders that were not paid in time: free their copies, drop their promises; return how many."""
    with database.reading() as session:
        overdue = session.scalars(
            select(Order.id)
            .where(Order.status == OrderStatus.AWAITING_PAYMENT, Order.pay_by <= utcnow())
            .order_by(Order.pay_by)
            .limit(BATCH)
        ).all()
    with database.writing() as session:
        saga = Saga(session, catalog, gateway, policy)
        return sum(_expire(saga, order_id) for order_id in overdue)


def _expire(saga: Saga, order_id: int) -> bool:
    try:
        with changing(saga.session, Order.id == order_id) as order:
            now = utcnow()
            payment = order.active_payment
            # Money that is being taken is for copies that are sold: this order will be paid.
            if not order.is_open or order.pay_by > now or (payment and payment.is_being_captured):
                return False
            order.expire(now)
            order.claimed_until = now + saga.policy.claim
            mails.queue_expired(saga.session, order)
            if payment is not None:
                turn_back(order, now)
                payment.claim(now + saga.policy.claim)
    except (OrderChanged, NotFound):
        return False
    log.info("order expired", reference=order.reference)
    saga.settle(order)
    return True


def _carry_on(saga: Saga, order_id: int, payment_id: int, stopped: Conditions) -> bool:
    if not _claim(saga, Payment, payment_id, stopped):
        return False
    with changing(saga.session, Order.id == order_id) as order:
        payment = order.payment(payment_id)
    log.info("payment carried on", reference=order.reference, status=payment.status)
    with continued(_last_trace(saga, PaymentEvent, PaymentEvent.payment_id == payment_id)):
        try:
            saga.drive(payment)
        except NO_ANSWER as error:
            log.warning("payment still unanswered", reference=order.reference, error=error.code)
        else:
            saga.settle(order)
    return True


def _return_copies(saga: Saga, order_id: int, kept: Conditions) -> bool:
    if not _claim(saga, Order, order_id, kept):
        return False
    with changing(saga.session, Order.id == order_id) as order:
        pass  # only to see it as it is now
    with continued(_last_trace(saga, OrderEvent, OrderEvent.order_id == order_id)):
        try:
            saga.return_copies(order)
        except NO_ANSWER as error:
            log.warning("copies not given back yet", reference=order.reference, error=error.code)
    return True


def _last_trace(saga: Saga, log_of: Log, whose: ColumnElement[bool]) -> str | None:
    """The trace in which this was worked on last."""
    with saga.session.begin():
        last = select(log_of.trace_id).where(whose).order_by(log_of.id.desc()).limit(1)
        return saga.session.scalar(last)


def _oldest(query: Query, model: Claimable, conditions: Conditions) -> Query:
    return query.where(*conditions).order_by(model.claimed_until).limit(BATCH)


def _claim(saga: Saga, model: Claimable, row_id: int, free: Conditions) -> bool:
    """Take a piece of work for ourselves, unless another worker was faster."""
    claim = update(model).where(model.id == row_id, *free).execution_options(synchronize_session=False)
    with saga.session.begin():
        claimed = saga.session.execute(claim.values(claimed_until=utcnow() + saga.policy.claim))
    return bool(claimed.rowcount == 1)  # type: ignore[attr-defined]  # an update has it
