"""From paid to delivered: what a seller has to send, and what a buyer has received."""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from bookstore.orders import mails
from bookstore.orders.lookup import changing
from bookstore.orders.models import Order, Shipment
from bookstore.orders.order_status import OrderStatus, ShipmentStatus
from bookstore.shared.clock import utcnow
from bookstore.shared.errors import N_, NotFound, ShopError
from bookstore.shared.pagination import Page, decode_cursor, encode_cursor
from bookstore.shared.retries import repeatable
from bookstore.shared.tracing import step

TRACKING_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./-]{2,39}")


class InvalidTrackingNumber(ShopError):
    """Tracking numbers are letters, digits, spaces, dots, dashes and slashes, 3 to 40 of them."""

    status = 422
    code = "invalid_tracking_number"
    title = N_("A tracking number has 3 to 40 letters or digits.")


def sales(
    session: Session, seller_id: str, cursor: str | None, limit: int, *, to_ship: bool = False
) -> Page[Shipment]:
    """A seller's own shipments of orders that were paid, the newest first, or only those to be sent now.

    Raises InvalidCursor.
    """
    query = (
        select(Shipment)
        .join(Shipment.order)
        .where(Shipment.seller_id == seller_id, Order.paid_at.is_not(None))
        .options(joinedload(Shipment.order))
        .order_by(Shipment.id.desc())
        .limit(limit + 1)
    )
    if to_ship:
        query = query.where(Shipment.status == ShipmentStatus.WAITING, Order.status == OrderStatus.PAID)
    if cursor is not None:
        (before,) = decode_cursor(cursor, int)
        query = query.where(Shipment.id < before)
    found = list(session.scalars(query))
    more = len(found) > limit
    return Page(found[:limit], encode_cursor([found[limit - 1].id]) if more else None)


def sale(session: Session, seller_id: str, shipment_id: int) -> Shipment:
    """One of a seller's own shipments of paid orders. Raises NotFound, also for those of others."""
    shipment = session.get(Shipment, shipment_id, options=[joinedload(Shipment.order)])
    if shipment is None or shipment.seller_id != seller_id or shipment.order.paid_at is None:
        raise NotFound
    return shipment


@repeatable
def ship(session: Session, *, seller_id: str, shipment_id: int, tracking_number: str) -> Shipment:
    """Record that a seller has sent a parcel; repeating it with the same number changes nothing.

    Raises InvalidTrackingNumber, NotFound, CannotShip, AlreadyShipped.
    """
    number = tracking_number.strip()
    if not TRACKING_NUMBER.fullmatch(number):
        raise InvalidTrackingNumber
    his = select(Shipment.order_id).where(Shipment.id == shipment_id, Shipment.seller_id == seller_id)
    paid = (Order.id == his.scalar_subquery(), Order.paid_at.is_not(None))
    with step("ship"), changing(session, *paid) as order:
        shipment = _shipment(order, shipment_id)
        if shipment.tracking_number != number:
            order.ship(shipment, number, utcnow())
            mails.queue_shipped(session, order, shipment)
    return shipment


@repeatable
def receive(session: Session, *, buyer_id: str, reference: str, shipment_id: int) -> Shipment:
    """Record that a parcel has reached its buyer; repeating it changes nothing.

    Raises NotFound, NotShipped.
    """
    with changing(session, Order.reference == reference, Order.buyer_id == buyer_id) as order:
        shipment = _shipment(order, shipment_id)
        if shipment.status is not ShipmentStatus.RECEIVED:
            order.receive(shipment, utcnow())
    return shipment


def _shipment(order: Order, shipment_id: int) -> Shipment:
    shipment = order.shipment(shipment_id)
    if shipment is None:
        raise NotFound
    return shipment
