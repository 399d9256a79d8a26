"""Taking over the purchases of the original BookStore, as orders that have come to an end or wait to be sent.

What was paid was paid elsewhere: the payment says so (`Payment.is_adopted`), no gateway is ever asked about
it, and the audit expects none to know it.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bookstore.orders.cart_models import Coverage, DeliveryOptionRow
from bookstore.orders.lookup import order_by_reference
from bookstore.orders.models import Address, Order, OrderLine, Shipment
from bookstore.orders.order_status import CopiesStatus, OrderStatus
from bookstore.orders.payment_models import ADOPTED, Method, Payment, PaymentStatus
from bookstore.orders.ports import Quote
from bookstore.shared.clock import utcnow
from bookstore.shared.identity import Identity
from bookstore.shared.money import Money

# The original did not say how long a carrier takes.
DAYS = 7
UNKNOWN = "-"


@dataclass(frozen=True)
class Carrier:
    """Who delivers, by our list of delivery options."""

    option_id: int
    name: str
    days: int


NO_CARRIER = Carrier(0, UNKNOWN, 0)


@dataclass(frozen=True)
class PaidElsewhere:
    """What the original knew of the payment; `claim` tells it apart from all others."""

    claim: str
    method: Method
    note: str


@dataclass(frozen=True)
class Purchase:
    """A purchase of the original. `payment` is None if it was never paid, `parcel` if no carrier has it."""

    reference: str
    buyer: Identity
    offer: Quote
    quantity: int
    price: Money
    payment: PaidElsewhere | None
    carrier: Carrier
    parcel: str | None


def adopt_carrier(session: Session, name: str, coverage: Coverage, price: Money) -> tuple[Carrier, bool]:
    """The delivery option of this carrier, made if it is not there yet; and whether it is new.

    An option that is there keeps its price.
    """
    with session.begin():
        same = func.lower(DeliveryOptionRow.carrier) == name.lower()
        row = session.scalar(select(DeliveryOptionRow).where(same))
        is_new = row is None
        if row is None:
            row = DeliveryOptionRow(carrier=name, coverage=coverage, price_minor=price.minor, days=DAYS)
            session.add(row)
            session.flush()
        return Carrier(row.id, row.carrier, row.days), is_new


def adopt_order(session: Session, purchase: Purchase, country: str) -> bool:
    """Record the purchase as an order, if it is not there yet; whether it is new. Nobody is mailed."""
    with session.begin():
        if order_by_reference(session, purchase.reference) is not None:
            return False
        now = utcnow()
        order = _order(purchase, country, now)
        _add_parcel(order, purchase, now)
        session.add(order)
        session.flush()
        if purchase.payment is not None:
            _add_payment(order, purchase.payment, now)
    return True


def _order(purchase: Purchase, country: str, now: datetime) -> Order:
    """The original knew no times and no addresses: everything happened now, and the parcel goes nowhere."""
    total = purchase.price * purchase.quantity
    paid, sent = purchase.payment is not None, purchase.parcel is not None
    return Order(
        reference=purchase.reference,
        buyer_id=purchase.buyer.user_id,
        buyer_name=purchase.buyer.name,
        buyer_email=purchase.buyer.email,
        locale=purchase.buyer.locale,
        _status=_status(paid, sent),
        copies=CopiesStatus.SOLD if paid else CopiesStatus.RETURNED,
        claimed_until=now,
        placed_at=now,
        updated_at=now,
        pay_by=now,
        paid_at=now if paid else None,
        shipped_at=now if paid and sent else None,
        expired_at=None if paid else now,
        currency=total.currency,
        items_minor=total.minor,
        delivery_minor=0,
        total_minor=total.minor,
        delivery_option_id=purchase.carrier.option_id,
        delivery_carrier=purchase.carrier.name,
        delivery_days=purchase.carrier.days,
        address=Address(purchase.buyer.name, UNKNOWN, UNKNOWN, country),
    )


def _status(paid: bool, sent: bool) -> OrderStatus:
    if not paid:
        return OrderStatus.EXPIRED
    return OrderStatus.SHIPPED if sent else OrderStatus.PAID


def _add_parcel(order: Order, purchase: Purchase, now: datetime) -> None:
    offer = purchase.offer
    parcel = Shipment(
        order=order, seller_id=offer.seller_id, seller_name=offer.seller_name, carrier=purchase.carrier.name
    )
    if order.status is OrderStatus.SHIPPED:
        parcel.sent(purchase.parcel or UNKNOWN, now)
    OrderLine(
        order=order,
        shipment=parcel,
        listing_id=offer.listing_id,
        book_id=offer.book_id,
        title=offer.title,
        authors=offer.authors,
        condition=offer.condition,
        book_path=offer.book_path,
        cover_url=offer.cover_url,
        quantity=purchase.quantity,
        price_minor=purchase.price.minor,
        currency=purchase.price.currency,
    )


def _add_payment(order: Order, paid: PaidElsewhere, now: datetime) -> None:
    payment = Payment(
        attempt=1,
        request_key="adopted",
        active_order_id=order.id,
        _status=PaymentStatus.CAPTURED,
        method=paid.method,
        token=None,
        amount_minor=order.total_minor,
        currency=order.currency,
        authorization_id=f"{ADOPTED}{paid.claim}",
        tries=0,
        claimed_until=now,
        started_at=now,
        updated_at=now,
    )
    order.payments.append(payment)
    payment.record(now, paid.note)
