"""A stocked shelf for the tests of search and browsing: books put into the database, each with its offer."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bookstore.catalog import books, listings
from bookstore.catalog.books import Description
from bookstore.catalog.models import Book, Condition, Listing
from bookstore.catalog.photos import PhotoFolder
from bookstore.shared.database import Database
from tests.service.catalog.stock import ANA, USD, terms

MORNING = datetime(2026, 1, 1, 8, tzinfo=UTC)


@dataclass(frozen=True)
class OnShelf:
    """A book with one listing. `price` is in cents; without copies nobody offers it."""

    title: str
    authors: str = "Juan Rulfo"
    price: int = 1000
    copies: int = 1
    language: str | None = "es"
    category: str | None = "novel"
    condition: Condition = Condition.GOOD
    isbn13: str | None = None
    year: int | None = None


def put_on_shelf(database: Database, shelf: Iterable[OnShelf]) -> list[int]:
    """The ids of the books, each listed a minute after the one before."""
    ids = []
    with database.writing() as session, session.begin():
        for number, entry in enumerate(shelf):
            listed_at = MORNING + timedelta(minutes=number)
            book = Book(
                identity=f"test:{number}:{entry.title}"[:80],
                title=entry.title,
                authors=entry.authors,
                language=entry.language,
                category=entry.category,
                isbn13=entry.isbn13,
                year=entry.year,
                listed_at=listed_at,
            )
            session.add(book)
            session.flush()
            if entry.copies:
                session.add(_listing(book, entry))
            ids.append(book.id)
        books.mark_changed(session, ids)
    return ids


def publish(database: Database, title: str = "Pedro Páramo", *, price: str = "12.50", copies: int = 1) -> int:
    """The id of a listing that Ana publishes as sellers do."""
    no_photos = PhotoFolder(Path("no-photos"), 0)
    with database.writing() as session:
        described = Description(title, "Juan Rulfo", year=1955, language="es")
        return listings.publish(session, no_photos, USD, ANA, None, described, terms(copies, price)).id


def _listing(book: Book, entry: OnShelf) -> Listing:
    return Listing(
        book_id=book.id,
        seller_id=ANA.id,
        seller_name=ANA.name,
        condition=entry.condition,
        price_minor=entry.price,
        currency=USD,
        offered=entry.copies,
        available=entry.copies,
    )
