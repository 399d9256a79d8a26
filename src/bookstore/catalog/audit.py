"""The invariants of copies, and what reservations hold, for the audit of the whole shop."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bookstore.catalog.models import Listing, Reservation, ReservationLine, ReservationStatus
from bookstore.shared.clock import utcnow

# The sweeper runs every few seconds; what is held this long after its time has been forgotten.
FORGOTTEN = timedelta(minutes=5)

STATES = {
    ReservationStatus.HELD: "held",
    ReservationStatus.COMMITTED: "sold",
    ReservationStatus.RELEASED: "gone",
    ReservationStatus.EXPIRED: "gone",
}


@dataclass(frozen=True)
class Finding:
    """Something that must not be: which rule, of what, and what was found."""

    rule: str
    subject: str
    detail: str


@dataclass(frozen=True)
class ReservationState:
    """What the catalog has done for a reference: `held`, `sold` or `gone`, and with which copies."""

    state: str
    lines: Mapping[int, int]


def audit_copies(session: Session, at: datetime | None = None) -> list[Finding]:
    """Listings whose counters do not agree with one another or with their reservations.

    Holds are judged as of the moment `at`, by default now.

    One read transaction sees all of it at one moment, so a busy shop is not mistaken for a broken one.
    """
    held = _reserved(session, ReservationStatus.HELD)
    sold = _reserved(session, ReservationStatus.COMMITTED)
    columns = (Listing.id, Listing.offered, Listing.available, Listing.held, Listing.sold)
    findings = []
    for row in session.execute(select(*columns).order_by(Listing.id).execution_options(yield_per=1000)):
        subject = f"listing {row.id}"
        if row.offered != row.available + row.held + row.sold or row.available < 0:
            counts = f"{row.offered} offered, {row.available} + {row.held} + {row.sold}"
            findings.append(Finding("offered = available + held + sold", subject, counts))
        if row.held != held.get(row.id, 0):
            detail = f"{row.held} held, {held.get(row.id, 0)} reserved"
            findings.append(Finding("held copies have a reservation", subject, detail))
        if row.sold != sold.get(row.id, 0):
            detail = f"{row.sold} sold, {sold.get(row.id, 0)} committed"
            findings.append(Finding("sold copies have a reservation", subject, detail))
    return findings + _forgotten(session, at or utcnow())


def reservation_states(session: Session) -> dict[str, ReservationState]:
    """Each reference that ever reserved copies, and what became of them."""
    query = (
        select(
            Reservation.reference, Reservation.status, ReservationLine.listing_id, ReservationLine.quantity
        )
        .join(ReservationLine, ReservationLine.reservation_id == Reservation.id)
        .execution_options(yield_per=1000)
    )
    lines: dict[str, dict[int, int]] = {}
    states: dict[str, str] = {}
    for reference, status, listing_id, quantity in session.execute(query):
        states[reference] = STATES[status]
        lines.setdefault(reference, {})[listing_id] = quantity
    return {reference: ReservationState(states[reference], lines[reference]) for reference in states}


def _reserved(session: Session, status: ReservationStatus) -> dict[int, int]:
    query = (
        select(ReservationLine.listing_id, func.sum(ReservationLine.quantity))
        .join(Reservation, Reservation.id == ReservationLine.reservation_id)
        .where(Reservation.status == status)
        .group_by(ReservationLine.listing_id)
    )
    return {listing_id: int(copies) for listing_id, copies in session.execute(query)}


def _forgotten(session: Session, at: datetime) -> list[Finding]:
    overdue = (Reservation.status == ReservationStatus.HELD, Reservation.expires_at < at - FORGOTTEN)
    found = session.execute(select(Reservation.reference, Reservation.expires_at).where(*overdue))
    return [
        Finding("no hold outlives its time", reference, f"expired {expires_at.isoformat()}")
        for reference, expires_at in found
    ]
