"""The mails that an order causes, queued in the transaction of the event itself.

Templates: `templates/orders/mail/order_placed.txt`, `order_paid.txt`, `order_shipped.txt`,
`order_refunded.txt`, `order_canceled.txt`, `order_expired.txt`. Amounts are money as in the API's documents.
"""

from typing import Any

from sqlalchemy.orm import Session

from bookstore.orders.models import Mail, Order, Shipment
from bookstore.shared import mail


def queue_placed(session: Session, order: Order) -> None:
    _queue(session, order, "order_placed", pay_by=order.pay_by.isoformat())


def queue_paid(session: Session, order: Order) -> None:
    _queue(session, order, "order_paid")


def queue_canceled(session: Session, order: Order) -> None:
    """An unpaid order was canceled, or its bank transfer did not arrive."""
    _queue(session, order, "order_canceled")


def queue_expired(session: Session, order: Order) -> None:
    _queue(session, order, "order_expired")


def queue_refunded(session: Session, order: Order) -> None:
    _queue(session, order, "order_refunded")


def queue_shipped(session: Session, order: Order, shipment: Shipment) -> None:
    _queue(
        session,
        order,
        "order_shipped",
        number=shipment.id,
        seller_name=shipment.seller_name,
        carrier=shipment.carrier,
        tracking_number=shipment.tracking_number,
        titles=[line.title for line in shipment.lines],
    )


def _queue(session: Session, order: Order, kind: str, number: int | None = None, **more: Any) -> None:
    """One mail per event: its key is the order, the kind, and the parcel where there are several."""
    event = kind if number is None else f"{kind}:{number}"
    mail.queue(
        session,
        Mail,
        key=f"{order.reference}:{event}",
        recipient=order.buyer_email,
        locale=order.locale,
        kind=kind,
        params=_described(order) | more,
    )


def _described(order: Order) -> dict[str, Any]:
    return {
        "reference": order.reference,
        "path": f"/orders/{order.reference}",
        "buyer_name": order.buyer_name,
        "lines": [
            {"title": line.title, "quantity": line.quantity, "total": line.total.wire()}
            for line in order.lines
        ],
        "delivery": {"carrier": order.delivery_carrier, "price": order.delivery_price.wire()},
        "total": order.total.wire(),
    }
