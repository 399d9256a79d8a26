"""What it takes to import many books, beside the database's own bulk load of the same rows.

The shop runs meanwhile and is asked for a search with its facets four times a second.
"""

import csv
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx

from bench.books import generated
from bench.filling import DataSet
from bench.production import SCHEMA, operate
from bench.run import Opened, opened
from bench.search import seconds_of
from bench.sustained import percentile
from bookstore.deploying.beside import Beside

THERE_BEFORE = DataSet(books=1_000, listings=3_000)
ASK_EVERY = 0.25
# The index follows a bulk of changes in the background.
FOUND_WITHIN = 1_800
SMALL_MULTIPLE = 5.0


@dataclass(frozen=True)
class Imported:
    """Seconds that so many rows took to import and in bulk, and until the last was found; `asked` are the
    seconds of the searches made meanwhile.
    """

    rows: int
    seconds: float
    bulk_seconds: float
    found_after: float
    asked: Sequence[float]
    failures: Sequence[str]

    @property
    def multiple(self) -> float:
        return self.seconds / self.bulk_seconds

    @property
    def is_good(self) -> bool:
        return self.multiple <= SMALL_MULTIPLE and not self.failures


@dataclass
class Searcher(Beside):
    """Searches from time to time while it is open, and notes how long it took and what was wrong."""

    url: str
    asked: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def _go_on(self) -> None:
        while not self._over.wait(ASK_EVERY):
            began = time.monotonic()
            try:
                answer = httpx.get(
                    self.url, params={"q": "qube", "facets": "true"}, trust_env=False, timeout=10
                )
            except httpx.HTTPError as error:
                self.failures.append(type(error).__name__)
                continue
            self.asked.append(time.monotonic() - began)
            if answer.status_code != 200 or not answer.json()["facets"]:
                self.failures.append(f"status {answer.status_code}: {answer.text[:100]}")


def measure_import(rows: int, say: Callable[[str], None]) -> Imported:
    """Start a shop and import generated books into it."""
    with opened(THERE_BEFORE, tls=False, say=say) as shop:
        return import_into(shop, rows, say)


def import_into(shop: Opened, rows: int, say: Callable[[str], None]) -> Imported:
    """Import generated books into a shop that runs, and load the same rows in bulk afterwards."""
    path = shop.running.edge.folder / "books.csv"
    last = _write(path, rows)
    books = f"{shop.running.app.url}/api/v1/catalog/books"
    say(f"importing {rows:,} books")
    with Searcher(books) as searcher:
        seconds = seconds_of(lambda: operate(shop.running.environ, "import-catalog", str(path)))
        found_after = seconds_of(lambda: _wait_until_found(books, last))
    say("loading the same rows in bulk")
    return Imported(rows, seconds, _bulk_load(shop), found_after, searcher.asked, searcher.failures)


def _write(path: Path, rows: int) -> str:
    """A file of generated books; the title of its last one."""
    columns = ("source", "source_id", "title", "authors", "language", "category")
    title = ""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for book in generated(rows):
            title = f"{book.title} {book.id}"
            writer.writerow(("import", book.id, title, book.authors, book.language, book.category))
    return title


def _wait_until_found(books: str, title: str) -> None:
    deadline = time.monotonic() + FOUND_WITHIN
    while time.monotonic() < deadline:
        answer = httpx.get(f"{books}?q={quote(title)}", trust_env=False, timeout=10)
        if answer.is_success and any(book["title"] == title for book in answer.json()["items"]):
            return
        time.sleep(ASK_EVERY)
    raise AssertionError(f"{title!r} was not found within {FOUND_WITHIN} s")


def _bulk_load(shop: Opened) -> float:
    """Seconds that the server takes for its own file of all books, into a table with the same indexes."""
    server = shop.running.database
    path = server.folder / "books.tsv"
    server.administer(
        f"CREATE TABLE {SCHEMA}.books_in_bulk LIKE {SCHEMA}.books",
        f"SELECT * FROM {SCHEMA}.books INTO OUTFILE '{path}' CHARACTER SET utf8mb4",  # noqa: S608
    )
    load = f"LOAD DATA INFILE '{path}' INTO TABLE {SCHEMA}.books_in_bulk CHARACTER SET utf8mb4"
    return seconds_of(lambda: server.administer(load))


def import_lines(one: Imported) -> Iterator[str]:
    """The figures for a terminal."""
    yield f"{one.rows:,} books in {one.seconds:.1f} s: {one.rows / one.seconds:,.0f} a second"
    yield f"the database's own bulk load of them: {one.bulk_seconds:.1f} s; {one.multiple:.1f} times as long"
    yield f"the last one was found by search {one.found_after:.1f} s later"
    p95 = percentile(sorted(one.asked), 0.95)
    yield (
        f"{len(one.asked)} searches meanwhile, p95 {'–' if p95 is None else f'{p95:.0f} ms'}, "
        f"wrong: {json.dumps(list(one.failures)[:3]) if one.failures else 'none'}"
    )
