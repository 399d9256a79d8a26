"""Following the change table: what has changed about books goes into the search index."""

from collections.abc import Iterable
from datetime import timedelta
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
# commit last. So the follower looks again at what is this young.
LATE_COMMIT = timedelta(seconds=60)
CHANGES_KEPT = timedelta(days=7)
DELETED_AT_ONCE = 5_000

Change = Row[int, int]


class OutOfStep(Exception):
    """The change table does not lead on from where the index stands, so the index must be built anew.

    Changes that it has not followed are forgotten, or the database is not the one that it was built from.
    """


class IndexFollower:
    """Writes into the index what the change table says, while it has the index's writer lock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer: IndexWriter | None = None
        # Numbers of young changes that are in the index; whatever else is as young came late.
        self._seen: set[int] = set()

    def follow(self, index: SearchIndex) -> int:
        """Write one batch of changes, if no other process is the writer; how many changes they were.

        Fewer than BATCH mean that there is nothing left. Raises OutOfStep, IndexReplaced, IndexUnusable.
        """
        if not self._is_writer(index):
            return 0
        index.reload()
        position = index.position or 0
        with self._database.reading() as session:
            require_step(session, position)
            changes = self._new_changes(session, position)
        if changes:
            self._write(changes, max(position, *(change.id for change in changes)))
        return len(changes)

    def release(self) -> None:
        """Let another process be the writer."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _is_writer(self, index: SearchIndex) -> bool:
        if self._writer is None:
            self._writer = index.try_writer()
            self._seen = set()
        return self._writer is not None

    def _new_changes(self, session: Session, position: int) -> list[Change]:
        """What came after the position or became visible late, at most a batch of it."""
        query = select(BookChange.id, BookChange.book_id).order_by(BookChange.id).limit(BATCH)
        after = session.execute(query.where(BookChange.id > position))
        return [*self._late_changes(session, position), *after][:BATCH]

    def _late_changes(self, session: Session, position: int) -> list[Change]:
        """Young changes that the index has passed and does not have, because they were not visible yet."""
        cutoff = utcnow() - LATE_COMMIT
        passed = select(BookChange.id).where(BookChange.id <= position).order_by(BookChange.id.desc())
        old = session.scalar(passed.where(BookChange.changed_at <= cutoff).limit(1)) or 0
        self._seen = {number for number in self._seen if number > old}
        young = (BookChange.id > old, BookChange.id <= position)
        if session.scalar(select(func.count(BookChange.id)).where(*young)) == len(self._seen):
            return []
        rows = session.execute(
            select(BookChange.id, BookChange.book_id).where(*young).order_by(BookChange.id)
        )
        return list(islice((row for row in rows if row.id not in self._seen), BATCH))

    def _write(self, changes: Iterable[Change], position: int) -> None:
        assert self._writer is not None
        book_ids = sorted({change.book_id for change in changes})
        with self._database.reading() as session:
            books = indexed_books(session, book_ids)
        self._writer.remove(set(book_ids) - {book.id for book in books})
        self._writer.put(books)
        self._writer.commit(position)
        self._seen |= {change.id for change in changes}


def newest_change(session: Session) -> int:
    """The number of the last change; zero when there was none."""
    return session.scalar(select(func.max(BookChange.id))) or 0


def require_step(session: Session, position: int) -> None:
    """Raise OutOfStep when the changes after this position are not all in the change table."""
    oldest = session.scalar(select(func.min(BookChange.id))) or 1
    if position < oldest - 1 or position > newest_change(session):
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
