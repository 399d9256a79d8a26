"""Short words for tests: put a listing on sale, and see the state of its copies."""

from pathlib import Path

from sqlalchemy import select

from bookstore.catalog import listings
from bookstore.catalog.books import Description
from bookstore.catalog.models import BookChange, Condition, Listing
from bookstore.catalog.photos import PhotoFolder
from bookstore.catalog.terms import Seller, Terms
from bookstore.shared.database import Database
from bookstore.shared.money import Money

ANA = Seller("00000000-0000-4000-8000-00000000000a", "Ana Sells")
CARLA = Seller("00000000-0000-4000-8000-00000000000c", "Carla Strange")
USD = "USD"
NO_PHOTOS = PhotoFolder(Path("no-photos-here"), max_bytes=0)


def terms(
    copies: int = 1, price: str = "12.50", condition: Condition = Condition.GOOD, notes: str = ""
) -> Terms:
    return Terms(condition, Money.parse(price, USD), copies, notes)


def offer(
    database: Database,
    copies: int = 1,
    price: str = "12.50",
    title: str = "Pedro Páramo",
    seller: Seller = ANA,
) -> int:
    """The id of a new listing of this seller."""
    with database.writing() as session:
        described = Description(title, "Juan Rulfo", year=1955, language="es")
        return listings.publish(session, NO_PHOTOS, USD, seller, None, described, terms(copies, price)).id


def copies_of(database: Database, listing_id: int) -> tuple[int, int, int, int]:
    """(offered, available, held, sold) of a listing."""
    with database.reading() as session:
        row = session.execute(
            select(Listing.offered, Listing.available, Listing.held, Listing.sold).where(
                Listing.id == listing_id
            )
        ).one()
        return (row.offered, row.available, row.held, row.sold)


def count_changes(database: Database) -> int:
    """How often search was told that a book has changed."""
    with database.reading() as session:
        return len(session.scalars(select(BookChange.id)).all())
