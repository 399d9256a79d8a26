"""Which replica copies its search index for the others, decided by the catalog's database."""

import secrets
from datetime import timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from bookstore.catalog.models import SearchSnapshotTurn
from bookstore.shared.clock import utcnow

# Far longer than a copy takes; a replica that is killed while it copies keeps the turn for so long.
TURN = timedelta(minutes=15)


def database_id(session: Session) -> str:
    """The name of this database that its snapshots carry."""
    return session.scalars(select(SearchSnapshotTurn.database_id)).one()


def take_turn(session: Session) -> bool:
    """Whether this replica may copy its index now; while it does, no other may."""
    now = utcnow()
    is_free = or_(SearchSnapshotTurn.claimed_until.is_(None), SearchSnapshotTurn.claimed_until < now)
    with session.begin():
        taken = session.execute(update(SearchSnapshotTurn).where(is_free).values(claimed_until=now + TURN))
    return bool(taken.rowcount == 1)  # type: ignore[attr-defined]  # an update has it


def end_turn(session: Session) -> None:
    with session.begin():
        session.execute(update(SearchSnapshotTurn).values(claimed_until=None))


def rename_database(session: Session, old: str) -> None:
    """Disown all snapshots: the database was put back to an earlier state, and they may hold what it lost."""
    with session.begin():
        own = update(SearchSnapshotTurn).where(SearchSnapshotTurn.database_id == old)
        session.execute(own.values(database_id=secrets.token_hex(16)))
