"""Searching the catalog: pages of books from the index, or from indexed columns while there is none.

The index is a copy that follows the change table. Of all processes that share a data folder, the one that
gets the index's writer lock writes; the others read what it commits.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import func, select

from bookstore.catalog import search_fallback, search_follower
from bookstore.catalog.book_summaries import BookSummary, summarize
from bookstore.catalog.models import Book
from bookstore.catalog.search_copies import IndexCopies
from bookstore.catalog.search_follower import DatabaseWentBack, IndexFollower, OutOfStep
from bookstore.catalog.search_index import (
    IndexReplaced,
    IndexUnusable,
    PagePosition,
    PriceBucket,
    RebuildRunning,
    SearchIndex,
    SearchQuery,
)
from bookstore.catalog.search_source import all_books
from bookstore.shared.database import Database
from bookstore.shared.pagination import decode_cursor, encode_cursor
from bookstore.shared.telemetry import log

# A disk that is full stays full for a while; reading the whole catalog each second would not help it.
PAUSE_AFTER_FAILED_BUILD = 30.0


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
    """The search of one catalog: reads its index, and may be the process that writes it.

    `copies` is the folder that replicas share; without it, every replica builds its index by itself.
    """

    def __init__(self, database: Database, folder: Path, currency: str, copies: Path | None = None) -> None:
        self.folder = folder
        self._database = database
        self._currency = currency
        self._index: SearchIndex | None = None
        self._trouble = ""
        self._follower = IndexFollower(database)
        self._copies = IndexCopies(database, copies) if copies else None
        self._following = threading.Lock()
        self._closed = threading.Event()
        self._next_build = 0.0

    def find(self, query: SearchQuery, cursor: str | None = None, facets: bool = False) -> SearchResult:
        """A page of books that match; `cursor` is of the page before. Raises InvalidCursor."""
        index = self._usable_index()
        if index is not None:
            try:
                return self._find_in_index(index, query, cursor, facets)
            except IndexUnusable as error:
                self._index = None
                self._report(error)
        return self._find_without_index(query, cursor)

    @property
    def is_ready(self) -> bool:
        """Whether the index answers."""
        return self._usable_index() is not None

    @property
    def position(self) -> int:
        """The number of the last change that is in the index; zero while there is none."""
        index = self._usable_index()
        return (index.position or 0) if index is not None else 0

    def follow(self) -> int:
        """Bring the index up to the change table, if this process may write it; how many changes it took.

        An index that is missing, damaged or out of step is replaced by the newest copy that another replica
        left, or built anew, which takes all books.
        Raises IndexUnusable when the disk refuses.
        """
        with self._following:
            changes = search_follower.BATCH
            followed = 0
            while changes >= search_follower.BATCH and not self._closed.is_set():
                changes = self._follow_once()
                followed += changes
            return followed

    def rebuild(self, progress: Callable[[int, int], None] = lambda done, total: None) -> int:
        """Build the index anew beside the one in use; how many books it has.

        Raises RebuildRunning, and IndexUnusable when the disk refuses.
        """
        with self._database.reading() as session:
            position = search_follower.newest_change(session)
            settled = search_follower.settled_change(session)
            total = session.scalar(select(func.count(Book.id))) or 0
        books = all_books(self._database.reading)
        return SearchIndex.rebuild(self.folder, books, position, lambda done: progress(done, total), settled)

    def forget_old_changes(self) -> int:
        """Drop rows of the change table that every index has followed long ago; how many they were."""
        return search_follower.forget_old_changes(self._database)

    def copy_for_replicas(self) -> int:
        """Copy the index into the shared folder, if this process writes it and the newest copy is old.

        How many copies it made: 1 or 0. Raises OSError, IndexUnusable.
        """
        index = self._usable_index()
        if self._copies is None or index is None or not self._follower.writes:
            return 0
        return self._copies.take(index, self._following)

    def close(self) -> None:
        """Let another process write; this one does not follow any more."""
        self._closed.set()
        with self._following:
            self._follower.release()

    # Reading

    def _usable_index(self) -> SearchIndex | None:
        """The index as it is now; None while there is none, or while nobody has built it."""
        try:
            index = self._index or SearchIndex.open(self.folder)
            index.reload()
            is_built = index.position is not None
        except (IndexUnusable, OSError) as error:
            self._index = None
            self._report(error)
            return None
        self._index = index
        if is_built:
            self._trouble = ""
        return index if is_built else None

    def _report(self, error: Exception) -> None:
        """Log a trouble once, not with each search."""
        if self._trouble != str(error):
            self._trouble = str(error)
            log.warning("search index unusable", error=self._trouble)

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

    def _follow_once(self) -> int:
        index = self._usable_index()
        if index is None:
            return self._build()
        try:
            return self._follower.follow(index)
        except IndexReplaced:
            self._follower.release()
            return self._follow_once()
        except (IndexUnusable, OutOfStep) as error:
            log.warning("search index must be built anew", reason=type(error).__name__)
            if isinstance(error, DatabaseWentBack) and self._copies is not None:
                self._copies.disown()
            return self._build()

    def _build(self) -> int:
        """Restore or build the index, unless another process does; how many books it has."""
        self._follower.release()
        if time.monotonic() < self._next_build:
            return 0
        try:
            restored = self._copies.restore(self.folder) if self._copies else None
            if restored is not None:
                return restored
            books = self.rebuild()
        except RebuildRunning:
            return 0
        except (IndexUnusable, OSError):
            self._next_build = time.monotonic() + PAUSE_AFTER_FAILED_BUILD
            raise
        log.info("search index built", books=books)
        return books


def _after(query: SearchQuery, cursor: str | None) -> SearchQuery:
    if cursor is None:
        return query
    sort, at = decode_cursor(cursor, str, int)
    return replace(query, after=PagePosition.from_values(str(sort), int(at or 0)))
