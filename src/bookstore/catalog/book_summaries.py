"""Books as lists show them: a few columns, with the cheapest price and the copies of what is on sale."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bookstore.catalog.models import Book, Listing, slug_of
from bookstore.shared.money import Money


@dataclass(frozen=True)
class BookSummary:
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
    def slug(self) -> str:
        return slug_of(self.title)

    @property
    def url(self) -> str:
        return f"/books/{self.id}-{self.slug}"

    @property
    def cover_url(self) -> str:
        return f"/covers/{self.id}.svg"


def summarize(session: Session, book_ids: Sequence[int], currency: str) -> list[BookSummary]:
    """The books of these ids in their order; those that are gone are left out. Two statements."""
    offers = _offers(session, book_ids)
    columns = (Book.id, Book.title, Book.authors, Book.isbn13, Book.year, Book.language)
    rows = {row.id: row for row in session.execute(select(*columns).where(Book.id.in_(book_ids)))}
    summaries = []
    for book_id in book_ids:
        if book_id in rows:
            price, copies = offers.get(book_id, (None, 0))
            from_price = None if price is None else Money(price, currency)
            summaries.append(BookSummary(*rows[book_id], from_price=from_price, copies_available=copies))
    return summaries


def _offers(session: Session, book_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """The cheapest price in minor units and the number of copies, by book."""
    on_sale = (Listing.withdrawn_at.is_(None), Listing.available > 0)
    query = (
        select(Listing.book_id, func.min(Listing.price_minor), func.sum(Listing.available))
        .where(Listing.book_id.in_(book_ids), *on_sale)
        .group_by(Listing.book_id)
    )
    return {book_id: (int(price), int(copies)) for book_id, price, copies in session.execute(query)}
