"""The books of the database as search knows them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bookstore.catalog.models import Book, Listing
from bookstore.catalog.search_index import IndexedBook
from bookstore.shared.database import to_microseconds

BATCH = 1_000

_COLUMNS = (Book.id, Book.title, Book.authors, Book.isbn13, Book.language, Book.category, Book.listed_at)


def indexed_books(session: Session, book_ids: Sequence[int]) -> list[IndexedBook]:
    """What search knows of these books; those that are gone are left out."""
    offers = _offers_of(session, book_ids)
    rows = session.execute(select(*_COLUMNS).where(Book.id.in_(book_ids)).order_by(Book.id))
    return [_indexed(row, offers.get(row.id, [])) for row in rows]


def all_books(reading: Callable[[], AbstractContextManager[Session]]) -> Iterator[IndexedBook]:
    """Every book by number, in batches, so that neither memory nor a transaction grows with the catalog."""
    last = 0
    while True:
        with reading() as session:
            ids = session.scalars(select(Book.id).where(Book.id > last).order_by(Book.id).limit(BATCH)).all()
            books = indexed_books(session, ids)
        if not ids:
            return
        yield from books
        last = ids[-1]


def _indexed(row: Any, offers: list[tuple[str, int, int]]) -> IndexedBook:
    return IndexedBook(
        id=row.id,
        title=row.title,
        authors=row.authors,
        isbn13=row.isbn13,
        language=row.language,
        category=row.category,
        conditions=frozenset(condition for condition, _, _ in offers),
        from_price=min((price for _, price, _ in offers), default=None),
        copies_available=sum(copies for _, _, copies in offers),
        listed_at=to_microseconds(row.listed_at),
    )


def _offers_of(session: Session, book_ids: Sequence[int]) -> dict[int, list[tuple[str, int, int]]]:
    """Condition, price and copies of each listing that can be bought now, by book."""
    query = select(Listing.book_id, Listing.condition, Listing.price_minor, Listing.available).where(
        Listing.book_id.in_(book_ids), Listing.withdrawn_at.is_(None), Listing.available > 0
    )
    offers: dict[int, list[tuple[str, int, int]]] = {}
    for book_id, condition, price, copies in session.execute(query):
        offers.setdefault(book_id, []).append((condition.value, price, copies))
    return offers
