"""Following the change table: what has changed about books goes into the search index."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import Row, delete, func, select
from sqlalchemy.orm import Session

from bookstore.catalog.models import BookChange
from bookstore.catalog.search_index import IndexWriter, SearchIndex
from bookstore.catalog.search_source import indexed_books
from bookstore.shared.clock import utcnow
from bookstore.shared.database import Database

# So many changes become one commit of the index.
BATCH = 1_000
# Rows of the change table may become visible out of order: a transaction that took its number first may
# commit last. So a change counts as settled, with all before it, only when it is this old; whatever comes
# after the settled ones is looked at again, also by an index that was closed or copied in between.
LATE_COMMIT = timedelta(seconds=60)
CHANGES_KEPT = timedelta(days=7)
DELETED_AT_ONCE = 5_000

Change = Row[int, int]


class OutOfStep(Exception):
    """The change table does not lead on from where the index stands, so the index must be built anew.

    Changes that it has not followed are forgotten, or the database is not the one that it was built from.
    """


class DatabaseWentBack(OutOfStep):
    """The index has followed changes that the database does not know: it was put back to an earlier state."""


class IndexFollower:
    """Writes into the index what the change table says, while it has the index's writer lock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer: IndexWriter | None = None
        # Numbers of changes after the settled ones that are in the index; whatever else is there came late.
        self._seen: set[int] = set()

    def follow(self, index: SearchIndex) -> int:
        """Write one batch of changes, if no other process is the writer; how many changes they were.

        Fewer than BATCH mean that there is nothing left. Raises OutOfStep, IndexReplaced, IndexUnusable.
        """
        if not self._is_writer(index):
            return 0
        index.reload()
        position, settled = index.position or 0, index.settled or 0
        cutoff = utcnow() - LATE_COMMIT
        with self._database.reading() as session:
            require_step(session, settled, position)
            late = self._late_changes(session, settled, position)
            changes = [*late, *_changes_after(session, position)][:BATCH]
            position = max([position, *(change.id for change in changes)])
            if len(late) < BATCH:
                settled = max(settled, _newest_until(session, position, cutoff))
        # An index at rest is settled once, so that it stays in step when the changes are forgotten.
        if changes or (settled == position and settled > (index.settled or 0)):
            self._write(changes, position, settled)
        return len(changes)

    def release(self) -> None:
        """Let another process be the writer."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    @property
    def writes(self) -> bool:
        """Whether this process has the index's writer lock."""
        return self._writer is not None

    def _is_writer(self, index: SearchIndex) -> bool:
        if self._writer is None:
            self._writer = index.try_writer()
            self._seen = set()
        return self._writer is not None

    def _late_changes(self, session: Session, settled: int, position: int) -> list[Change]:
        """Changes that the index has passed and perhaps does not have, at most a batch of them."""
        self._seen = {number for number in self._seen if number > settled}
        passed = (BookChange.id > settled, BookChange.id <= position)
        if session.scalar(select(func.count(BookChange.id)).where(*passed)) == len(self._seen):
            return []
        rows = session.execute(
            select(BookChange.id, BookChange.book_id).where(*passed).order_by(BookChange.id)
        )
        return list(islice((row for row in rows if row.id not in self._seen), BATCH))

    def _write(self, changes: Iterable[Change], position: int, settled: int) -> None:
        assert self._writer is not None
        book_ids = sorted({change.book_id for change in changes})
        if book_ids:
            with self._database.reading() as session:
                books = indexed_books(session, book_ids)
            self._writer.remove(set(book_ids) - {book.id for book in books})
            self._writer.put(books)
        self._writer.commit(position, settled)
        self._seen |= {change.id for change in changes}


def _changes_after(session: Session, position: int) -> Sequence[Change]:
    query = select(BookChange.id, BookChange.book_id).where(BookChange.id > position)
    return session.execute(query.order_by(BookChange.id).limit(BATCH)).all()


def newest_change(session: Session) -> int:
    """The number of the last change; zero when there was none."""
    return session.scalar(select(func.max(BookChange.id))) or 0


def settled_change(session: Session) -> int:
    """The number up to which no change can become visible any more."""
    newest = _newest_until(session, newest_change(session), utcnow() - LATE_COMMIT)
    return newest or (session.scalar(select(func.min(BookChange.id))) or 1) - 1


def _newest_until(session: Session, number: int, moment: datetime) -> int:
    """The last change up to this number and this moment; zero when there is none."""
    until = select(BookChange.id).where(BookChange.id <= number, BookChange.changed_at <= moment)
    return session.scalar(until.order_by(BookChange.id.desc()).limit(1)) or 0


def require_step(session: Session, settled: int, position: int) -> None:
    """Raise OutOfStep when the change table does not have all changes after the settled ones."""
    if position > newest_change(session):
        raise DatabaseWentBack
    oldest = session.scalar(select(func.min(BookChange.id))) or 1
    if settled < oldest - 1:
        raise OutOfStep


def forget_old_changes(database: Database) -> int:
    """Drop rows of the change table that every index has followed long ago; how many they were.

    The newest stays, so that the table still tells how far an index must be.
    """
    gone = 0
    while True:
        with database.writing() as session, session.begin():
            old = BookChange.changed_at < utcnow() - CHANGES_KEPT
            first = select(BookChange.id).where(old, BookChange.id < newest_change(session))
            numbers = session.scalars(first.order_by(BookChange.id).limit(DELETED_AT_ONCE)).all()
            session.execute(delete(BookChange).where(BookChange.id.in_(numbers)))
        gone += len(numbers)
        if len(numbers) < DELETED_AT_ONCE:
            return gone
