"""Books: found by number or ISBN, and described by whoever sells one that the shop does not know yet."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bookstore.catalog import import_cleaning
from bookstore.catalog.import_cleaning import MAX_AUTHORS, MAX_CATEGORY, MAX_DESCRIPTION, MAX_PUBLISHER
from bookstore.catalog.models import MAX_TITLE, Book, BookChange
from bookstore.catalog.text_cleaning import clean_line, clean_text, has_visible
from bookstore.shared.clock import utcnow
from bookstore.shared.database import table_of
from bookstore.shared.errors import N_, NotFound, ShopError


class BookNotFound(NotFound):
    """There is no such book."""

    code = "book_not_found"
    title = N_("We do not know this book.")


class UnknownIsbn(ShopError):
    """No book in the catalog has this ISBN, and it came without a description."""

    status = 422
    code = "unknown_isbn"
    title = N_("We do not know the ISBN %(isbn13)s yet. Please describe the book.")


class NoTitle(ShopError):
    """Nothing readable is left of the title."""

    status = 422
    code = "no_title"
    title = N_("A book needs a title.")


class TextTooLong(ShopError):
    """A text exceeds what its field holds; `field` names it, `limit` is in characters."""

    status = 422
    code = "text_too_long"
    title = N_("This text is longer than %(limit)s characters.")


@dataclass(frozen=True)
class Description:
    """A book in the words of the person who sells it. `isbn13` is normalized; `language` is ISO 639-1."""

    title: str
    authors: str = ""
    isbn13: str | None = None
    year: int | None = None
    publisher: str | None = None
    language: str | None = None
    category: str | None = None
    description: str | None = None
    pages: int | None = None


def find(session: Session, book_id: int) -> Book:
    """The book of this number. Raises BookNotFound."""
    book = session.get(Book, book_id)
    if book is None:
        raise BookNotFound
    return book


def find_by_isbn(session: Session, isbn13: str) -> Book | None:
    return session.scalar(select(Book).where(Book.isbn13 == isbn13))


def known_or_described(session: Session, isbn13: str | None, description: Description | None) -> Book:
    """The book of the ISBN, else the described one, which is entered if it is new.

    Part of the caller's transaction. Raises UnknownIsbn, NoTitle, TextTooLong.
    """
    known = find_by_isbn(session, isbn13) if isbn13 else None
    if known is not None:
        return known
    if description is None:
        raise UnknownIsbn(isbn13=isbn13 or "")
    return _find_or_enter(session, _cleaned(description, isbn13))


def mark_changed(session: Session, book_ids: Iterable[int]) -> None:
    """Tell search, in the caller's transaction, that what it knows of these books has changed."""
    now = utcnow()
    rows = [{"book_id": book_id, "changed_at": now} for book_id in sorted(set(book_ids))]
    if rows:
        session.execute(insert(table_of(BookChange)), rows)


def _cleaned(description: Description, isbn13: str | None) -> import_cleaning.ImportedBook:
    title = clean_line(description.title)
    if not has_visible(title):
        raise NoTitle
    return import_cleaning.ImportedBook(
        source="",
        source_id="",
        title=_fitting("title", title, MAX_TITLE),
        authors=_fitting("authors", clean_line(description.authors), MAX_AUTHORS),
        isbn13=isbn13 or description.isbn13,
        year=description.year,
        publisher=_fitting("publisher", clean_line(description.publisher or ""), MAX_PUBLISHER) or None,
        language=description.language or None,
        category=_fitting("category", clean_line(description.category or ""), MAX_CATEGORY) or None,
        description=_fitting("description", clean_text(description.description or ""), MAX_DESCRIPTION)
        or None,
        pages=description.pages,
    )


def _fitting(field: str, text: str, limit: int) -> str:
    if len(text) > limit:
        raise TextTooLong(field=field, limit=limit)
    return text


def _find_or_enter(session: Session, entry: import_cleaning.ImportedBook) -> Book:
    """Two people may describe the same book at the same moment: its identity is unique."""
    same = select(Book).where(Book.identity == import_cleaning.identity(entry))
    known = session.scalar(same)
    if known is not None:
        return known
    try:
        with session.begin_nested():
            book = _book(entry)
            session.add(book)
    except IntegrityError:
        return session.scalars(same).one()
    return book


def _book(entry: import_cleaning.ImportedBook) -> Book:
    return Book(
        identity=import_cleaning.identity(entry),
        title=entry.title,
        authors=entry.authors,
        isbn13=entry.isbn13,
        year=entry.year,
        publisher=entry.publisher,
        language=entry.language,
        category=entry.category,
        description=entry.description,
        pages=entry.pages,
        source="seller",
    )
