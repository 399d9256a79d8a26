"""Fills the databases of a shop that does not run yet: with generated books and offers, or from a file.

A million books and three million offers go in as rows, in bulk, as no seller could bring them. The search
index is built from them when the shop starts.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select

from bench.books import Offer, generated, offers
from bookstore.accounts import users
from bookstore.catalog.models import Book, Listing, authors_key_of, title_key_of
from bookstore.catalog.sample_offers import sample_sellers
from bookstore.catalog.search_index import IndexedBook
from bookstore.catalog.terms import Seller
from bookstore.config import Settings
from bookstore.shared.database import Database, from_microseconds, table_of
from bookstore.wiring import open_databases

BATCH = 5_000
# What is bought: nobody should find a copy gone because others measured before.
STACKS, COPIES_OF_A_STACK, PRICE_OF_A_STACK = 1_000, 9_999, 1_250
_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class DataSet:
    """What is in the shop: `catalog` is a file; without one the books are generated."""

    books: int = 10_000
    listings: int = 30_000
    catalog: Path | None = None

    def fill(self, settings: Settings, operate: Callable[..., None]) -> None:
        """Fill the migrated, empty databases of these settings."""
        databases = open_databases(settings)
        try:
            if self.catalog is None:
                fill_generated(databases, self.books, self.listings)
            else:
                operate("import-catalog", str(self.catalog), "--offers", str(self.listings))
            _stack_up(databases["catalog"])
        finally:
            for database in databases.values():
                database.close()


def fill_generated(databases: dict[str, Database], books: int, listings: int) -> None:
    """The generated books and offers; the same in every shop."""
    sellers = sample_sellers()
    for number, seller in enumerate(sellers, start=1):
        with databases["accounts"].writing() as session:
            users.ensure_user(session, seller.id, seller.name, f"seller{number}@bookstore.example")
    with databases["catalog"].migrating() as connection:
        _insert(connection, table_of(Book), map(_book_row, generated(books)))
        offered = offers(listings, books)
        _insert(connection, table_of(Listing), (_offer_row(one, sellers) for one in offered))


def _stack_up(database: Database) -> None:
    """One offer with a stack of copies for each of the first books."""
    [seller, *_] = sample_sellers()
    with database.migrating() as connection:
        ids = connection.scalars(select(Book.id).order_by(Book.id).limit(STACKS)).all()
        first = (connection.scalar(select(func.max(Listing.id))) or 0) + 1
        stacks = (
            Offer(first + place, book_id, 0, "new", PRICE_OF_A_STACK, COPIES_OF_A_STACK)
            for place, book_id in enumerate(ids)
        )
        _insert(connection, table_of(Listing), (_offer_row(one, [seller]) for one in stacks))


def _insert(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    connection.commit()
    for batch in _batches(rows):
        with connection.begin():
            connection.execute(insert(table), batch)


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    remaining = iter(rows)
    while batch := list(itertools.islice(remaining, BATCH)):
        yield batch


def _book_row(book: IndexedBook) -> dict[str, Any]:
    listed = from_microseconds(book.listed_at)
    return {
        "id": book.id,
        "identity": f"source:bench:{book.id}",
        "title": book.title,
        "title_key": title_key_of(book.title),
        "authors": book.authors,
        "authors_key": authors_key_of(book.authors),
        "language": book.language,
        "category": book.category,
        "source": "bench",
        "created_at": listed,
        "listed_at": listed,
    }


def _offer_row(offer: Offer, sellers: list[Seller]) -> dict[str, Any]:
    seller = sellers[offer.seller % len(sellers)]
    return {
        "id": offer.id,
        "book_id": offer.book_id,
        "seller_id": seller.id,
        "seller_name": seller.name,
        "condition": offer.condition,
        "price_minor": offer.price_minor,
        "currency": "USD",
        "offered": offer.copies,
        "available": offer.copies,
        "created_at": _DAY,
        "updated_at": _DAY,
    }
