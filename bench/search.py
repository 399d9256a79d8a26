"""What a search costs in a catalog of some size: in the index alone, without server, database and network.

The queries are drawn by how often their words come, since that is what makes them dear. What the shop keeps
of its answers is left aside: each is searched for. They are asked in a process of their own, as a worker of
the shop would, to see what memory that takes.
"""

import multiprocessing
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import tantivy

from bench.books import generated, word
from bench.usage import own_megabytes
from bookstore.catalog.search_index import SearchIndex, SearchQuery
from bookstore.catalog.search_page import DEFAULT_PRICE_BOUNDS, find_page
from bookstore.catalog.search_snapshots import Snapshot, copy_files, pin_commit, snapshots_of, write_snapshot

# By the rank of their words, in a million books: in tens of thousands of them, in hundreds, in a handful.
COMMON, MEDIUM, RARE = range(5, 60), range(500, 3_000), range(30_000, 190_000)
PREFIX_LETTERS = 5
FRESH_WORD = "xylophone"
DATABASE_ID = "bench"


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One kind of query: milliseconds within which 50 and 95 % are answered; the share that finds a book."""

    kind: str
    p50: float
    p95: float
    found: float


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of one index: seconds until it is built, until a new replica answers from a copy, and until a change is
    found; MB on disk, and of the memory that a process has for itself.
    """

    books: int
    build: float
    start: float
    change: float
    disk: float
    memory: float
    timings: list[Timing]


def measure(books: int, queries: int) -> Figures:
    """Build an index of this many books and ask it this many queries of each kind."""
    with tempfile.TemporaryDirectory(prefix="bookstore-bench-") as folder:
        index = Path(folder, "index")
        build = seconds_of(lambda: SearchIndex.rebuild(index, generated(books), position=0))
        disk = sum(file.stat().st_size for file in index.rglob("*") if file.is_file()) / 1e6
        snapshot = _snapshot(index, Path(folder, "snapshots"))
        start = seconds_of(lambda: _start_from(snapshot, Path(folder, "replica")))
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as worker:
            timings, memory = worker.submit(_ask_all, index, queries).result()
        change = seconds_of(lambda: _change(index, books + 1))
    return Figures(
        books=books, build=build, start=start, change=change, disk=disk, memory=memory, timings=timings
    )


def drawn(kind: str, number: int) -> Iterator[SearchQuery]:
    """Queries of a kind, always the same ones."""
    chance = random.Random(kind)  # noqa: S311  # chance, not a secret
    for _ in range(number):
        yield KINDS[kind](chance)


def _snapshot(index: Path, shared: Path) -> Snapshot:
    """The copy that another replica has left in the shared folder."""
    write_snapshot(shared, pin_commit(SearchIndex.open(index).directory), DATABASE_ID, position=0, settled=0)
    [snapshot] = snapshots_of(shared, DATABASE_ID)
    return snapshot


def _start_from(snapshot: Snapshot, replica: Path) -> None:
    """What a new replica does before its first answer."""
    SearchIndex.adopt(replica, lambda directory: copy_files(snapshot, directory))
    SearchIndex.open(replica).search(SearchQuery(text=word(0)), facets=True)


def _change(folder: Path, number: int) -> None:
    """List one more book, and look for it until it is there."""
    index = SearchIndex.open(folder)
    writer = index.try_writer()
    if writer is None:
        raise AssertionError("somebody else writes this index")
    [book] = generated(1)
    with writer:
        writer.put([replace(book, id=number, title=FRESH_WORD)])
        writer.commit(1)
        index.reload()
        if index.search(SearchQuery(text=FRESH_WORD)).ids != [number]:
            raise AssertionError("a book that was listed is not found")


def _ask_all(folder: Path, queries: int) -> tuple[list[Timing], float]:
    process = psutil.Process()
    before = own_megabytes(process)
    searcher = tantivy.Index.open(str(SearchIndex.open(folder).directory)).searcher()
    timings = [_ask(searcher, kind, queries) for kind in KINDS]
    return timings, own_megabytes(process) - before


def _ask(searcher: tantivy.Searcher, kind: str, queries: int) -> Timing:
    times, found = [], 0
    for query in drawn(kind, queries):
        began = time.perf_counter()
        page = find_page(searcher, query, facets=True, price_bounds=DEFAULT_PRICE_BOUNDS)
        times.append((time.perf_counter() - began) * 1000)
        found += bool(page.ids)
    parts = statistics.quantiles(times, n=20, method="inclusive")
    return Timing(kind=kind, p50=statistics.median(times), p95=parts[18], found=found / queries)


def seconds_of(work: Callable[[], object]) -> float:
    """How long this takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _word(chance: random.Random, ranks: range) -> str:
    return word(chance.choice(ranks))


def _misspelled(chance: random.Random) -> SearchQuery:
    """One letter is wrong; x, which no word has."""
    right = _word(chance, MEDIUM)
    at = chance.randrange(2, len(right))
    return SearchQuery(text=f"{right[:at]}x{right[at + 1 :]}")


def _filtered(chance: random.Random) -> SearchQuery:
    return SearchQuery(
        text=_word(chance, COMMON), language=("es",), max_price=2_000, available_only=True, sort="price_asc"
    )


KINDS: dict[str, Callable[[random.Random], SearchQuery]] = {
    "rare": lambda chance: SearchQuery(text=_word(chance, RARE)),
    "medium": lambda chance: SearchQuery(text=_word(chance, MEDIUM)),
    "common": lambda chance: SearchQuery(text=_word(chance, COMMON)),
    "two words": lambda chance: SearchQuery(text=f"{_word(chance, COMMON)} {_word(chance, MEDIUM)}"),
    "prefix": lambda chance: SearchQuery(text=_word(chance, MEDIUM)[:PREFIX_LETTERS]),
    "misspelled": _misspelled,
    "filtered, cheapest": _filtered,
    "all, newest": lambda chance: SearchQuery(sort="newest", category=(chance.choice(("novel", "art")),)),
}
