"""Searching the catalog: pages of books from the index, or from indexed columns while there is none.

The index is a copy that follows the change table. Of all processes that share a data folder, the one that
gets the index's writer lock writes; the others read what it commits.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from bookstore.catalog import search_fallback
from bookstore.catalog.book_summaries import BookSummary, summarize
from bookstore.catalog.models import Book, BookChange, Listing
from bookstore.catalog.search_index import (
    IndexedBook,
    IndexReplaced,
    IndexUnusable,
    IndexWriter,
    PagePosition,
    PriceBucket,
    RebuildRunning,
    SearchIndex,
    SearchQuery,
)
from bookstore.shared.clock import utcnow
from bookstore.shared.database import Database, to_microseconds
from bookstore.shared.pagination import decode_cursor, encode_cursor
from bookstore.shared.telemetry import log

BATCH = 1_000
# Rows of the change table may become visible out of order: a transaction that took its number first may
# commit last. So the follower looks again at what is this young.
LATE_COMMIT = timedelta(seconds=60)
CHANGES_KEPT = timedelta(days=7)


@dataclass(frozen=True)
class SearchResult:
    """One page of books. `degraded` says that the index is away: no total, no facets, titles by prefix."""

    books: list[BookSummary]
    next_cursor: str | None
    total: int | None = None
    corrected: bool = False
    degraded: bool = False
    facets: dict[str, dict[str, int]] = field(default_factory=dict)
    prices: list[PriceBucket] = field(default_factory=list)


class Search:
    """The search of one catalog: reads its index, and may be the process that writes it."""

    def __init__(self, database: Database, folder: Path, currency: str) -> None:
        self.folder = folder
        self._database = database
        self._currency = currency
        self._index: SearchIndex | None = None
        self._writer: IndexWriter | None = None
        self._seen: set[int] = set()
        self._lock = threading.Lock()

    def find(self, query: SearchQuery, cursor: str | None = None, facets: bool = False) -> SearchResult:
        """A page of books that match; `cursor` is of the page before. Raises InvalidCursor."""
        index = self._usable_index()
        if index is not None:
            try:
                return self._find_in_index(index, query, cursor, facets)
            except IndexUnusable as error:
                log.warning("search index unusable", error=str(error))
        return self._find_without_index(query, cursor)

    @property
    def is_ready(self) -> bool:
        """Whether the index answers."""
        return self._usable_index() is not None

    def follow(self) -> int:
        """Bring the index up to the change table, if this process may write it; how many books changed.

        An index that is missing or damaged is built anew.
        """
        with self._lock:
            if self._usable_index() is None:
                return self._build()
            try:
                return self._follow_as_writer()
            except (IndexReplaced, IndexUnusable) as error:
                log.info("search index replaced or unusable", error=type(error).__name__)
                self._release_writer()
                self._index = None
                return 0

    def rebuild(self, progress: Callable[[int, int], None] = lambda done, total: None) -> int:
        """Build the index anew beside the one in use; how many books it has. Raises RebuildRunning."""
        with self._database.reading() as session:
            position = session.scalar(select(func.max(BookChange.id))) or 0
            total = session.scalar(select(func.count(Book.id))) or 0
            return SearchIndex.rebuild(
                self.folder, _all_books(session), position, lambda done: progress(done, total)
            )

    def forget_old_changes(self) -> int:
        """Drop rows of the change table that every index has followed long ago; how many they were."""
        with self._database.writing() as session, session.begin():
            old = BookChange.changed_at < utcnow() - CHANGES_KEPT
            newest = session.scalar(select(func.max(BookChange.id))) or 0
            gone = session.execute(delete(BookChange).where(old, BookChange.id < newest))
            return int(gone.rowcount)  # type: ignore[attr-defined]  # a delete has it

    def close(self) -> None:
        with self._lock:
            self._release_writer()

    # Reading

    def _usable_index(self) -> SearchIndex | None:
        try:
            if self._index is None:
                self._index = SearchIndex.open(self.folder)
            self._index.reload()
            return self._index if self._index.position is not None else None
        except (IndexUnusable, OSError) as error:
            log.warning("search index unusable", error=str(error))
            self._index = None
            return None

    def _find_in_index(
        self, index: SearchIndex, query: SearchQuery, cursor: str | None, facets: bool
    ) -> SearchResult:
        page = index.search(_after(query, cursor), facets=facets)
        with self._database.reading() as session:
            books = summarize(session, page.ids, self._currency)
        following = encode_cursor(page.next.to_values()) if page.next else None
        return SearchResult(
            books, following, page.total, page.corrected, facets=page.facets, prices=page.prices
        )

    def _find_without_index(self, query: SearchQuery, cursor: str | None) -> SearchResult:
        with self._database.reading() as session:
            ids, following = search_fallback.find(session, query, cursor)
            return SearchResult(summarize(session, ids, self._currency), following, degraded=True)

    # Writing

    def _build(self) -> int:
        try:
            count = self.rebuild()
        except RebuildRunning:
            return 0
        self._index = None
        log.info("search index built", books=count)
        return count

    def _follow_as_writer(self) -> int:
        index = self._index
        assert index is not None
        if self._writer is None:
            self._writer = index.try_writer()
            self._seen = set()
        if self._writer is None:
            return 0  # another process writes
        position = index.position or 0
        changes = self._new_changes(position)
        if not changes:
            return 0
        book_ids = sorted(set(changes.values()))
        with self._database.reading() as session:
            known = {book.id: book for book in indexed_books(session, book_ids)}
        self._writer.put(known.values())
        self._writer.remove([book_id for book_id in book_ids if book_id not in known])
        self._writer.commit(max(position, *changes))
        self._seen |= set(changes)
        index.reload()
        return len(book_ids)

    def _new_changes(self, position: int) -> dict[int, int]:
        """Change number → book, of what came after the position or became visible late."""
        young = BookChange.changed_at > utcnow() - LATE_COMMIT
        with self._database.reading() as session:
            query = select(BookChange.id, BookChange.book_id).order_by(BookChange.id).limit(BATCH)
            after = session.execute(query.where(BookChange.id > position)).all()
            late = session.execute(
                query.where(BookChange.id <= position, BookChange.id > position - BATCH, young)
            )
            late_rows = [row for row in late if row.id not in self._seen]
        self._seen = {number for number in self._seen if number > position - BATCH}
        return {row.id: row.book_id for row in [*late_rows, *after]}

    def _release_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.close()
            except IndexUnusable as error:
                log.warning("search index writer", error=str(error))


def indexed_books(session: Session, book_ids: list[int]) -> list[IndexedBook]:
    """What search knows of these books; those that are gone are left out."""
    offers = _offers_of(session, book_ids)
    columns = (
        Book.id,
        Book.title,
        Book.authors,
        Book.isbn13,
        Book.language,
        Book.category,
        Book.listed_at,
    )
    rows = session.execute(select(*columns).where(Book.id.in_(book_ids)).order_by(Book.id))
    return [_indexed(row, offers.get(row.id, [])) for row in rows]


def _indexed(row: Any, offers: list[tuple[str, int, int]]) -> IndexedBook:
    return IndexedBook(
        id=row.id,
        title=row.title,
        authors=row.authors,
        isbn13=row.isbn13,
        language=row.language,
        category=row.category,
        conditions=frozenset(condition for condition, _, _ in offers),
        from_price=min((price for _, price, _ in offers), default=None),
        copies_available=sum(copies for _, _, copies in offers),
        listed_at=to_microseconds(row.listed_at),
    )


def _offers_of(session: Session, book_ids: list[int]) -> dict[int, list[tuple[str, int, int]]]:
    """Condition, price and copies of each listing that can be bought now, by book."""
    query = select(Listing.book_id, Listing.condition, Listing.price_minor, Listing.available).where(
        Listing.book_id.in_(book_ids), Listing.withdrawn_at.is_(None), Listing.available > 0
    )
    offers: dict[int, list[tuple[str, int, int]]] = {}
    for book_id, condition, price, copies in session.execute(query):
        offers.setdefault(book_id, []).append((condition.value, price, copies))
    return offers


def _all_books(session: Session) -> Iterator[IndexedBook]:
    """Every book, in batches by number, so that memory does not grow with the catalog."""
    last = 0
    while True:
        ids = list(session.scalars(select(Book.id).where(Book.id > last).order_by(Book.id).limit(BATCH)))
        if not ids:
            return
        yield from indexed_books(session, ids)
        last = ids[-1]


def _after(query: SearchQuery, cursor: str | None) -> SearchQuery:
    if cursor is None:
        return query
    sort, at = decode_cursor(cursor, str, int)
    return replace(query, after=PagePosition.from_values(str(sort), int(at or 0)))
