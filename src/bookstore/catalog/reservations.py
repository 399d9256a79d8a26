"""Reservations: copies held for an order reference, then sold or given back.

Every change of the stock is one conditional update, and every move of a reservation too: whoever changes
the row has made the move. Lines go in the order of their listings, so that two of us cannot wait for each
other. The promises are those of the catalog port of orders.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Update, bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from bookstore.catalog import books, listings
from bookstore.catalog.listings import Offer
from bookstore.catalog.models import MAX_ID, Listing, Reservation, ReservationLine, ReservationStatus
from bookstore.shared.clock import utcnow
from bookstore.shared.database import table_of
from bookstore.shared.errors import N_, ShopError
from bookstore.shared.retries import repeatable

MAX_QUANTITY = 100
SWEEP = 50
TRIES = 4

Copies = dict[int, int]
# Statements that are built once: to build one costs more than to send it.
_listings = table_of(Listing)
_LOCK = select(Reservation).where(Reservation.reference == bindparam("reference")).with_for_update()


class NotEnoughCopies(ShopError):
    """Fewer copies are on sale than were asked for; nothing was held. `listing_ids` names the listings."""

    status = 409
    code = "out_of_stock"
    title = N_("Some of these copies have just been sold.")

    def __init__(self, listing_ids: Iterable[int]) -> None:
        self.listing_ids = sorted(listing_ids)
        super().__init__(listing_ids=self.listing_ids)


class ReservationGone(ShopError):
    """The copies are not held for this reference, or not these copies."""

    status = 409
    code = "reservation_expired"
    title = N_("These copies are no longer held for this order.")


class InvalidQuantity(ShopError):
    """A reservation is for one copy at least, and for few enough of each listing to be one person's."""

    status = 422
    code = "invalid_quantity"
    title = N_("You can take between 1 and %(most)s copies of a listing.")

    def __init__(self) -> None:
        super().__init__(most=MAX_QUANTITY)


@dataclass(frozen=True)
class HeldLine:
    """So many copies of an offer, at the price at which they were first held."""

    offer: Offer
    quantity: int


@dataclass(frozen=True)
class HeldCopies:
    """What is held for a reference, and until when."""

    reference: str
    expires_at: datetime
    lines: tuple[HeldLine, ...]


def reserve(
    session: Session, reference: str, lines: Sequence[tuple[int, int]], hold: timedelta
) -> HeldCopies:
    """Hold these copies (listing, quantity) for the reference, all of them or none.

    Repeated with the same lines it renews the hold at the first prices, and takes the copies anew if it
    had expired. Raises InvalidQuantity; NotEnoughCopies; ReservationGone when the reference was released
    or committed, or holds other copies.
    """
    copies = _merged(lines)
    for _ in range(TRIES - 1):
        try:
            return _hold(session, reference, copies, hold)
        except IntegrityError:
            continue  # somebody reserves the same reference at this very moment; at the next try it is there
    return _hold(session, reference, copies, hold)


@repeatable
def commit(session: Session, reference: str) -> None:
    """The held copies are sold; repeating it changes nothing. Raises ReservationGone."""
    with session.begin():
        known = _lock(session, reference)
        in_time = Reservation.expires_at > utcnow()
        if known is None:
            raise ReservationGone
        if _move(session, reference, ReservationStatus.HELD, ReservationStatus.COMMITTED, in_time):
            for line in known.lines:
                _shift(session, line, Listing.held, Listing.sold)
        elif known.status is not ReservationStatus.COMMITTED:
            raise ReservationGone


@repeatable
def release(session: Session, reference: str) -> None:
    """Give the copies back, held or sold; an unknown or released reference changes nothing."""
    with session.begin():
        known = _lock(session, reference)
        if known is None:
            return
        if _move(session, reference, ReservationStatus.HELD, ReservationStatus.RELEASED):
            _give_back(session, known, Listing.held)
        elif _move(session, reference, ReservationStatus.COMMITTED, ReservationStatus.RELEASED):
            _give_back(session, known, Listing.sold)
        else:
            # An expired one has given its copies back already; from now on it cannot take them anew.
            _move(session, reference, ReservationStatus.EXPIRED, ReservationStatus.RELEASED)


def expire_due(session: Session, limit: int = SWEEP) -> int:
    """Give back the copies of reservations whose time has run out, and return how many expired."""
    now = utcnow()
    is_due = Reservation.expires_at <= now
    with session.begin():
        due = session.scalars(
            select(Reservation.reference)
            .where(Reservation.status == ReservationStatus.HELD, is_due)
            .order_by(Reservation.expires_at)
            .limit(limit)
        ).all()
    return sum(_expire(session, reference, now) for reference in due)


@repeatable
def _expire(session: Session, reference: str, now: datetime) -> bool:
    """Only if it is still held and was not renewed: a commit or a renewal may be faster."""
    with session.begin():
        known = _lock(session, reference)
        is_due = Reservation.expires_at <= now
        expired = _move(session, reference, ReservationStatus.HELD, ReservationStatus.EXPIRED, is_due)
        if expired and known is not None:
            _give_back(session, known, Listing.held)
    return expired


def _merged(lines: Sequence[tuple[int, int]]) -> Copies:
    copies: Copies = {}
    for listing_id, quantity in lines:
        if not 1 <= quantity <= MAX_QUANTITY:
            raise InvalidQuantity
        copies[listing_id] = copies.get(listing_id, 0) + quantity
    if not copies or max(copies.values()) > MAX_QUANTITY:
        raise InvalidQuantity
    return dict(sorted(copies.items()))


@repeatable
def _hold(session: Session, reference: str, copies: Copies, hold: timedelta) -> HeldCopies:
    until = utcnow() + hold
    with session.begin():
        known = _lock(session, reference)
        takes = known is None or _renew(session, known, copies, until)
        known = known or _enter(session, reference, until)
        if takes:
            _take(session, copies)
        offers = listings.offers(session, copies)
        if takes:
            books.mark_changed(session, {offer.book_id for offer in offers.values()})
        known.lines = known.lines or _lines_at_prices_of(offers, copies)
        return HeldCopies(reference, until, _held(known, offers))


def _lock(session: Session, reference: str) -> Reservation | None:
    """Wait for whoever changes this reservation now, and keep others from it until the transaction ends.

    Without it, a server may look for the row of an update by status and time of expiry. While another one
    renews the hold, the row moves in that index, and the update passes it by.
    """
    return session.scalar(_LOCK, {"reference": reference}, execution_options={"populate_existing": True})


def _enter(session: Session, reference: str, until: datetime) -> Reservation:
    """The reservation goes first: its unique reference stops whoever tries the same meanwhile."""
    entered = Reservation(reference=reference, status=ReservationStatus.HELD, expires_at=until, lines=[])
    session.add(entered)
    session.flush()
    return entered


def _renew(session: Session, known: Reservation, copies: Copies, until: datetime) -> bool:
    """Hold on for longer; whether the copies are to be taken anew. Raises ReservationGone."""
    held, expired = ReservationStatus.HELD, ReservationStatus.EXPIRED
    if not known.wants(copies):
        raise ReservationGone
    if _move(session, known.reference, held, held, expires_at=until):
        return False
    if not _move(session, known.reference, expired, held, expires_at=until):
        raise ReservationGone
    return True


def _take(session: Session, copies: Copies) -> None:
    """Available copies become held. Raises NotEnoughCopies, which undoes those already taken."""
    missing = [
        listing_id
        for listing_id, quantity in copies.items()
        if not (
            0 < listing_id <= MAX_ID
            and _move_copies(session, listing_id, quantity, Listing.available, Listing.held, on_sale=True)
        )
    ]
    if missing:
        raise NotEnoughCopies(missing)


def _give_back(session: Session, known: Reservation, source: InstrumentedAttribute[int]) -> None:
    """Held or sold copies become available; those of a withdrawn listing too, though nobody can buy them."""
    for line in known.lines:
        _shift(session, line, source, Listing.available)
    returned = Listing.id.in_([line.listing_id for line in known.lines])
    books.mark_changed(session, session.scalars(select(Listing.book_id).where(returned)))


def _shift(
    session: Session,
    line: ReservationLine,
    source: InstrumentedAttribute[int],
    target: InstrumentedAttribute[int],
) -> None:
    moved = _move_copies(session, line.listing_id, line.quantity, source, target)
    if not moved:
        raise AssertionError(f"listing {line.listing_id} does not have the copies of its reservations")


def _move_copies(
    session: Session,
    listing_id: int,
    quantity: int,
    source: InstrumentedAttribute[int],
    target: InstrumentedAttribute[int],
    *,
    on_sale: bool = False,
) -> bool:
    """Copies of a listing change their state, if there are enough of them (and if it is on sale)."""
    change = _change_of_copies(source.key, target.key, on_sale=on_sale)
    return _changes_one(session, change, {"listing": listing_id, "quantity": quantity})


@functools.cache
def _change_of_copies(source: str, target: str, *, on_sale: bool) -> Update:
    """Built once for each pair of states."""
    taken, given = _listings.c[source], _listings.c[target]
    quantity: BindParameter[int] = bindparam("quantity")
    change = update(_listings).where(_listings.c.id == bindparam("listing"), taken >= quantity)
    if on_sale:
        change = change.where(_listings.c.withdrawn_at.is_(None))
    return change.values({taken: taken - quantity, given: given + quantity})


def _move(
    session: Session,
    reference: str,
    source: ReservationStatus,
    target: ReservationStatus,
    *conditions: Any,
    **values: Any,
) -> bool:
    """The reservation changes its status, if it still has the one we think."""
    same = Reservation.reference == reference
    change = update(Reservation).where(same, Reservation.status == source, *conditions)
    change = change.values(status=target, **values).execution_options(synchronize_session=False)
    return _changes_one(session, change)


def _changes_one(session: Session, change: Update, values: Mapping[str, int] | None = None) -> bool:
    done = session.execute(change, values)
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]  # an update has it


def _lines_at_prices_of(offers: Mapping[int, Offer], copies: Copies) -> list[ReservationLine]:
    return [
        ReservationLine(
            listing_id=listing_id,
            quantity=quantity,
            price_minor=offers[listing_id].price.minor,
            currency=offers[listing_id].price.currency,
        )
        for listing_id, quantity in copies.items()
    ]


def _held(known: Reservation, offers: Mapping[int, Offer]) -> tuple[HeldLine, ...]:
    return tuple(
        HeldLine(replace(offers[line.listing_id], price=line.price), line.quantity) for line in known.lines
    )
