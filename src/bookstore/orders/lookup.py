"""Finding orders: to read them, only for those whom they concern, and to change them, one at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from bookstore.orders.models import Order
from bookstore.orders.order_status import OrderChanged
from bookstore.shared.errors import NotFound
from bookstore.shared.pagination import Page, decode_cursor, encode_cursor


def order_of_buyer(session: Session, buyer_id: str, reference: str) -> Order:
    """A buyer's own order. Raises NotFound, also for the orders of others."""
    order = order_by_reference(session, reference)
    if order is None or order.buyer_id != buyer_id:
        raise NotFound
    return order


def order_by_reference(session: Session, reference: str) -> Order | None:
    """The order of this reference, whoever's it is."""
    return session.scalar(select(Order).where(Order.reference == reference))


def orders_of_buyer(session: Session, buyer_id: str, cursor: str | None, limit: int) -> Page[Order]:
    """A buyer's own orders, the newest first. Raises InvalidCursor."""
    query = select(Order).where(Order.buyer_id == buyer_id).order_by(Order.id.desc()).limit(limit + 1)
    if cursor is not None:
        (before,) = decode_cursor(cursor, int)
        query = query.where(Order.id < before)
    return page_of(list(session.scalars(query)), limit)


def page_of(found: list[Order], limit: int) -> Page[Order]:
    """A page, when one more than `limit` was asked for in order to know whether there are more."""
    more = len(found) > limit
    return Page(found[:limit], encode_cursor([found[limit - 1].id]) if more else None)


@contextmanager
def changing(session: Session, *which: ColumnElement[bool]) -> Iterator[Order]:
    """A transaction that alone decides on one order, as it is now.

    Raises NotFound, and OrderChanged when another process was faster where the database does not lock.
    """
    fresh = {"populate_existing": True}
    try:
        with session.begin():
            query = select(Order).where(*which).with_for_update()
            order = session.scalar(query, execution_options=fresh)
            if order is None:
                raise NotFound
            yield order
    except StaleDataError as error:
        raise OrderChanged from error
