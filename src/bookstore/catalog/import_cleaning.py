"""A raw row of a catalog file, made a book that the shop can show, or refused with the reason.

Nothing is guessed: a value that cannot be read is left out and noted, and the book is kept. Only a row
without a title is rejected. Titles and authors that are too long for their columns are shortened at a
word, with an ellipsis; the words that are kept are what search finds.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import quote

from bookstore.catalog.isbn import InvalidIsbn, normalize
from bookstore.catalog.languages import language_code
from bookstore.catalog.text_cleaning import bare_words, clean_line, clean_text, has_visible, shorten
from bookstore.shared.clock import utcnow

MAX_TITLE = 255
MAX_AUTHORS = 500
MAX_PUBLISHER = 160
MAX_CATEGORY = 80
MAX_SOURCE = 40
MAX_DESCRIPTION = 16_000
"""So that the text fits into 65,535 bytes whatever its characters are."""
MAX_PAGES = 20_000
MAX_IDENTITY = 80

ROUNDED_ISBN = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,2}")
"""What a spreadsheet makes of an ISBN that it takes for a number: 9.78043902348e+12."""


class Note(NamedTuple):
    """A value that was left out or shortened; the book itself is kept.

    Codes: isbn_empty, isbn_characters, isbn_length, isbn_prefix, isbn_check_digit, isbn_rounded (a
    spreadsheet made a rounded number of it), year_unknown, pages_unknown, language_unknown,
    title_shortened, authors_shortened, publisher_shortened, category_shortened, description_shortened.
    """

    code: str
    column: str
    value: str


class RowRejected(Exception):
    """The row cannot become a book. `reason` is a stable code: no_title."""

    def __init__(self, reason: str, column: str, value: str) -> None:
        super().__init__(f"{reason}: {column} {value[:40]!r}")
        self.reason = reason
        self.column = column
        self.value = value


@dataclass(frozen=True, slots=True)
class ImportedBook:
    """A clean book. Empty `source`, `source_id` and `authors` mean that they are not known."""

    source: str
    source_id: str
    title: str
    authors: str = ""
    isbn13: str | None = None
    year: int | None = None
    publisher: str | None = None
    language: str | None = None
    category: str | None = None
    description: str | None = None
    pages: int | None = None
    notes: tuple[Note, ...] = field(default=(), compare=False)


def clean_book(values: Mapping[str, str], source: str = "") -> ImportedBook:
    """The book in a row of IMPORT_COLUMNS; `source` stands in where the row names none.

    Raises RowRejected when nothing readable is left of the title.
    """
    notes: list[Note] = []
    title = clean_line(values.get("title", ""))
    if not has_visible(title):
        raise RowRejected("no_title", "title", values.get("title", ""))
    return ImportedBook(
        source=shorten(clean_line(values.get("source", "")) or source, MAX_SOURCE),
        source_id=clean_line(values.get("source_id", "")),
        title=_fitted("title", title, MAX_TITLE, notes),
        authors=_fitted("authors", clean_line(values.get("authors", "")), MAX_AUTHORS, notes),
        isbn13=_isbn(values, notes),
        year=_year(clean_line(values.get("year", "")), notes),
        publisher=_fitted("publisher", clean_line(values.get("publisher", "")), MAX_PUBLISHER, notes) or None,
        language=_language(clean_line(values.get("language", "")), notes),
        category=_fitted("category", clean_line(values.get("category", "")), MAX_CATEGORY, notes) or None,
        description=_fitted("description", clean_text(values.get("description", "")), MAX_DESCRIPTION, notes)
        or None,
        pages=_pages(clean_line(values.get("pages", "")), notes),
        notes=tuple(notes),
    )


def identity(book: ImportedBook) -> str:
    """The key by which a repeated import knows the book again: at most 80 ASCII characters.

    `isbn:<13 digits>`, else `source:<source>:<id>`, else a hash of title, authors and year. Keys that
    would be too long, or whose case matters to the source (databases may compare without it), are hashed.
    """
    if book.isbn13:
        return f"isbn:{book.isbn13}"
    if book.source and book.source_id:
        key = f"source:{quote(book.source.casefold(), safe='')}:{quote(book.source_id, safe='')}"
        case_matters = book.source_id not in (book.source_id.lower(), book.source_id.upper())
        return f"source:{_digest(key)}" if case_matters or len(key) > MAX_IDENTITY else key
    words = (bare_words(book.title) or book.title, bare_words(book.authors), str(book.year or ""))
    return f"text:{_digest(chr(31).join(words))}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _fitted(column: str, text: str, limit: int, notes: list[Note]) -> str:
    if len(text) > limit:
        notes.append(Note(f"{column}_shortened", column, text))
    return shorten(text, limit)


def _isbn(values: Mapping[str, str], notes: list[Note]) -> str | None:
    """The ISBN in `isbn13`, else the one in `isbn10`; either column may hold either form."""
    written = [(column, text) for column in ("isbn13", "isbn10") if (text := values.get(column, "").strip())]
    if not written:
        return None
    rounded = [number for _, text in written if (number := _rounded(text))]
    for _, text in written:
        for candidate in _candidates(text):
            isbn13 = _valid(candidate)
            if isbn13:
                return isbn13
    for _, text in written:
        restored = _with_leading_zeros(text, rounded)
        if restored:
            return restored
    column, text = written[0]
    notes.append(Note(_isbn_problem(text), column, text))
    return None


def _candidates(text: str) -> Iterator[str]:
    """The text as an ISBN, as a whole number with a decimal point, as a list of several ISBNs."""
    yield text
    if text.endswith(".0"):
        yield text[:-2]
    if len(text) > 13:
        yield from re.split(r"[,;|/]", text[:1000])


def _valid(text: str) -> str | None:
    try:
        return normalize(text)
    except InvalidIsbn:
        return None


def _with_leading_zeros(text: str, rounded: list[Decimal]) -> str | None:
    """An ISBN-10 that a spreadsheet took for a number, if its check digit then fits.

    One lost zero is given back on the check digit's word, unless the rounded ISBN-13 of the same row
    contradicts; two or three only if that one confirms them.
    """
    digits = text.removesuffix(".0").upper()
    if not re.fullmatch(r"[0-9]{6,8}[0-9X]", digits):
        return None
    isbn13 = _valid(digits.zfill(10))
    if isbn13 is None or not all(_rounds_to(isbn13, number) for number in rounded):
        return None
    return isbn13 if rounded or len(digits) == 9 else None


def _rounded(text: str) -> Decimal | None:
    """The number that a spreadsheet made of an ISBN-13; None for anything else."""
    if not ROUNDED_ISBN.fullmatch(text):
        return None
    number = Decimal(text.replace(",", "."))
    return number if number.adjusted() == 12 and str(number).startswith(("9.78", "9.79")) else None


def _rounds_to(isbn13: str, number: Decimal) -> bool:
    """Whether 9.78043902348e+12 may have been this ISBN, as far as its digits go."""
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and abs(number - int(isbn13)) <= Decimal(10) ** exponent


def _isbn_problem(text: str) -> str:
    if ROUNDED_ISBN.fullmatch(text):
        return "isbn_rounded"
    try:
        normalize(text)
    except InvalidIsbn as problem:
        return f"isbn_{problem.reason}"
    raise AssertionError("only an ISBN that was not valid is asked for its problem")


_WHOLE_YEAR = re.compile(r"\+?0*([0-9]{1,4})(?:\.0+)?(?:-[0-9]{2}-[0-9]{2}(?:T.*)?)?")
_YEAR_WITHIN = re.compile(r"(?<![0-9])(1[0-9]{3}|20[0-9]{2})(?![0-9])")


def _year(text: str, notes: list[Note]) -> int | None:
    """The year in `1999`, `1999.0`, `+1923-00-00T00:00:00Z`, `c1990`, `12 May 1998`; none before year 1."""
    if not text:
        return None
    year = read_year(text)
    if year is None:
        notes.append(Note("year_unknown", "year", text))
    return year


def read_year(text: str) -> int | None:
    """A year from 1 to the next one, read from a date or a label; None if there is none."""
    match = _WHOLE_YEAR.fullmatch(text)
    if match is None and not text.startswith("-"):
        match = _YEAR_WITHIN.search(text)
    year = int(match[1]) if match else 0
    return year if 1 <= year <= utcnow().year + 1 else None


_PAGES = re.compile(r"([0-9]{1,6})(?:\.0+)?(?:\s*(?:p|pp|pages|pags?|págs?|páginas)\.?)?", re.IGNORECASE)


def _pages(text: str, notes: list[Note]) -> int | None:
    if not text:
        return None
    match = _PAGES.fullmatch(text)
    pages = int(match[1]) if match else 0
    if 1 <= pages <= MAX_PAGES:
        return pages
    notes.append(Note("pages_unknown", "pages", text))
    return None


def _language(label: str, notes: list[Note]) -> str | None:
    if not label:
        return None
    code = language_code(label)
    if code is None:
        notes.append(Note("language_unknown", "language", label))
    return code
