"""Finding orders: to read them, only for those whom they concern, and to change them, one at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import ColumnElement, bindparam, inspect, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from bookstore.orders.models import Order
from bookstore.orders.order_status import OrderChanged
from bookstore.shared.errors import NotFound
from bookstore.shared.pagination import Page, decode_cursor, encode_cursor

# Built once: each step of an order begins with one of them.
_BY_REFERENCE = select(Order).where(Order.reference == bindparam("reference"))
_VERSION = select(Order.version).where(Order.id == bindparam("order_id")).with_for_update()


def order_of_buyer(session: Session, buyer_id: str, reference: str) -> Order:
    """A buyer's own order. Raises NotFound, also for the orders of others."""
    order = order_by_reference(session, reference)
    if order is None or order.buyer_id != buyer_id:
        raise NotFound
    return order


def order_by_reference(session: Session, reference: str) -> Order | None:
    """The order of this reference, whoever's it is."""
    return session.scalar(_BY_REFERENCE, {"reference": reference})


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
    with _deciding(session):
        yield _read_locked(session, *which)


@contextmanager
def changing_known(session: Session, order: Order) -> Iterator[None]:
    """The same for an order that was read before: it is read anew only when it is no longer what it was.

    Whatever is decided by raises the order's version, so that one number tells whether it is.
    """
    # A transaction that was undone leaves the order without what was known of it, its version too.
    known = vars(order).get("version")
    (order_id,) = inspect(order).identity or (None,)
    with _deciding(session):
        version = session.scalar(_VERSION, {"order_id": order_id})
        if version is None or version != known:
            _read_locked(session, Order.id == order_id)
        yield


@contextmanager
def _deciding(session: Session) -> Iterator[None]:
    try:
        with session.begin():
            yield
    except StaleDataError as error:
        raise OrderChanged from error


def _read_locked(session: Session, *which: ColumnElement[bool]) -> Order:
    query = select(Order).where(*which).with_for_update()
    order = session.scalar(query, execution_options={"populate_existing": True})
    if order is None:
        raise NotFound
    return order
