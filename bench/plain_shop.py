"""The pages of books made the plain way, to see what our own way brings: the same pages from the same rows.

Plain is what a tutorial ends with: objects with relationships that load when they are touched, counts of
what is in the database, LIKE for words, connections as the library makes them, and Flask's own server with
its threads. Templates, headers and logs are those of the shop, so that they are no part of the difference.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask, abort, render_template, request
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup
from sqlalchemy import ForeignKey, create_engine, func, or_, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, sessionmaker

from bookstore.app import create_shop
from bookstore.catalog.book_pages import BookPage
from bookstore.catalog.browse_page import BrowsePage
from bookstore.catalog.browse_query import Browse
from bookstore.catalog.kept_markup import rendered
from bookstore.catalog.models import BookAddresses, ListingValues
from bookstore.catalog.reservations import MAX_QUANTITY
from bookstore.catalog.search import SearchResult
from bookstore.config import Settings
from bookstore.shared.access import Audience, audience, current_user
from bookstore.shared.money import Money
from bookstore.shared.telemetry import configure_logging


class Base(DeclarativeBase):
    """The tables of the catalog, as its rows are seen here."""


class PlainListing(ListingValues, Base):
    """An offer of a book."""

    __tablename__ = "listings"

    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id"))
    seller_id: Mapped[str]
    seller_name: Mapped[str]
    condition: Mapped[str]
    price_minor: Mapped[int]
    currency: Mapped[str]
    available: Mapped[int]
    notes: Mapped[str]
    photo: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]

    book: Mapped["PlainBook"] = relationship(back_populates="listings")


class PlainBook(BookAddresses, Base):
    """A book that knows its offers."""

    __tablename__ = "books"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    authors: Mapped[str]
    isbn13: Mapped[str | None]
    year: Mapped[int | None]
    publisher: Mapped[str | None]
    language: Mapped[str | None]
    category: Mapped[str | None]
    description: Mapped[str | None]
    pages: Mapped[int | None]
    listed_at: Mapped[datetime]

    listings: Mapped[list[PlainListing]] = relationship(
        back_populates="book", order_by=PlainListing.price_minor
    )

    @property
    def offers(self) -> list[PlainListing]:
        return [listing for listing in self.listings if listing.withdrawn_at is None]

    @property
    def copies_available(self) -> int:
        return sum(offer.available for offer in self.offers)

    @property
    def from_price(self) -> Money | None:
        return min((offer.price for offer in self.offers if offer.available), default=None)

    url = BookAddresses.path


def plain_app(settings: Settings) -> Flask:
    """The shop, whose pages of books are made the plain way."""
    app = create_shop(settings).app
    sessions = sessionmaker(create_engine(settings.database_url_of("catalog")))

    @audience(Audience.EVERYONE)
    def browse() -> Any:
        with sessions() as session:
            return _browse(session, settings)

    @audience(Audience.EVERYONE)
    def show_book(book_id: int, slug: str) -> Any:
        with sessions() as session:
            book = session.get(PlainBook, book_id) or abort(404)
            return render_template("catalog/book.html", page=PlainPage(book))

    _keep_nothing(app)
    app.view_functions |= {"catalog.browse": browse, "catalog.show_book": show_book}
    return app


def _browse(session: Session, settings: Settings) -> str:
    wanted = Browse.of(request.args.to_dict(flat=False))
    found = session.query(PlainBook).filter(*_conditions(wanted))
    books = found.order_by(*_order(wanted)).limit(settings.books_per_page).all()
    result = SearchResult(
        books=books,  # type: ignore[arg-type]  # what a card needs, they have
        next_cursor="next" if found.count() > len(books) else None,
        total=found.count(),
        facets={name: dict(_counts(session, wanted, name)) for name in ("category", "language", "condition")},
    )
    page = BrowsePage(wanted, result, wanted, wanted.prices(settings.currency), is_first=True)
    return render_template("catalog/browse.html", page=page)


def _conditions(wanted: Browse) -> Iterator[Any]:
    for word in wanted.text.split():
        yield or_(PlainBook.title.like(f"%{word}%"), PlainBook.authors.like(f"%{word}%"))
    if wanted.category:
        yield PlainBook.category.in_(wanted.category)
    if wanted.language:
        yield PlainBook.language.in_(wanted.language)
    if wanted.condition:
        yield PlainBook.listings.any(PlainListing.condition.in_(wanted.condition))


def _order(wanted: Browse) -> tuple[Any, ...]:
    if not wanted.sort.startswith("price"):
        return PlainBook.listed_at.desc(), PlainBook.id.desc()
    offers = (PlainListing.book_id == PlainBook.id, PlainListing.available > 0)
    cheapest = select(func.min(PlainListing.price_minor)).where(*offers).scalar_subquery()
    return cheapest.is_(None), cheapest


def _counts(session: Session, wanted: Browse, name: str) -> list[tuple[str, int]]:
    """How many of the books found have each value, the commonest first."""
    column = PlainListing.condition if name == "condition" else getattr(PlainBook, name)
    number = func.count(func.distinct(PlainBook.id))
    counted = session.query(column, number).select_from(PlainBook)
    if name == "condition":
        counted = counted.join(PlainBook.listings)
    counted = counted.filter(*_conditions(wanted), column.is_not(None))
    return [(str(value), count) for value, count in counted.group_by(column).order_by(number.desc())]


@dataclass
class PlainPage:
    """What the template of a book's page asks for."""

    book: PlainBook
    is_first: bool = True

    @property
    def offers(self) -> list[PlainListing]:
        return self.book.offers

    @property
    def copies(self) -> int:
        return self.book.copies_available

    best = BookPage.best


def _keep_nothing(app: Flask) -> None:
    """Render for each who asks."""

    def card_of(book: PlainBook, level: int) -> Markup:
        return rendered(app, "macros/books.html", "book_card", book, level)

    def detail_of(page: PlainPage) -> Markup:
        told = (None, current_user().user_id, generate_csrf())
        return rendered(app, "catalog/book_detail.html", "book_detail", page, *told, MAX_QUANTITY)

    app.jinja_env.globals.update(card_of=card_of, detail_of=detail_of)


def main() -> None:
    """Serve at the port of the settings, as `flask run` does."""
    settings = Settings.from_environ()
    configure_logging(settings.log_format, settings.log_level)
    plain_app(settings).run(settings.host, settings.port, threaded=True)


if __name__ == "__main__":
    sys.exit(main())
