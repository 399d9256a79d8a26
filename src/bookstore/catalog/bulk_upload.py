"""Many listings at once, from the rows of a seller's file.

A row is known again by its book, condition and notes: in a second upload it brings its listing up to
date instead of offering the copies twice. So a file may be sent as often as one likes, also after it was
interrupted, and its rows are written in small batches.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from babel.numbers import get_currency_precision
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bookstore.catalog import books, listings
from bookstore.catalog.books import Description, NoTitle, TextTooLong, UnknownIsbn
from bookstore.catalog.listing_rows import ListingRow, RefusedRow, read_listings
from bookstore.catalog.listings import CopiesTaken
from bookstore.catalog.models import Book, Condition, Listing
from bookstore.catalog.terms import (
    CopiesOutOfRange,
    NotesTooLong,
    PriceOutOfRange,
    Seller,
    Terms,
    WrongCurrency,
)
from bookstore.shared.errors import N_, ShopError
from bookstore.shared.money import Money

BATCH = 50


class SameOfferTwice(ShopError):
    """Two rows of one file are the same offer; which of them counts would be a guess."""

    status = 422
    code = "same_offer_twice"
    title = N_("Row %(row)s already offers this book in this condition with these notes.")


COLUMNS: Mapping[type[ShopError], str] = {
    UnknownIsbn: "isbn13",
    NoTitle: "title",
    PriceOutOfRange: "price",
    WrongCurrency: "price",
    CopiesOutOfRange: "copies",
    CopiesTaken: "copies",
    NotesTooLong: "notes",
}


class Problem(NamedTuple):
    """What is wrong with a row: an English sentence with placeholders, and the column it is about."""

    column: str
    value: str
    template: str
    details: Mapping[str, Any]


@dataclass(frozen=True)
class AcceptedRow:
    """A row that is a listing now. `is_new` is false for one that an earlier upload had made."""

    number: int
    title: str
    book_path: str
    listing_id: int
    is_new: bool


@dataclass(frozen=True)
class RejectedRow:
    """A row that changed nothing, and why. `line` is where it begins in the file."""

    number: int
    line: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Report:
    """What became of each row of a file."""

    accepted: list[AcceptedRow]
    rejected: list[RejectedRow]

    @property
    def added(self) -> int:
        return sum(row.is_new for row in self.accepted)

    @property
    def updated(self) -> int:
        return len(self.accepted) - self.added


def publish_file(session: Session, currency: str, seller: Seller, data: bytes, encoding: str) -> Report:
    """Publish the sound rows of a CSV file and say what is wrong with the others.

    Raises CatalogFileError, and then nothing was published.
    """
    rows = iter(read_listings(data, encoding=encoding, decimals=get_currency_precision(currency)))
    report = Report([], [])
    seen: dict[str, int] = {}
    while batch := list(islice(rows, BATCH)):
        with session.begin():
            for outcome in _publish_batch(session, currency, seller, batch, seen):
                if isinstance(outcome, AcceptedRow):
                    report.accepted.append(outcome)
                else:
                    report.rejected.append(outcome)
    return report


def _publish_batch(
    session: Session,
    currency: str,
    seller: Seller,
    batch: Sequence[ListingRow | RefusedRow],
    seen: dict[str, int],
) -> Iterator[AcceptedRow | RejectedRow]:
    for row in batch:
        if isinstance(row, RefusedRow):
            problems = [Problem(e.column, e.value, e.template, e.details) for e in row.errors]
            yield RejectedRow(row.number, row.line, tuple(problems))
            continue
        try:
            yield _publish_row(session, currency, seller, row, seen)
        except ShopError as error:
            yield RejectedRow(row.number, row.line, (_problem(error),))


def _publish_row(
    session: Session, currency: str, seller: Seller, row: ListingRow, seen: dict[str, int]
) -> AcceptedRow:
    price = Money.parse(str(row.price), currency)
    terms = Terms(Condition(row.condition), price, row.copies, row.notes).accepted(currency)
    book = books.known_or_described(session, row.isbn13, _description(row))
    key = _offer_key(book, terms)
    if key in seen:
        raise SameOfferTwice(row=seen[key])
    listing, is_new = _put_on_sale(session, book, seller, terms, key)
    seen[key] = row.number
    return AcceptedRow(row.number, book.title, book.path, listing.id, is_new)


def _put_on_sale(
    session: Session, book: Book, seller: Seller, terms: Terms, key: str
) -> tuple[Listing, bool]:
    """The listing of this key with these terms, and whether it is new. Raises CopiesTaken."""
    known = listings.of_key(session, seller.id, key)
    if known is None:
        try:
            with session.begin_nested():
                return listings.add_listing(session, book, seller, terms, key), True
        except IntegrityError:
            # The same file is being sent twice at once, and the other one was faster.
            known = listings.of_key(session, seller.id, key)
            if known is None:
                raise
    if known.is_withdrawn or not terms.match(known):
        listings.change_terms(session, known, terms, withdrawn_at=None)
    return known, False


def _offer_key(book: Book, terms: Terms) -> str:
    parts = (book.identity, terms.condition.value, terms.notes)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _description(row: ListingRow) -> Description | None:
    if not row.title:
        return None
    return Description(
        title=row.title,
        authors=row.authors,
        year=row.year,
        publisher=row.publisher,
        language=row.language,
        category=row.category,
        description=row.description,
    )


def _problem(error: ShopError) -> Problem:
    column = str(error.details["field"]) if isinstance(error, TextTooLong) else COLUMNS.get(type(error), "")
    return Problem(column, "", error.title, error.details)
