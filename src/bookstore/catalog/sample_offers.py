"""Sample sellers and their listings, for a shop that is to be looked at.

The same seed makes the same offers.
"""

import random
import uuid
from collections.abc import Callable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from bookstore.catalog.listings import add_listing
from bookstore.catalog.models import Book, Condition, Listing
from bookstore.catalog.terms import Seller, Terms
from bookstore.shared.database import Database
from bookstore.shared.money import Money

NAMESPACE = uuid.UUID("6f1d5c0e-8a57-4c39-9a54-0d6a5a7b2f11")
BATCH = 500
USED_COPIES = [1, 1, 1, 2, 3, 5, 12]
NEW_COPIES = [3, 5, 12, 25]
NAMES = [
    "Librería El Aleph",
    "Casa del Libro Usado",
    "Macondo Libros",
    "Rocinante Books",
    "Pemberley & Sons",
    "The Whale and Pen",
    "Baker Street Books",
    "La Biblioteca de Babel",
]
SHARE_OF_NEW_PRICE = {
    Condition.NEW: 1.0,
    Condition.LIKE_NEW: 0.8,
    Condition.VERY_GOOD: 0.65,
    Condition.GOOD: 0.5,
    Condition.ACCEPTABLE: 0.35,
}


def sample_sellers() -> list[Seller]:
    """The sellers of the sample offers; their ids are the same in every shop."""
    return [Seller(str(uuid.uuid5(NAMESPACE, name)), name) for name in NAMES]


def add_sample_offers(
    database: Database,
    book_ids: Sequence[int],
    count: int,
    seed: int,
    currency: str,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Spread this many listings over the books, and return how many are new.

    Each has a key, so that repeating the call with the same seed adds nothing.
    """
    added = 0
    for start in range(0, count if book_ids else 0, BATCH):
        numbers = range(start, min(start + BATCH, count))
        with database.writing() as session, session.begin():
            added += _add_batch(session, book_ids, numbers, count, seed, currency)
        progress(numbers.stop)
    return added


def _add_batch(
    session: Session, book_ids: Sequence[int], numbers: range, count: int, seed: int, currency: str
) -> int:
    sellers = sample_sellers()
    keys = {number: f"sample-{seed}-{number}" for number in numbers}
    there = set(session.scalars(select(Listing.offer_key).where(Listing.offer_key.in_(keys.values()))))
    missing = {number: key for number, key in keys.items() if key not in there}
    wanted = {number: book_ids[_place(number, len(book_ids), count)] for number in missing}
    found = session.scalars(select(Book).where(Book.id.in_(wanted.values())))
    books = {book.id: book for book in found}
    for number, key in missing.items():
        dice = random.Random(f"{seed}:{number}")  # noqa: S311 (sample data, not secrets)
        book = books[wanted[number]]
        seller, terms = dice.choice(sellers), _terms(dice, book, seed, currency)
        add_listing(session, book, seller, terms, offer_key=key)
    return len(missing)


def _place(number: int, books: int, count: int) -> int:
    """Which book an offer is for: evenly spread when there are fewer offers than books, else in rounds."""
    return number * books // count if count < books else number % books


def _terms(dice: random.Random, book: Book, seed: int, currency: str) -> Terms:
    new_price = random.Random(f"{seed}:{book.identity}").randrange(800, 3600, 50)  # noqa: S311
    condition = dice.choice(list(Condition))
    share = SHARE_OF_NEW_PRICE[condition] * dice.uniform(0.9, 1.1)
    # Prices end in a round figure: 4.50, 12.00.
    price = Money(50 * max(1, round(new_price * share / 50)), currency)
    many = condition is Condition.NEW
    return Terms(condition=condition, price=price, copies=dice.choice(NEW_COPIES if many else USED_COPIES))
