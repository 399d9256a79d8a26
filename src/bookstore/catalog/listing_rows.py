"""A seller's file of listings: each row a clean ListingRow, or all that is wrong with it.

The file is read as a whole before anything is made of it, so that a file that is too large or lacks a
column changes nothing. Where a catalog import forgives, a seller is asked: nothing is shortened or
left out in silence.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple

from bookstore.catalog import isbn
from bookstore.catalog.csv_records import (
    ROW_PROBLEMS,
    CatalogFileError,
    Record,
    RecordReader,
    RejectedRow,
    locate_columns,
)
from bookstore.catalog.import_cleaning import (
    MAX_AUTHORS,
    MAX_CATEGORY,
    MAX_DESCRIPTION,
    MAX_PUBLISHER,
    MAX_TITLE,
    ROUNDED_ISBN,
    read_year,
)
from bookstore.catalog.import_rows import open_text, refuse_archives
from bookstore.catalog.languages import language_code
from bookstore.catalog.text_cleaning import bare_words, clean_line, clean_text, has_visible
from bookstore.shared.errors import N_

MAX_BYTES = 1_048_576
MAX_ROWS = 2_000
MAX_COPIES = 1_000
MAX_PRICE = Decimal(100_000)
MAX_NOTES = 1_000

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "isbn13": ("isbn",),
    "title": ("titulo",),
    "authors": ("author", "autor", "autores"),
    "language": ("idioma", "lengua"),
    "category": ("categoria",),
    "year": ("ano",),
    "publisher": ("editorial",),
    "description": ("descripcion",),
    "condition": ("condicion", "estado"),
    "price": ("precio",),
    "copies": ("quantity", "cantidad", "copias", "ejemplares"),
    "notes": ("notas",),
}
"""The columns, with other names under which they are recognized (case and accents do not matter)."""

REQUIRED = ("condition", "price", "copies")

CONDITIONS = {
    "new": "new",
    "nuevo": "new",
    "like new": "like_new",
    "como nuevo": "like_new",
    "very good": "very_good",
    "muy bueno": "very_good",
    "muy buen estado": "very_good",
    "good": "good",
    "bueno": "good",
    "buen estado": "good",
    "acceptable": "acceptable",
    "aceptable": "acceptable",
}

ROW_ERRORS = {
    "required": N_("This is required."),
    "isbn_or_title_required": N_("Give the ISBN, or the title and the authors."),
    "no_title": N_("A book needs a title."),
    "too_long": N_("This text is longer than %(limit)s characters."),
    "isbn_rounded": N_("A spreadsheet rounded this ISBN. Format the column as text and enter it again."),
    "year_unknown": N_("This is not a year."),
    "language_unknown": N_("We do not know this language. Examples: en, es, English, Español."),
    "condition_unknown": N_("The condition must be new, like_new, very_good, good or acceptable."),
    "price_format": N_("Write the price as digits only, for example 12.50 or 12,50."),
    "price_decimals": N_("The price has more than %(decimals)s decimals."),
    "price_range": N_("The price must be more than 0 and at most %(highest)s."),
    "copies_format": N_("Write the number of copies as a whole number."),
    "copies_range": N_("The number of copies must be between 1 and %(most)s."),
    **{f"isbn_{reason}": message for reason, message in isbn.REASONS.items()},
    **ROW_PROBLEMS,
}
"""The codes of RowError and what each says, with placeholders for its details."""

_PRICE = re.compile(r"[0-9]{1,9}(?:[.,](?P<fraction>[0-9]{1,9}))?")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")


class RowError(NamedTuple):
    """What is wrong with one column of a row; with the row itself when `column` is empty."""

    column: str
    code: str
    value: str
    details: Mapping[str, Any]

    @property
    def template(self) -> str:
        """The English sentence to translate, with %(name)s placeholders for the details."""
        return ROW_ERRORS[self.code]

    @property
    def message(self) -> str:
        return self.template % self.details if self.details else self.template


@dataclass(frozen=True, slots=True)
class ListingRow:
    """A listing as the seller's file describes it. `condition` is one of the shop's five words."""

    number: int
    line: int
    isbn13: str | None
    title: str
    authors: str
    language: str | None
    category: str | None
    year: int | None
    publisher: str | None
    description: str | None
    condition: str
    price: Decimal
    copies: int
    notes: str


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that cannot become a listing, with everything that is wrong with it."""

    number: int
    line: int
    errors: tuple[RowError, ...]


def read_listings(
    data: bytes, *, encoding: str = "utf-8", decimals: int = 2
) -> list[ListingRow | RefusedRow]:
    """All rows of the file, in order. `decimals` are those of the shop's currency.

    Raises CatalogFileError: too_large, too_many_rows, archive, empty, column_missing, encoding_wrong...
    """
    if len(data) > MAX_BYTES:
        raise CatalogFileError("too_large", limit=MAX_BYTES)
    reader = _reader(data, encoding)
    places = _places(reader.header)
    raw = list(islice(reader, MAX_ROWS + 1))
    if len(raw) > MAX_ROWS:
        raise CatalogFileError("too_many_rows", limit=MAX_ROWS)
    return [_listing(row, places, decimals) for row in raw]


def _listing(row: Record | RejectedRow, places: Mapping[str, int], decimals: int) -> ListingRow | RefusedRow:
    if isinstance(row, RejectedRow):
        error = RowError(row.column, row.reason, row.value[:200], {"detail": row.detail})
        return RefusedRow(row.number, row.line, (error,))
    values = {ours: row.fields[place] for ours, place in places.items()}
    return _Parser(values, decimals).listing(row.number, row.line)


def _reader(data: bytes, encoding: str) -> RecordReader:
    plain: io.BufferedReader = io.BufferedReader(io.BytesIO(data))
    refuse_archives(plain)
    return RecordReader(open_text(plain, encoding), wanted=[name for names in _all_names() for name in names])


def _all_names() -> Iterator[tuple[str, ...]]:
    for ours, others in COLUMNS.items():
        yield (ours, *others)


def _places(header: Sequence[str]) -> dict[str, int]:
    """Where our columns are, under our names or others. Raises CatalogFileError."""
    mapping = {}
    for ours, others in COLUMNS.items():
        same = [present for name in (ours, *others) for present in header if _plain(present) == name]
        if same:
            mapping[ours] = same[0]
    places = locate_columns(header, tuple(COLUMNS), mapping, REQUIRED)
    if "isbn13" not in places:
        locate_columns(header, tuple(COLUMNS), mapping, ("title", "authors"))
    return places


def _plain(name: str) -> str:
    return bare_words(name).replace(" ", "")


class _Parser:
    """One row being read: each method returns a value, or notes an error and returns a stand-in."""

    def __init__(self, values: Mapping[str, str], decimals: int) -> None:
        self._values = values
        self._decimals = decimals
        self._errors: list[RowError] = []

    def listing(self, number: int, line: int) -> ListingRow | RefusedRow:
        found = ListingRow(
            number=number,
            line=line,
            isbn13=self._isbn(),
            title=self._title(),
            authors=self._line_of("authors", MAX_AUTHORS),
            language=self._language(),
            category=self._line_of("category", MAX_CATEGORY) or None,
            year=self._year(),
            publisher=self._line_of("publisher", MAX_PUBLISHER) or None,
            description=self._text_of("description", MAX_DESCRIPTION) or None,
            condition=self._condition(),
            price=self._price(),
            copies=self._copies(),
            notes=self._text_of("notes", MAX_NOTES),
        )
        if not self._given("isbn13"):
            self._require_description(found)
        return RefusedRow(number, line, tuple(self._errors)) if self._errors else found

    def _refuse(self, column: str, code: str, **details: Any) -> None:
        self._errors.append(RowError(column, code, self._values.get(column, "")[:200], details))

    def _given(self, column: str) -> str:
        return clean_line(self._values.get(column, ""))

    def _require_description(self, found: ListingRow) -> None:
        if not self._given("title"):
            self._refuse("isbn13", "isbn_or_title_required")
        elif not found.authors:
            self._refuse("authors", "required")

    def _isbn(self) -> str | None:
        text = self._given("isbn13")
        if not text:
            return None
        if ROUNDED_ISBN.fullmatch(text):
            self._refuse("isbn13", "isbn_rounded")
            return None
        try:
            return isbn.normalize(text)
        except isbn.InvalidIsbn as problem:
            self._refuse("isbn13", f"isbn_{problem.reason}", **problem.details)
            return None

    def _title(self) -> str:
        title = self._line_of("title", MAX_TITLE)
        if title and not has_visible(title):
            self._refuse("title", "no_title")
        return title

    def _line_of(self, column: str, limit: int) -> str:
        return self._fitting(column, self._given(column), limit)

    def _text_of(self, column: str, limit: int) -> str:
        return self._fitting(column, clean_text(self._values.get(column, "")), limit)

    def _fitting(self, column: str, text: str, limit: int) -> str:
        if len(text) > limit:
            self._refuse(column, "too_long", limit=limit)
        return text

    def _language(self) -> str | None:
        label = self._given("language")
        code = language_code(label) if label else None
        if label and code is None:
            self._refuse("language", "language_unknown")
        return code

    def _year(self) -> int | None:
        text = self._given("year")
        year = read_year(text) if text else None
        if text and year is None:
            self._refuse("year", "year_unknown")
        return year

    def _condition(self) -> str:
        text = self._required("condition")
        condition = CONDITIONS.get(bare_words(text), "")
        if text and not condition:
            self._refuse("condition", "condition_unknown")
        return condition

    def _price(self) -> Decimal:
        text = self._required("price")
        match = _PRICE.fullmatch(text)
        if match is None:
            if text:
                self._refuse("price", "price_format")
            return Decimal(0)
        if len(match["fraction"] or "") > self._decimals:
            self._refuse("price", "price_decimals", decimals=self._decimals)
            return Decimal(0)
        price = Decimal(text.replace(",", "."))
        if not 0 < price <= MAX_PRICE:
            self._refuse("price", "price_range", highest=MAX_PRICE)
        return price

    def _copies(self) -> int:
        text = self._required("copies")
        if not _WHOLE_NUMBER.fullmatch(text):
            if text:
                self._refuse("copies", "copies_format")
            return 0
        copies = int(text)
        if not 1 <= copies <= MAX_COPIES:
            self._refuse("copies", "copies_range", most=MAX_COPIES)
        return copies

    def _required(self, column: str) -> str:
        text = self._given(column)
        if not text:
            self._refuse(column, "required")
        return text
