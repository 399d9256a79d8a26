"""The rows of a catalog file, as they stand in it: CSV, plain or gzipped, streamed.

    with CatalogFile(path, mapping={"title": "Book-Title"}, encoding="cp1252") as file:
        for row in file:
            ...  # a RawRow or a RejectedRow
            print(file.progress().percent)

`import_cleaning` makes books of the raw rows. Neither knows about the database.
"""

import gzip
import io
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self, cast

from bookstore.catalog.csv_records import (
    UNREADABLE_BYTES,
    CatalogFileError,
    Record,
    RecordReader,
    RejectedRow,
    locate_columns,
)

__all__ = ["IMPORT_COLUMNS", "CatalogFile", "CatalogFileError", "Progress", "RawRow", "RejectedRow"]

IMPORT_COLUMNS = (
    "source",
    "source_id",
    "title",
    "authors",
    "isbn13",
    "isbn10",
    "year",
    "publisher",
    "language",
    "category",
    "description",
    "pages",
)
"""What a catalog file may tell about a book. Only the title is required; other columns are ignored."""

_GZIP_MAGIC = b"\x1f\x8b"
_ARCHIVES = {
    _GZIP_MAGIC: "gzip",
    b"PK\x03\x04": "ZIP or XLSX",
    b"\xd0\xcf\x11\xe0": "XLS",
    b"\xfd7zXZ": "xz",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"%PDF": "PDF",
}
_OTHER_ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class RawRow(NamedTuple):
    """A row with the right number of readable columns; `values` has only our columns, as they stand."""

    number: int
    line: int
    values: dict[str, str]


@dataclass(frozen=True)
class Progress:
    """How far the reading has come. Bytes are those of the file on disk, packed or not."""

    rows: int
    bytes_read: int
    bytes_total: int
    seconds: float

    @property
    def percent(self) -> float:
        return min(100.0, 100.0 * self.bytes_read / self.bytes_total) if self.bytes_total else 100.0

    @property
    def rows_per_second(self) -> float:
        return self.rows / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """An estimate from the bytes read so far; None before there are any."""
        if not self.bytes_read:
            return None
        return self.seconds * max(0, self.bytes_total - self.bytes_read) / self.bytes_read


class CatalogFile:
    """A catalog file being read, once, from its beginning to its end; a context manager.

    `mapping` leads from our columns to theirs; columns that have our names need no mapping. Without a
    delimiter it is found from the header. Whether the file is gzipped is seen from its first bytes.
    Opening raises CatalogFileError when the file cannot be read or lacks a column. Iterating yields
    RawRow and RejectedRow, and raises CatalogFileError("damaged") at the place where a truncated or
    corrupt archive ends, after every complete row before it has been yielded.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        encoding: str = "utf-8",
        delimiter: str | None = None,
        mapping: Mapping[str, str] | None = None,
        columns: Sequence[str] = IMPORT_COLUMNS,
        required: Sequence[str] = ("title",),
    ) -> None:
        self.path = Path(path)
        self._started = time.monotonic()
        self._rows = 0
        self._file, self.bytes_total = _open(self.path)
        try:
            text = open_text(unpacked(self._file), encoding)
            names = [*(mapping or {}).values(), *columns]
            self._reader = RecordReader(text, checked_delimiter(delimiter), names)
            self._places = locate_columns(self._reader.header, columns, mapping or {}, required)
        except BaseException:
            self._file.close()
            raise

    @property
    def header(self) -> list[str]:
        return self._reader.header

    @property
    def delimiter(self) -> str:
        return self._reader.delimiter

    def progress(self) -> Progress:
        """Where the reading is now; cheap enough to be asked every few rows."""
        read = self.bytes_total if self._file.closed else self._file.tell()
        return Progress(self._rows, read, self.bytes_total, time.monotonic() - self._started)

    def __iter__(self) -> Iterator[RawRow | RejectedRow]:
        places = list(self._places.items())
        for row in self._reader:
            self._rows += 1
            if isinstance(row, Record):
                yield RawRow(row.number, row.line, {ours: row.fields[place] for ours, place in places})
            else:
                yield row

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def checked_delimiter(delimiter: str | None) -> str | None:
    """The delimiter, with the words and escapes for a tab understood. Raises CatalogFileError."""
    if delimiter is None:
        return None
    one = "\t" if delimiter.lower() in ("tab", "\\t") else delimiter
    if len(one) != 1 or one in '"\r\n\ufeff' or one.isalnum():
        raise CatalogFileError("delimiter", delimiter=repr(delimiter)[:20])
    return one


def unpacked(file: BinaryIO) -> io.BufferedReader:
    """The plain bytes of a file that may be gzipped. Raises CatalogFileError for other archives."""
    plain: io.BufferedReader = io.BufferedReader(cast(io.RawIOBase, file))
    if plain.peek(2)[:2] == _GZIP_MAGIC:
        plain = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=plain)))
    refuse_archives(plain)
    return plain


def refuse_archives(plain: io.BufferedReader) -> None:
    """Raise CatalogFileError when the first bytes are those of an archive or a workbook."""
    head = _head(plain)
    for magic, kind in _ARCHIVES.items():
        if head.startswith(magic):
            raise CatalogFileError("archive", kind=kind)


def open_text(plain: io.BufferedReader, encoding: str) -> io.TextIOWrapper:
    """Text whose unreadable bytes stay visible. Raises CatalogFileError about the encoding."""
    head = _head(plain)
    for mark, likely in _OTHER_ENCODINGS.items():
        if head.startswith(mark) and "16" not in encoding and "32" not in encoding:
            raise CatalogFileError("encoding_wrong", encoding=encoding, likely=likely)
    # Files of old Macintosh programs end their lines with a bare carriage return and have no line feed.
    newline = "\r" if b"\r" in head and b"\n" not in head else "\n"
    try:
        return io.TextIOWrapper(plain, encoding, errors=UNREADABLE_BYTES, newline=newline)
    except (LookupError, ValueError) as error:
        raise CatalogFileError("encoding_unknown", encoding=encoding[:40]) from error


def _head(plain: io.BufferedReader) -> bytes:
    try:
        return plain.peek(io.DEFAULT_BUFFER_SIZE)
    except (OSError, EOFError, zlib.error) as error:
        raise CatalogFileError("damaged", line=0, why=str(error)) from error


def _open(path: Path) -> tuple[BinaryIO, int]:
    try:
        file = path.open("rb", buffering=0)
        return cast(BinaryIO, file), path.stat().st_size
    except OSError as error:
        raise CatalogFileError("not_found", name=path.name, why=error.strerror or str(error)) from error
