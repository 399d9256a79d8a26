"""The search index of the catalog: a tantivy index, hidden behind this module.

It is a copy: whatever happens to it, it can be built again from the database, while search goes on. A rebuild
fills a new generation beside the current one and then takes its place in one step. Text rules are in
`text_folding`, queries in `search_query`, paging and facets in `search_page`.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import tantivy
from tantivy import Query

from bookstore.catalog.search_counts import KeptCounts, PriceBucket
from bookstore.catalog.search_document import (
    SCHEMA,
    IndexedBook,
    document_of_book,
    document_of_position,
)
from bookstore.catalog.search_generations import (
    FIRST_GENERATION,
    IndexUnusable,
    RebuildRunning,
    current_generation,
    has_current,
    new_generation,
    rebuild_lock,
    remove_other_generations,
    switch_to,
    use_first_generation,
)
from bookstore.catalog.search_page import DEFAULT_PRICE_BOUNDS, SearchPage, find_page
from bookstore.catalog.search_query import SORTS, PagePosition, SearchQuery, Sort, term

__all__ = [
    "SORTS",
    "IndexReplaced",
    "IndexUnusable",
    "IndexWriter",
    "IndexedBook",
    "PagePosition",
    "PriceBucket",
    "RebuildRunning",
    "SearchIndex",
    "SearchPage",
    "SearchQuery",
    "Sort",
]

# One indexing thread leaves the other cores to the shop, and few segments to search.
_THREADS = 1
_WRITER_HEAP_BYTES = 30_000_000
_REBUILD_HEAP_BYTES = 100_000_000
_PROGRESS_EVERY = 1_000
# Of one state of the index. An answer has 3 KB.
_KEPT_ANSWERS = 1_000


class IndexReplaced(Exception):
    """A rebuild has taken the place of the generation that this writer writes to.

    Close the writer, take a new one, and follow the changes from the index's `position` again.
    """


class IndexWriter:
    """The one writer of an index: until `close`, or the end of its process, nobody else gets one.

    All methods but `close` raise IndexReplaced, and change nothing, when a rebuild came in between, and
    IndexUnusable when the disk or the index refuses.
    """

    def __init__(self, root: Path, generation: str, engine: tantivy.IndexWriter) -> None:
        self._root = root
        self._generation = generation
        self._engine = engine

    def put(self, books: Iterable[IndexedBook]) -> None:
        """Add books, or replace what the index has of them. Readers see it after `commit`."""
        latest = {book.id: document_of_book(book) for book in books}
        self.remove(latest)
        with self._generation_in_use():
            for document in latest.values():
                self._engine.add_document(document)

    def remove(self, ids: Iterable[int]) -> None:
        """Forget books; ids that the index does not have are fine."""
        # By query: the engine ignores, without a word, deletions by a term that is a number.
        with self._generation_in_use():
            self._engine.delete_documents_by_query(Query.term_set_query(SCHEMA, "id", list(ids)))

    def commit(self, position: int, settled: int | None = None) -> None:
        """Make what was changed since the last commit durable, in one step with the position it leads to.

        `settled` is the change up to which none can become visible late; without it, the position.
        """
        with self._generation_in_use():
            self._engine.delete_documents_by_query(term("is_position", True))
            self._engine.add_document(_position_document(position, settled))
            self._engine.commit()

    @contextlib.contextmanager
    def _generation_in_use(self) -> Iterator[None]:
        self._check_generation()
        try:
            with _engine_failures():
                yield
        except IndexUnusable:
            # A rebuild that ends this moment removes the files that are being written.
            self._check_generation()
            raise

    def _check_generation(self) -> None:
        if current_generation(self._root) != self._generation:
            raise IndexReplaced

    def close(self) -> None:
        """Give the lock back once running merges are through. What was not committed is forgotten."""
        # Merges that fail, say because the generation was removed, lose nothing that was committed.
        with contextlib.suppress(IndexUnusable), _engine_failures():
            self._engine.wait_merging_threads()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# Of one state of the index. An answer has 3 KB.
KEPT_ANSWERS = 1_000


@dataclass(frozen=True)
class _Opened:
    """A generation, open for reading, and the state of its files when it was last looked at."""

    generation: str
    engine: tantivy.Index
    signature: tuple[int, ...]
    # What was asked and found since it was opened, which is true for as long as this is what is open: whoever
    # browses asks the same as others.
    found: dict[tuple[SearchQuery, bool, tuple[int, ...]], SearchPage] = field(default_factory=dict)


class SearchIndex:
    """A reader of the index, which threads may share. It sees other processes' commits after `reload`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._opened = _open_current(root)
        self._counts = KeptCounts()

    @classmethod
    def open(cls, path: Path | str) -> "SearchIndex":
        """Open the index in this directory, or make an empty one there. Raises IndexUnusable."""
        root = Path(path)
        if not has_current(root):
            _make_empty(root)
        return cls(root)

    @staticmethod
    def rebuild(
        path: Path | str,
        books: Iterable[IndexedBook],
        position: int,
        progress: Callable[[int], None] = lambda done: None,
        settled: int | None = None,
    ) -> int:
        """Build the index anew from all books (each once) and return their number.

        `position` and `settled` are where the change table stood before the first book was read, so that
        changes made meanwhile are followed afterwards. `progress` hears now and then how many books are done.
        Readers and writers go on with the old generation until the new one is complete. Raises
        RebuildRunning.
        """
        at = _position_document(position, settled)
        return _replace(Path(path), lambda directory: _fill(directory, books, at, progress))

    @staticmethod
    def adopt(path: Path | str, put_files: Callable[[Path], None]) -> int:
        """Put a copy of an index into use, whose files `put_files` lays down; how many books it has.

        Raises RebuildRunning, IndexUnusable when the files are no index, and what `put_files` raises.
        """

        def fill(directory: Path) -> int:
            put_files(directory)
            searcher = _open_generation(directory.parent, directory.name).engine.searcher()
            if _position(searcher) is None:
                raise IndexUnusable("the copy does not say how far it has followed")
            return int(searcher.num_docs) - 1

        return _replace(Path(path), fill)

    def reload(self) -> bool:
        """See what was committed or rebuilt since; cheap enough to call before each search.

        Returns whether there was anything new. Raises IndexUnusable; the reader then still answers from what
        it had open.
        """
        opened = self._opened
        if opened.signature == _signature(self._root, opened.generation):
            return False
        self._opened = _open_current(self._root)
        if self._opened.generation != opened.generation:
            self._counts = KeptCounts()
        return True

    def search(
        self, query: SearchQuery, *, facets: bool = False, price_bounds: Sequence[int] = DEFAULT_PRICE_BOUNDS
    ) -> SearchPage:
        """One page of hits; counts of the facets only when asked for. `price_bounds` are the inner ends of
        the price ranges, in minor units, ascending.

        Raises InvalidCursor when `query.after` is of another sort order, and IndexUnusable.
        """
        opened, asked = self._opened, (query, facets, tuple(price_bounds))
        if (known := opened.found.get(asked)) is not None:
            return known
        with _engine_failures():
            page = find_page(
                opened.engine.searcher(),
                query,
                facets=facets,
                price_bounds=price_bounds,
                kept=self._counts,
            )
        if len(opened.found) < _KEPT_ANSWERS:
            opened.found[asked] = page
        return page

    def try_writer(self) -> IndexWriter | None:
        """The writer of the index, or None while it is taken or being replaced. Raises IndexUnusable."""
        self.reload()
        opened = self._opened
        try:
            with _engine_failures():
                engine = opened.engine.writer(heap_size=_WRITER_HEAP_BYTES, num_threads=_THREADS)
                # A writer that was killed in a commit leaves files whose names the next one would use again.
                engine.garbage_collect_files()
        except IndexUnusable as error:
            if "LockBusy" in str(error) or current_generation(self._root) != opened.generation:
                return None
            raise
        return IndexWriter(self._root, opened.generation, engine)

    @property
    def directory(self) -> Path:
        """Where the files lie that are open now."""
        return self._root / self._opened.generation

    @property
    def position(self) -> int | None:
        """How far into the change table the index has followed; None when it was never built."""
        with _engine_failures():
            return _position(self._opened.engine.searcher())

    @property
    def settled(self) -> int | None:
        """The change up to which the index has all, whichever became visible late; None as for `position`."""
        with _engine_failures():
            return _position(self._opened.engine.searcher(), "settled")

    @property
    def doc_count(self) -> int:
        """How many books the index has."""
        with _engine_failures():
            searcher = self._opened.engine.searcher()
            return int(searcher.num_docs) - (_position(searcher) is not None)


@contextlib.contextmanager
def _engine_failures() -> Iterator[None]:
    """The engine reports all its troubles as ValueError, or panics; both mean the same to the shop."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise IndexUnusable(str(error)) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise IndexUnusable(str(error)) from error


def _make_empty(root: Path) -> None:
    try:
        with _engine_failures():
            (root / FIRST_GENERATION).mkdir(parents=True, exist_ok=True)
            tantivy.Index(SCHEMA, str(root / FIRST_GENERATION))
            use_first_generation(root)
    except IndexUnusable:
        # A rebuild that ended this moment has tidied the empty index away, and there is a full one now.
        if not has_current(root):
            raise


def _open_current(root: Path) -> _Opened:
    while True:
        generation = current_generation(root)
        try:
            return _open_generation(root, generation)
        except IndexUnusable:
            # A rebuild may remove a generation between the moment it is named and the moment it is opened.
            if current_generation(root) == generation:
                raise


def _open_generation(root: Path, generation: str) -> _Opened:
    # Taken before opening: a commit in between shows as a change at the next look.
    signature = _signature(root, generation)
    with _engine_failures():
        engine = tantivy.Index.open(str(root / generation))
        engine.config_reader(reload_policy="manual")
        # Damaged files show when they are read, so read the columns that every search needs.
        find_page(engine.searcher(), SearchQuery(limit=1), facets=False, price_bounds=())
        _position(engine.searcher())
    return _Opened(generation, engine, signature)


def _signature(root: Path, generation: str) -> tuple[int, ...]:
    """What changes with each rebuild and each commit; both replace a file."""
    try:
        files = [os.stat(root / "CURRENT"), os.stat(root / generation / "meta.json")]
    except OSError:
        return ()
    return tuple(number for file in files for number in (file.st_ino, file.st_mtime_ns, file.st_size))


def _position_document(position: int, settled: int | None) -> tantivy.Document:
    return document_of_position(position, position if settled is None else settled)


def _position(searcher: tantivy.Searcher, column: str = "position") -> int | None:
    hits = searcher.search(term("is_position", True), limit=1, count=False).hits
    if not hits:
        return None
    addresses = [address for _score, address in hits]
    return cast(int, searcher.fast_field_values(column, addresses)[0])


def _replace(root: Path, fill: Callable[[Path], int]) -> int:
    root.mkdir(parents=True, exist_ok=True)
    with rebuild_lock(root):
        generation = new_generation(root)
        try:
            count = fill(root / generation)
        except BaseException:
            shutil.rmtree(root / generation, ignore_errors=True)
            raise
        switch_to(root, generation)
        remove_other_generations(root, generation)
    return count


def _fill(
    directory: Path,
    books: Iterable[IndexedBook],
    position: tantivy.Document,
    progress: Callable[[int], None],
) -> int:
    with _engine_failures():
        writer = tantivy.Index(SCHEMA, str(directory)).writer(_REBUILD_HEAP_BYTES, _THREADS)
    try:
        count = _add_all(writer, books, progress)
        with _engine_failures():
            writer.add_document(position)
            writer.commit()
    finally:
        with _engine_failures():
            writer.wait_merging_threads()
    progress(count)
    return count


def _add_all(
    writer: tantivy.IndexWriter, books: Iterable[IndexedBook], progress: Callable[[int], None]
) -> int:
    count = 0
    for count, book in enumerate(books, start=1):
        document = document_of_book(book)
        with _engine_failures():
            writer.add_document(document)
        if count % _PROGRESS_EVERY == 0:
            progress(count)
    return count
