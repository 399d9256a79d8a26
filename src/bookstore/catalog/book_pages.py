"""A book with a page of its offers, as everybody sees them: columns only, and the same value while they are.

So what is rendered of it can be kept for as long as it is true: `kept_markup.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, case, select, tuple_
from sqlalchemy.orm import Session

from bookstore.catalog.book_summaries import copies_on_sale
from bookstore.catalog.books import BookNotFound
from bookstore.catalog.models import Book, BookAddresses, Condition, Listing, ListingValues
from bookstore.shared.database import table_of
from bookstore.shared.pagination import Page, decode_cursor, encode_cursor


@dataclass(frozen=True)
class ShownBook(BookAddresses):
    """What a book's page tells of the book."""

    id: int
    title: str
    authors: str
    isbn13: str | None
    year: int | None
    publisher: str | None
    language: str | None
    category: str | None
    description: str | None
    pages: int | None


@dataclass(frozen=True)
class ShownOffer(ListingValues):
    """A listing as everybody sees it."""

    id: int
    book_id: int
    seller_id: str
    seller_name: str
    condition: Condition
    price_minor: int
    currency: str
    available: int
    notes: str
    photo: str | None


# Statements are built once: to build them took a third of what a book's page cost.
_books, _listings = table_of(Book), table_of(Listing)
_RAN_OUT = case((_listings.c.available == 0, 1), else_=0)
_CHEAPEST_FIRST = (_RAN_OUT, _listings.c.price_minor, _listings.c.id)
BOOK = select(*(_books.c[name] for name in ShownBook.__dataclass_fields__)).where(
    _books.c.id == bindparam("book_id")
)
OFFERS = (
    select(*(_listings.c[name] for name in ShownOffer.__dataclass_fields__))
    .where(_listings.c.book_id == bindparam("book_id"), _listings.c.withdrawn_at.is_(None))
    .order_by(*_CHEAPEST_FIRST)
    .limit(bindparam("limit"))
)


@dataclass(frozen=True)
class BookPage:
    """A book, some of its offers, and how many copies there are in all."""

    book: ShownBook
    offers: Sequence[ShownOffer]
    copies: int
    is_first: bool = True
    next_cursor: str | None = None

    @property
    def best(self) -> ShownOffer | None:
        """The cheapest offer of all that has a copy left."""
        return next((offer for offer in self.offers if offer.available), None) if self.is_first else None


def book_page(session: Session, book_id: int, cursor: str | None, limit: int) -> BookPage:
    """A page of what is offered of a book. Raises BookNotFound, InvalidCursor."""
    row = session.execute(BOOK, {"book_id": book_id}).one_or_none()
    if row is None:
        raise BookNotFound
    offers = offers_of(session, book_id, cursor, limit)
    if cursor is None and offers.next_cursor is None:
        copies = sum(offer.available for offer in offers.items)
    else:
        copies = copies_on_sale(session, book_id)
    return BookPage(
        book=ShownBook(*row),
        offers=tuple(offers.items),
        copies=copies,
        is_first=not cursor,
        next_cursor=offers.next_cursor,
    )


def offers_of(session: Session, book_id: int, cursor: str | None, limit: int) -> Page[ShownOffer]:
    """What is on sale of a book, cheapest first; what has just run out comes last. Raises InvalidCursor."""
    wanted = OFFERS
    if cursor is not None:
        wanted = wanted.where(tuple_(*_CHEAPEST_FIRST) > tuple_(*decode_cursor(cursor, int, int, int)))
    rows = session.execute(wanted, {"book_id": book_id, "limit": limit + 1})
    found = [ShownOffer(*row) for row in rows]
    if len(found) <= limit:
        return Page(found, None)
    last = found[limit - 1]
    return Page(found[:limit], encode_cursor([int(last.available == 0), last.price_minor, last.id]))
