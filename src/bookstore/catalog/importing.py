"""Importing a catalog file: every readable row becomes a book, once, however often the file is imported.

`import_rows` reads the file and `import_cleaning` makes books of its rows. A book that the catalog knows
already, by its identity, stays as it is: sellers may have corrected it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bookstore.catalog import books
from bookstore.catalog.import_cleaning import ImportedBook, RowRejected, clean_book, identity
from bookstore.catalog.import_rows import CatalogFile, CatalogFileError, Progress, RawRow, RejectedRow
from bookstore.catalog.models import Book, authors_key_of, title_key_of
from bookstore.catalog.rejects_file import RejectsFile
from bookstore.shared.clock import utcnow
from bookstore.shared.database import Database, table_of

BATCH = 1_000


@dataclass
class ImportReport:
    """What became of the rows. `book_ids` are the books of the file, new or known, in its order."""

    added: int = 0
    known: int = 0
    rejected: int = 0
    notes: dict[str, int] = field(default_factory=dict)
    damaged: CatalogFileError | None = None
    book_ids: list[int] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return self.added + self.known + self.rejected


def import_catalog(
    database: Database,
    file: CatalogFile,
    rejects: RejectsFile,
    source: str,
    progress: Callable[[Progress], None] = lambda now: None,
) -> ImportReport:
    """Import the rest of an opened file, in batches of one transaction each.

    Rejected rows go to `rejects`. A file that breaks off keeps what was read before; the report's
    `damaged` says how it broke.
    """
    report = ImportReport()
    seen: set[int] = set()
    batch: list[ImportedBook] = []
    try:
        for row in file:
            book = _readable(row, rejects, source, report)
            if book is not None:
                batch.append(book)
            if len(batch) >= BATCH:
                _keep(database, batch, report, seen)
                batch = []
                progress(file.progress())
    except CatalogFileError as error:
        report.damaged = error
    _keep(database, batch, report, seen)
    progress(file.progress())
    return report


def _readable(
    row: RawRow | RejectedRow, rejects: RejectsFile, source: str, report: ImportReport
) -> ImportedBook | None:
    if isinstance(row, RejectedRow):
        rejects.write_rejected(row)
        report.rejected += 1
        return None
    try:
        book = clean_book(row.values, source)
    except RowRejected as error:
        rejects.write(row.number, row.line, error.reason, error.column, error.value)
        report.rejected += 1
        return None
    for note in book.notes:
        report.notes[note.code] = report.notes.get(note.code, 0) + 1
    return book


def _keep(database: Database, batch: Sequence[ImportedBook], report: ImportReport, seen: set[int]) -> None:
    if not batch:
        return
    keys = [identity(book) for book in batch]
    # Of two books with one key the first one counts.
    keyed = dict(zip(reversed(keys), reversed(batch), strict=True))
    with database.writing() as session, session.begin():
        before = _ids_of(session, keyed)
        new = {key: book for key, book in keyed.items() if key not in before}
        _enter(session, new)
        ids = before | _ids_of(session, new)
        entered = [key for key in new if key in ids]
        books.mark_changed(session, [ids[key] for key in entered])
    report.added += len(entered)
    report.known += len(batch) - len(entered)
    for key in keys:
        book_id = ids[key]
        if book_id not in seen:
            seen.add(book_id)
            report.book_ids.append(book_id)


def _ids_of(session: Session, keys: Iterable[str]) -> dict[str, int]:
    query = select(Book.identity, Book.id).where(Book.identity.in_(list(keys)))
    return dict(session.execute(query).tuples().all())


def _enter(session: Session, new: dict[str, ImportedBook]) -> None:
    """Insert the batch at once; if somebody enters one of its books meanwhile, book by book."""
    rows = [_row(key, book) for key, book in reversed(new.items())]
    if not rows:
        return
    if not _entered(session, rows):
        for row in rows:
            # Where its identity is there now, or its ISBN under another identity, the known book stays.
            _entered(session, [row])


def _entered(session: Session, rows: list[dict[str, object]]) -> bool:
    """Whether all of the rows went in; if not, none did."""
    try:
        with session.begin_nested():
            session.execute(insert(table_of(Book)), rows)
    except IntegrityError:
        return False
    return True


def _row(key: str, book: ImportedBook) -> dict[str, object]:
    now = utcnow()
    return {
        "identity": key,
        "title": book.title,
        "title_key": title_key_of(book.title),
        "authors": book.authors,
        "authors_key": authors_key_of(book.authors),
        "isbn13": book.isbn13,
        "year": book.year,
        "publisher": book.publisher,
        "language": book.language,
        "category": book.category,
        "description": book.description,
        "pages": book.pages,
        "source": book.source,
        "created_at": now,
        "listed_at": now,
    }
