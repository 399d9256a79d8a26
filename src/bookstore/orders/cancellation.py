"""Canceling an order before anything of it has been sent."""

from sqlalchemy.orm import Session

from bookstore.orders import mails
from bookstore.orders.lookup import changing
from bookstore.orders.models import Order
from bookstore.orders.order_status import OrderStatus
from bookstore.orders.payment_models import PaymentInProgress
from bookstore.orders.policy import Policy
from bookstore.orders.ports import Catalog, PaymentGateway
from bookstore.orders.saga import Saga, turn_back
from bookstore.shared.clock import utcnow
from bookstore.shared.retries import repeatable

CANCELED = {OrderStatus.CANCELED, OrderStatus.REFUNDED}


@repeatable
def cancel(
    session: Session,
    catalog: Catalog,
    gateway: PaymentGateway,
    policy: Policy,
    *,
    buyer_id: str,
    reference: str,
) -> Order:
    """Stop the order, free its copies and give its money back; repeating it changes nothing.

    The order returned is canceled, and refunded once the money is back. Raises NotFound, CannotCancel,
    and PaymentInProgress in the moment in which the money is being taken.
    """
    with changing(session, Order.reference == reference, Order.buyer_id == buyer_id) as order:
        if order.status not in CANCELED:
            _decide(session, order, policy)
    Saga(session, catalog, gateway, policy).settle(order)
    return order


def _decide(session: Session, order: Order, policy: Policy) -> None:
    payment = order.active_payment
    if payment is not None and payment.is_being_captured:
        raise PaymentInProgress(reference=order.reference)
    now = utcnow()
    order.cancel(now)
    order.claimed_until = now + policy.claim
    if order.paid_at is None:
        mails.queue_canceled(session, order)
    if payment is not None:
        turn_back(order, now)
        payment.claim(now + policy.claim)
