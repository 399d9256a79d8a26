"""Tables of the catalog service and the rules about each aggregate."""

import re
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Enum,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, validates

from bookstore.catalog.text_folding import fold
from bookstore.shared.clock import utcnow
from bookstore.shared.database import UtcDateTime, service_metadata
from bookstore.shared.errors import N_, Forbidden
from bookstore.shared.money import Money
from bookstore.shared.replicas import ReplicaMixin

# SQLite counts rows by itself only in a column that is exactly INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")

# SQLite gives the number of a deleted last row to the next one, unless it is told not to. A cart, an
# address or the follower of the changes would then take the new row for the old one.
NUMBERS_NEVER_COME_BACK = {"sqlite_autoincrement": True}

# The largest number that every database takes for an INTEGER.
MAX_ID = 2**31 - 1
MAX_TITLE = 255
MAX_AUTHORS = 500
MAX_SLUG_LENGTH = 60


class Base(DeclarativeBase):
    """The tables that catalog owns; no other service reads them."""

    metadata = service_metadata()


class NotYours(Forbidden):
    """The listing is somebody else's."""

    code = "not_yours"
    title = N_("This listing belongs to another seller.")


class Condition(StrEnum):
    """The state that a copy is in, best first."""

    NEW = "new"
    LIKE_NEW = "like_new"
    VERY_GOOD = "very_good"
    GOOD = "good"
    ACCEPTABLE = "acceptable"


class ReservationStatus(StrEnum):
    """Held copies become committed (sold) or are given back: released by orders, or expired by time."""

    HELD = "held"
    COMMITTED = "committed"
    RELEASED = "released"
    EXPIRED = "expired"


def _words(enum: type[StrEnum]) -> Enum:
    """A column of an enum's values, kept as text that any database and any person can read."""
    return Enum(
        enum,
        native_enum=False,
        length=16,
        create_constraint=True,
        name=enum.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


class BookAddresses:
    """Where a book is found, for all that has its number and title: the row, and what pages show of it."""

    if TYPE_CHECKING:
        id: Any
        title: Any

    @property
    def slug(self) -> str:
        return slug_of(self.title)

    @property
    def path(self) -> str:
        """The address of the book's page."""
        return f"/books/{self.id}-{self.slug}"

    @property
    def cover_url(self) -> str:
        return f"/covers/{self.id}.svg"


class ListingValues:
    """What follows from the columns of a listing, for the row and for what pages show of it."""

    if TYPE_CHECKING:
        price_minor: Any
        currency: Any
        photo: Any

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.currency)

    @property
    def photo_url(self) -> str | None:
        return f"/media/{self.photo}.jpg" if self.photo else None

    @property
    def thumbnail_url(self) -> str | None:
        return f"/media/{self.photo}-small.jpg" if self.photo else None


class Book(BookAddresses, Base):
    """A title or edition. Its identity keeps the same book from being entered twice.

    `listed_at` is when the book last became news: at its creation, and whenever a listing is published.
    """

    __tablename__ = "books"
    __table_args__ = (Index("ix_books_listed_at_id", "listed_at", "id"), NUMBERS_NEVER_COME_BACK)

    id: Mapped[int] = mapped_column(primary_key=True)
    identity: Mapped[str] = mapped_column(String(80), unique=True)
    title: Mapped[str] = mapped_column(String(MAX_TITLE))
    title_key: Mapped[str] = mapped_column(String(MAX_TITLE), index=True)
    authors: Mapped[str] = mapped_column(String(MAX_AUTHORS), default="")
    authors_key: Mapped[str] = mapped_column(String(MAX_AUTHORS), default="", server_default="")
    isbn13: Mapped[str | None] = mapped_column(String(13), unique=True, default=None)
    year: Mapped[int | None] = mapped_column(default=None)
    publisher: Mapped[str | None] = mapped_column(String(160), default=None)
    language: Mapped[str | None] = mapped_column(String(8), default=None)
    category: Mapped[str | None] = mapped_column(String(80), default=None)
    description: Mapped[str | None] = mapped_column(Text, default=None)
    pages: Mapped[int | None] = mapped_column(default=None)
    source: Mapped[str] = mapped_column(String(40), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    listed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    @validates("title")
    def _keep_title_key(self, key: str, title: str) -> str:
        self.title_key = title_key_of(title)
        return title

    @validates("authors")
    def _keep_authors_key(self, key: str, authors: str) -> str:
        self.authors_key = authors_key_of(authors)
        return authors


class Listing(ListingValues, Base):
    """A seller's offer of a book. Its copies are available, held or sold; their sum is what was offered.

    The counters move only by conditional updates in the database (`reservations`, `listings.edit`).
    `version` counts the seller's edits, so that two open forms do not overwrite one another. `offer_key`
    names the row of the file that a listing came from: the same row of the same seller is one listing.
    """

    __tablename__ = "listings"
    __table_args__ = (
        CheckConstraint("price_minor > 0", name="price"),
        CheckConstraint("available >= 0", name="available"),
        CheckConstraint("held >= 0", name="held"),
        CheckConstraint("sold >= 0", name="sold"),
        CheckConstraint("offered = available + held + sold", name="copies"),
        Index("ix_listings_book_id_price_minor", "book_id", "price_minor"),
        Index("ix_listings_seller_id_id", "seller_id", "id"),
        UniqueConstraint("seller_id", "offer_key"),
        NUMBERS_NEVER_COME_BACK,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id"))
    seller_id: Mapped[str] = mapped_column(String(36))
    seller_name: Mapped[str] = mapped_column(String(100))
    condition: Mapped[Condition] = mapped_column(_words(Condition))
    price_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    offered: Mapped[int]
    available: Mapped[int]
    held: Mapped[int] = mapped_column(default=0)
    sold: Mapped[int] = mapped_column(default=0)
    notes: Mapped[str] = mapped_column(String(1000), default="")
    photo: Mapped[str | None] = mapped_column(String(64), default=None)
    offer_key: Mapped[str | None] = mapped_column(String(64), default=None)
    version: Mapped[int] = mapped_column(default=1)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    book: Mapped[Book] = relationship(lazy="raise_on_sql")

    @property
    def is_withdrawn(self) -> bool:
        return self.withdrawn_at is not None

    def require_seller(self, user_id: str) -> None:
        """Raise NotYours when somebody else offers these copies."""
        if self.seller_id != user_id:
            raise NotYours


class Reservation(Base):
    """Copies held for one order reference until a time."""

    __tablename__ = "reservations"
    __table_args__ = (Index("ix_reservations_status_expires_at", "status", "expires_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(String(64), unique=True)
    status: Mapped[ReservationStatus] = mapped_column(_words(ReservationStatus))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    lines: Mapped[list["ReservationLine"]] = relationship(
        order_by="ReservationLine.listing_id", lazy="selectin"
    )

    def wants(self, copies: dict[int, int]) -> bool:
        """Whether it was made for exactly these copies of each listing."""
        return {line.listing_id: line.quantity for line in self.lines} == copies


class ReservationLine(Base):
    """Copies of one listing in a reservation, at the price of the moment when they were first held."""

    __tablename__ = "reservation_lines"
    __table_args__ = (
        UniqueConstraint("reservation_id", "listing_id"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("price_minor > 0", name="price"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    reservation_id: Mapped[int] = mapped_column(ForeignKey("reservations.id"))
    listing_id: Mapped[int] = mapped_column(ForeignKey("listings.id"), index=True)
    quantity: Mapped[int]
    price_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.currency)


class BookChange(Base):
    """Something that search knows of a book has changed: written in the transaction that changed it."""

    __tablename__ = "book_changes"
    __table_args__ = NUMBERS_NEVER_COME_BACK

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    book_id: Mapped[int]
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class SearchSnapshotTurn(Base):
    """The one row that says which database this is, and until when a replica copies its search index."""

    __tablename__ = "search_snapshot_turn"

    id: Mapped[int] = mapped_column(primary_key=True)
    database_id: Mapped[str] = mapped_column(String(32))
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Replica(ReplicaMixin, Base):
    """The replicas of the catalog that were seen lately."""

    __tablename__ = "catalog_replicas"


def title_key_of(title: str) -> str:
    """The words of a title without case and accents, for look-ups of its beginning by index alone."""
    folded = fold(title)
    return (" ".join(re.findall(r"\w+", folded)) or " ".join(folded.split()))[:MAX_TITLE]


def authors_key_of(authors: str) -> str:
    """The authors without case and accents, for look-ups that find the same on every database."""
    return fold(authors)[:MAX_AUTHORS]


def slug_of(title: str) -> str:
    """The readable end of a book's address: ASCII letters and digits of its title, or "book"."""
    words = re.sub(r"[^a-z0-9]+", "-", fold(title)).strip("-")
    return words[:MAX_SLUG_LENGTH].strip("-") or "book"
