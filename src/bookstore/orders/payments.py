"""Paying an order, and what an admin decides about bank transfers."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from bookstore.orders import mails
from bookstore.orders.lookup import changing
from bookstore.orders.models import Order
from bookstore.orders.order_status import OrderChanged, OrderStatus
from bookstore.orders.payment_models import (
    Method,
    Payment,
    PaymentInProgress,
    PaymentStatus,
    begin_payment,
)
from bookstore.orders.policy import Policy
from bookstore.orders.ports import (
    Catalog,
    CatalogUnavailable,
    GatewayError,
    PaymentDeclined,
    PaymentGateway,
    ReservationExpired,
)
from bookstore.orders.saga import Saga, turn_back
from bookstore.shared.clock import utcnow
from bookstore.shared.errors import N_, NotFound, ServiceUnavailable, ShopError
from bookstore.shared.pagination import Page, decode_cursor, encode_cursor
from bookstore.shared.retries import repeatable, retried

MAX_TOKEN = 255


class InvalidToken(ShopError):
    """What the payment form handed out is a short printable text."""

    status = 422
    code = "invalid_payment_token"
    title = N_("The payment details are not valid. Please enter them again.")


class PaymentDelayed(ServiceUnavailable):
    """The money is promised, but the catalog does not answer; the shop goes on by itself."""

    code = "payment_delayed"
    title = N_("Your payment takes longer than usual. We go on with it; please look again in a moment.")


class NotPending(ShopError):
    """The transfer has been decided on already, or its order has ended."""

    status = 409
    code = "not_pending"
    title = N_("This transfer is no longer waiting for a decision.")


@repeatable
def pay(
    session: Session,
    catalog: Catalog,
    gateway: PaymentGateway,
    policy: Policy,
    *,
    buyer_id: str,
    reference: str,
    method: Method,
    token: str,
    request_key: str,
) -> Payment:
    """Pay the whole order. The payment returned is captured, or pending when it is a bank transfer.

    Repeating it with the same `request_key` goes on with the same payment and charges nothing twice.
    Raises NotFound, NotPayable, PaymentInProgress, TooManyPayments, InvalidToken, PaymentDeclined,
    ReservationExpired, and GatewayError or PaymentDelayed when the shop will try again by itself.
    """
    if len(token) > MAX_TOKEN or not token.isprintable():
        raise InvalidToken
    mine = (Order.reference == reference, Order.buyer_id == buyer_id)
    try:
        with changing(session, *mine) as order:
            payment = _repeated(order, request_key) or begin_payment(
                order, method, token, request_key, utcnow(), policy.claim
            )
            session.flush()
    except IntegrityError as error:
        raise PaymentInProgress(reference=reference) from error
    _go_on(Saga(session, catalog, gateway, policy), payment)
    return payment


def confirm_transfer(
    session: Session, catalog: Catalog, gateway: PaymentGateway, policy: Policy, payment_id: int
) -> Payment:
    """The money of a bank transfer has arrived. Raises NotFound, NotPending, and what `pay` raises."""
    payment = _accept_transfer(session, policy, _order_id_of(session, payment_id), payment_id)
    _go_on(Saga(session, catalog, gateway, policy), payment)
    return payment


def reject_transfer(
    session: Session, catalog: Catalog, gateway: PaymentGateway, policy: Policy, payment_id: int
) -> Payment:
    """The money has not arrived: the order is canceled, its copies are free. Raises NotFound, NotPending."""
    payment = _refuse_transfer(session, policy, _order_id_of(session, payment_id), payment_id)
    Saga(session, catalog, gateway, policy).settle(payment.order)
    return payment


def pending_transfers(session: Session, cursor: str | None, limit: int) -> Page[Payment]:
    """Bank transfers that wait for an admin, the oldest first, each with its order. Raises InvalidCursor."""
    query = (
        select(Payment)
        .where(Payment.status == PaymentStatus.PENDING)
        .options(joinedload(Payment.order))
        .order_by(Payment.id)
        .limit(limit + 1)
    )
    if cursor is not None:
        (after,) = decode_cursor(cursor, int)
        query = query.where(Payment.id > after)
    found = list(session.scalars(query))
    more = len(found) > limit
    return Page(found[:limit], encode_cursor([found[limit - 1].id]) if more else None)


def _repeated(order: Order, request_key: str) -> Payment | None:
    return next((payment for payment in order.payments if payment.request_key == request_key), None)


def _order_id_of(session: Session, payment_id: int) -> int:
    with session.begin():
        order_id = session.scalar(select(Payment.order_id).where(Payment.id == payment_id))
    if order_id is None:
        raise NotFound
    return order_id


@retried
def _accept_transfer(session: Session, policy: Policy, order_id: int, payment_id: int) -> Payment:
    with changing(session, Order.id == order_id) as order:
        payment = order.payment(payment_id)
        if payment.status is PaymentStatus.CAPTURED:
            return payment
        if payment.status is not PaymentStatus.PENDING:
            raise NotPending
        now = utcnow()
        payment.move(PaymentStatus.AUTHORIZED, now, "transfer confirmed")
        payment.claim(now + policy.claim)
        return payment


@retried
def _refuse_transfer(session: Session, policy: Policy, order_id: int, payment_id: int) -> Payment:
    with changing(session, Order.id == order_id) as order:
        payment = order.payment(payment_id)
        if payment.status is not PaymentStatus.PENDING:
            raise NotPending
        now = utcnow()
        order.cancel(now)
        turn_back(order, now)
        payment.claim(now + policy.claim)
        order.claimed_until = now + policy.claim
        mails.queue_canceled(session, order)
        return payment


def _go_on(saga: Saga, payment: Payment) -> None:
    """Make the steps that are due, and raise what the buyer must be told."""
    try:
        saga.drive(payment)
    except CatalogUnavailable as error:
        if payment.order.is_open:
            raise PaymentDelayed from error
    except GatewayError:
        if payment.order.is_open:
            raise
    saga.settle(payment.order)
    _tell(payment)


def _tell(payment: Payment) -> None:
    if payment.status is PaymentStatus.DECLINED:
        raise PaymentDeclined(reference=payment.order.reference)
    if payment.status is PaymentStatus.FAILED:
        raise GatewayError(reference=payment.order.reference)
    if payment.order.status is OrderStatus.EXPIRED:
        raise ReservationExpired(reference=payment.order.reference)
    if payment.status in {PaymentStatus.VOIDING, PaymentStatus.VOIDED}:
        raise OrderChanged(reference=payment.order.reference)
