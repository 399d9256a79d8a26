"""Books as lists show them: a few columns, with the cheapest price and the copies of what is on sale."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BindParameter, bindparam, func, select
from sqlalchemy.orm import Session

from bookstore.catalog.models import Book, BookAddresses, Listing
from bookstore.shared.database import table_of
from bookstore.shared.money import Money


@dataclass(frozen=True)
class BookSummary(BookAddresses):
    """One book in a list. `from_price` is None when no copy is available."""

    id: int
    title: str
    authors: str
    isbn13: str | None
    year: int | None
    language: str | None
    from_price: Money | None
    copies_available: int

    @property
    def url(self) -> str:
        return self.path


# Statements are built once; `ids` are as many as are asked for.
_books, _listings = table_of(Book), table_of(Listing)
_COLUMNS = ("id", "title", "authors", "isbn13", "year", "language")
_IDS: BindParameter[int] = bindparam("ids", expanding=True)
BOOKS = select(*(_books.c[name] for name in _COLUMNS)).where(_books.c.id.in_(_IDS))
OFFERS = (
    select(_listings.c.book_id, func.min(_listings.c.price_minor), func.sum(_listings.c.available))
    .where(_listings.c.book_id.in_(_IDS))
    .where(_listings.c.withdrawn_at.is_(None), _listings.c.available > 0)
    .group_by(_listings.c.book_id)
)


def summarize(session: Session, book_ids: Sequence[int], currency: str) -> list[BookSummary]:
    """The books of these ids in their order; those that are gone are left out. Two statements."""
    offers = _offers(session, book_ids)
    rows = {row.id: row._asdict() for row in session.execute(BOOKS, {"ids": list(book_ids)})}
    summaries = []
    for book_id in book_ids:
        if book_id in rows:
            price, copies = offers.get(book_id, (None, 0))
            from_price = None if price is None else Money(price, currency)
            summaries.append(BookSummary(**rows[book_id], from_price=from_price, copies_available=copies))
    return summaries


def copies_on_sale(session: Session, book_id: int) -> int:
    """How many copies of a book can be bought, of all who offer it."""
    return _offers(session, [book_id]).get(book_id, (0, 0))[1]


def _offers(session: Session, book_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """The cheapest price in minor units and the number of copies, by book."""
    found = session.execute(OFFERS, {"ids": list(book_ids)})
    return {book_id: (int(price), int(copies)) for book_id, price, copies in found}
