"""What waits in the catalog, for the status page and the metrics."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bookstore.catalog.models import BookChange, Reservation, ReservationLine, ReservationStatus
from bookstore.catalog.search import Search
from bookstore.shared.queues import Queue, queue_of


def queues(session: Session, search: Search) -> list[Queue]:
    """Reservations and copies that are held, and changes that the search index of this replica lacks."""
    held = Reservation.status == ReservationStatus.HELD
    reservations = queue_of(session, "reservations", Reservation.created_at, held)
    copies = select(func.coalesce(func.sum(ReservationLine.quantity), 0)).join(
        Reservation, Reservation.id == ReservationLine.reservation_id
    )
    lacking = BookChange.id > search.position
    return [
        reservations,
        Queue("reserved_copies", int(session.scalar(copies.where(held)) or 0), reservations.oldest),
        queue_of(session, "search_changes", BookChange.changed_at, lacking),
    ]
