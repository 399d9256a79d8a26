"""The replicas of a service that were seen lately: each writes a row of its own again and again."""

from datetime import datetime, timedelta

from sqlalchemy import String, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from bookstore.shared.clock import utcnow
from bookstore.shared.database import Database, UtcDateTime
from bookstore.shared.process import Process

BEAT_SECONDS = 15
SEEN_LATELY = timedelta(seconds=4 * BEAT_SECONDS)
KEPT = timedelta(hours=1)


class ReplicaMixin:
    """The columns of a service's table of replicas."""

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    services: Mapped[str] = mapped_column(String(60))
    version: Mapped[str] = mapped_column(String(40))
    # COMMIT is a word of SQL itself.
    built_from: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


def beat(database: Database, model: type[ReplicaMixin], process: Process) -> None:
    """Tell the others that this replica lives, and forget those that have been silent for long."""
    now = utcnow()
    # A replica that keeps its name may come back as another release.
    about = {"services": ",".join(process.services), "version": process.version, "built_from": process.commit}
    with database.writing() as session, session.begin():
        own = update(model).where(model.name == process.replica)
        seen = session.execute(own.values(seen_at=now, **about))
        if seen.rowcount == 0:  # type: ignore[attr-defined]  # an update has it
            row = model(name=process.replica, **about, started_at=now, seen_at=now)  # type: ignore[call-arg]
            _introduce(session, row)
        session.execute(delete(model).where(model.seen_at < now - KEPT))


def seen_lately(session: Session, model: type[ReplicaMixin]) -> list[ReplicaMixin]:
    """The replicas that gave a sign of life in the last minute, by name."""
    lately = model.seen_at >= utcnow() - SEEN_LATELY
    return list(session.scalars(select(model).where(lately).order_by(model.name)))


def _introduce(session: Session, row: ReplicaMixin) -> None:
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        pass  # another process of the same replica was faster
