"""Records of a CSV file that nobody promised to be well-formed.

Python's csv module decides what a field is; this module adds what it lacks for files from strangers:
bytes that are not text are kept visible instead of stopping the file, a quote that is never closed
cannot swallow the rows behind it, and nothing grows without limit.
"""

import codecs
import csv
import re
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TextIO

from bookstore.shared.errors import N_, ShopError

MAX_FIELD = 100_000
"""Characters in one field."""
MAX_RECORD = 200_000
"""Characters in one record, line breaks included."""
MAX_RECORD_LINES = 1_000
"""Physical lines of one record; past it, a quote was surely never closed."""

DELIMITERS = (",", ";", "\t", "|")
UNREADABLE_BYTES = "bookstore-unreadable-bytes"
"""Error handler for decoding: byte 0xE9 that is not text becomes the character U+DCE9."""

FILE_PROBLEMS = {
    "not_found": N_("The file %(name)s cannot be opened: %(why)s."),
    "empty": N_("The file has no header line; it is empty."),
    "archive": N_("This is a %(kind)s file, not CSV text. Please unpack it or save it as CSV first."),
    "encoding_unknown": N_("The encoding %(encoding)s is not known; examples are utf-8, cp1252, utf-16."),
    "encoding_wrong": N_("The file is not %(encoding)s; it looks like %(likely)s."),
    "delimiter": N_("The delimiter must be one character such as , or ; or a tab, not %(delimiter)s."),
    "header": N_("The header line cannot be read: %(why)s."),
    "column_missing": N_("The file has no column %(column)s. Its columns are: %(present)s."),
    "column_twice": N_("The file has two columns named %(column)s."),
    "column_unknown": N_("There is no field %(column)s to fill; the fields are: %(present)s."),
    "damaged": N_("The file is damaged after line %(line)s (%(why)s); the rows before it were read."),
    "too_large": N_("The file is larger than %(limit)s bytes."),
    "too_many_rows": N_("The file has more than %(limit)s rows."),
}

ROW_PROBLEMS = {
    "too_few_columns": N_("The row has fewer columns than the header."),
    "too_many_columns": N_("The row has more columns than the header."),
    "undecodable_bytes": N_("The row has bytes that are not text in the encoding of the file."),
    "unclosed_quote": N_("A quotation mark is opened and never closed."),
    "stray_quote": N_("A quotation mark inside a quoted field is not doubled."),
    "stray_carriage_return": N_("There is a carriage return outside quotation marks."),
    "field_too_large": N_("A field of the row is too large."),
    "record_too_large": N_("The row is too large."),
}


class CatalogFileError(ShopError):
    """The file as a whole cannot be read (on). `reason` is a key of FILE_PROBLEMS."""

    status = 422
    code = "unreadable_file"

    def __init__(self, reason: str, **details: object) -> None:
        super().__init__(reason=reason, **details)
        self.reason = reason
        self.title = FILE_PROBLEMS[reason]  # type: ignore[misc]  # each reason has its own sentence


class Record(NamedTuple):
    """One record: its number (the first after the header is 1), its first physical line, its fields."""

    number: int
    line: int
    fields: list[str]


class RejectedRow(NamedTuple):
    """A row that cannot be used. `reason` is a stable code, `detail` says it with the row's own figures."""

    number: int
    line: int
    reason: str
    detail: str = ""
    column: str = ""
    value: str = ""
    fields: tuple[str, ...] = ()


_UNREADABLE = re.compile("[\udc00-\udcff]")


def _keep_unreadable_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(UNREADABLE_BYTES, _keep_unreadable_bytes)


def printable(text: str) -> str:
    """The text with each unreadable byte written as \\xE9, so that it can be shown and stored."""
    return _UNREADABLE.sub(lambda match: f"\\x{ord(match[0]) - 0xDC00:02X}", text)


def sniff_delimiter(header_line: str, wanted: Sequence[str] = ()) -> str:
    """The delimiter that finds most of the wanted columns in the header line, then most columns."""

    def found(delimiter: str) -> tuple[int, int]:
        try:
            names = [_folded(name) for name in next(csv.reader([header_line], delimiter=delimiter), [])]
        except csv.Error:
            return 0, 0  # the header is broken in any case, and reading it says how
        return sum(_folded(name) in names for name in wanted), len(names)

    return max(DELIMITERS, key=found)


def locate_columns(
    header: Sequence[str],
    columns: Sequence[str],
    mapping: Mapping[str, str],
    required: Sequence[str] = (),
) -> dict[str, int]:
    """Where each of our columns is in the header.

    A column named in `mapping` (ours to theirs) must be there, and so must a required one; the others
    are taken when the header has them under our own name. Upper and lower case matter only when two
    headers differ by nothing else. Raises CatalogFileError: column_unknown, column_missing, column_twice.
    """
    for ours in mapping:
        if ours not in columns:
            raise CatalogFileError("column_unknown", column=ours, present=", ".join(columns))
    places = {}
    for ours in columns:
        place = _place(header, mapping.get(ours, ours))
        if place is not None:
            places[ours] = place
        elif ours in mapping or ours in required:
            raise CatalogFileError("column_missing", column=mapping.get(ours, ours), present=_listed(header))
    return places


def _place(header: Sequence[str], name: str) -> int | None:
    exact = [i for i, present in enumerate(header) if present.strip() == name.strip()]
    places = exact or [i for i, present in enumerate(header) if _folded(present) == _folded(name)]
    if len(places) > 1:
        raise CatalogFileError("column_twice", column=name)
    return places[0] if places else None


def _listed(header: Sequence[str]) -> str:
    names = ", ".join(printable(name.strip())[:40] for name in header[:30])
    return names + (", …" if len(header) > 30 else "")


def _folded(name: str) -> str:
    return name.strip().casefold()


class _RecordTooLarge(Exception):
    """The lines taken for the present record exceed what a record may have."""


class _Lines:
    """Physical lines, with the way back to the second line of a record that went wrong."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.taken = 0
        self._ahead = deque([self._read().removeprefix("\ufeff")])
        self._of_record: list[str] = []
        self._size = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._ahead.popleft() if self._ahead else self._read()
        if not line:
            raise StopIteration
        self.taken += 1
        self._of_record.append(line)
        self._size += len(line)
        if self._size > MAX_RECORD or len(self._of_record) > MAX_RECORD_LINES:
            raise _RecordTooLarge
        return line

    def peek(self) -> str:
        """The next line, which stays where it is; an empty text at the end."""
        if not self._ahead:
            line = self._read()
            if line:
                self._ahead.append(line)
            return line
        return self._ahead[0]

    def begin_record(self) -> None:
        self._of_record = []
        self._size = 0

    @property
    def in_record(self) -> int:
        return len(self._of_record)

    @property
    def record_text(self) -> str:
        return "".join(self._of_record)

    def back_to_second_line(self) -> None:
        self._ahead.extendleft(reversed(self._of_record[1:]))
        self.taken -= len(self._of_record) - 1

    def _read(self) -> str:
        """One line; of a monstrous one only the beginning, and the rest of it is passed over."""
        try:
            line = self._text.readline(MAX_RECORD + 1)
            rest = line
            while len(rest) > MAX_RECORD and not rest.endswith(("\n", "\r")):
                rest = self._text.readline(MAX_RECORD + 1)
        except (OSError, EOFError, zlib.error, UnicodeError) as error:
            raise CatalogFileError("damaged", line=self.taken, why=str(error)) from error
        return line


class RecordReader:
    """Header and records of a text stream opened with newline="\\n" (or "\\r") and UNREADABLE_BYTES.

    Iterating yields a Record for each sound row and a RejectedRow for each other one. A rejected row
    that spans several lines is read again from its second line on, because an unbalanced quote in it
    may have swallowed sound rows. Blank rows are passed over. Raises CatalogFileError in the middle
    only when the file itself is damaged; every complete row before the damage has been yielded.
    """

    def __init__(self, text: TextIO, delimiter: str | None = None, wanted: Sequence[str] = ()) -> None:
        """Read the header. Without a delimiter, the one that suits the wanted columns best is taken."""
        self._lines = _Lines(text)
        first = self._lines.peek()
        while first and not first.strip():
            next(self._lines)
            first = self._lines.peek()
        self.delimiter = delimiter or sniff_delimiter(first, wanted)
        self._number = -1
        self._reader = self._new_reader()
        self.header: list[str] = []
        self.header = self._read_header()

    def __iter__(self) -> Iterator[Record | RejectedRow]:
        while (row := self._next()) is not None:
            if isinstance(row, RejectedRow) or any(field and not field.isspace() for field in row.fields):
                yield row

    def _read_header(self) -> list[str]:
        row = self._next()
        if row is None:
            raise CatalogFileError("empty")
        if isinstance(row, RejectedRow):
            raise CatalogFileError("header", why=ROW_PROBLEMS[row.reason].rstrip("."))
        names = list(row.fields)
        while len(names) > 1 and not names[-1].strip():
            names.pop()
        return names

    def _next(self) -> Record | RejectedRow | None:
        """The next record that is not a blank line; None at the end."""
        fields: list[str] = []
        while not fields:
            self._lines.begin_record()
            try:
                fields = next(self._reader)
            except StopIteration:
                return None
            except (_RecordTooLarge, csv.Error) as error:
                self._number += 1
                self._reader = self._new_reader()
                return self._reject(self._reason_of(error))
        self._number += 1
        return self._judge(fields)

    def _judge(self, fields: list[str]) -> Record | RejectedRow:
        width = len(self.header)
        while width and len(fields) > width and not fields[-1].strip():
            fields.pop()
        if width and len(fields) != width:
            few = len(fields) < width
            reason = "too_few_columns" if few else "too_many_columns"
            return self._reject(reason, f"{len(fields)} instead of {width}", fields)
        for place, field in enumerate(fields):
            if len(field) > MAX_FIELD:
                detail = f"{len(field)} characters, the limit is {MAX_FIELD}"
                return self._reject("field_too_large", detail, column=self._name(place))
            if not field.isascii() and (bad := _UNREADABLE.search(field)):
                return self._reject_bytes(fields, place, bad)
        return Record(self._number, self._lines.taken - self._lines.in_record + 1, fields)

    def _reject_bytes(self, fields: list[str], place: int, bad: "re.Match[str]") -> RejectedRow:
        return RejectedRow(
            self._number,
            self._lines.taken - self._lines.in_record + 1,
            "undecodable_bytes",
            f"byte 0x{ord(bad[0]) - 0xDC00:02X} at character {bad.start() + 1}",
            self._name(place),
            printable(fields[place]),
            tuple(printable(field) for field in fields),
        )

    def _reject(
        self, reason: str, detail: str = "", fields: Sequence[str] = (), column: str = ""
    ) -> RejectedRow:
        line = self._lines.taken - self._lines.in_record + 1
        value = printable(self._lines.record_text[:1000]).rstrip("\r\n")
        if self._lines.in_record > 1:
            self._lines.back_to_second_line()
        return RejectedRow(
            self._number, line, reason, detail, column, value, tuple(printable(field) for field in fields)
        )

    def _reason_of(self, error: Exception) -> str:
        spans_lines = self._lines.in_record > 1
        if isinstance(error, _RecordTooLarge):
            return "unclosed_quote" if spans_lines else "record_too_large"
        message = str(error)
        if "unexpected end of data" in message:
            return "unclosed_quote"
        if "field larger than field limit" in message:
            return "unclosed_quote" if spans_lines else "field_too_large"
        return "stray_carriage_return" if "new-line character" in message else "stray_quote"

    def _name(self, place: int) -> str:
        return self.header[place].strip() if place < len(self.header) else ""

    def _new_reader(self) -> "Iterator[list[str]]":
        return csv.reader(self._lines, delimiter=self.delimiter, strict=True)
