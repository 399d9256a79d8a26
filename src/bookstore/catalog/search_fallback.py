"""Search without the index: what indexed columns can answer while the index is being built.

A title by its beginning, a book by its ISBN, or the newest books; no facets, no ranking, no total.
"""

from typing import Any

from sqlalchemy import Select, exists, select, tuple_
from sqlalchemy.orm import Session

from bookstore.catalog import isbn
from bookstore.catalog.models import Book, Listing, title_key_of
from bookstore.catalog.search_index import SearchQuery
from bookstore.shared.database import from_microseconds, to_microseconds
from bookstore.shared.pagination import decode_cursor, encode_cursor


def find(session: Session, query: SearchQuery, cursor: str | None) -> tuple[list[int], str | None]:
    """The ids of a page of books and the cursor of the next. Raises InvalidCursor."""
    wanted: Select[Any] = _filtered(select(Book.id, Book.title_key, Book.listed_at), query)
    text = query.text.strip()
    if not text:
        return _newest(session, wanted, cursor, query.limit)
    if isbn.is_valid(text):
        return list(session.scalars(wanted.where(Book.isbn13 == isbn.normalize(text)))), None
    return _by_title(session, wanted, title_key_of(text), cursor, query.limit)


def _newest(
    session: Session, wanted: Select[Any], cursor: str | None, limit: int
) -> tuple[list[int], str | None]:
    if cursor is not None:
        _, moment, book_id = decode_cursor(cursor, str, int, int)
        before = (from_microseconds(moment), book_id)  # type: ignore[arg-type]  # decode_cursor checked it
        wanted = wanted.where(tuple_(Book.listed_at, Book.id) < before)
    rows = session.execute(wanted.order_by(Book.listed_at.desc(), Book.id.desc()).limit(limit + 1)).all()
    shown = rows[:limit]
    if len(rows) <= limit:
        return [row.id for row in shown], None
    last = shown[-1]
    return [row.id for row in shown], encode_cursor(["", to_microseconds(last.listed_at), last.id])


def _by_title(
    session: Session, wanted: Select[Any], prefix: str, cursor: str | None, limit: int
) -> tuple[list[int], str | None]:
    # A range instead of LIKE: every database answers it from the index, whatever its collation.
    wanted = wanted.where(Book.title_key >= prefix, Book.title_key < prefix + "\U0010ffff")
    if cursor is not None:
        key, _, book_id = decode_cursor(cursor, str, int, int)
        wanted = wanted.where(tuple_(Book.title_key, Book.id) > (key, book_id))
    rows = session.execute(wanted.order_by(Book.title_key, Book.id).limit(limit + 1)).all()
    shown = rows[:limit]
    if len(rows) <= limit:
        return [row.id for row in shown], None
    return [row.id for row in shown], encode_cursor([shown[-1].title_key, 0, shown[-1].id])


def _filtered(wanted: Any, query: SearchQuery) -> Select[Any]:
    if query.language:
        wanted = wanted.where(Book.language.in_(query.language))
    if query.category:
        wanted = wanted.where(Book.category.in_(query.category))
    bounds = [
        Listing.price_minor >= query.min_price if query.min_price is not None else None,
        Listing.price_minor <= query.max_price if query.max_price is not None else None,
        Listing.condition.in_(query.condition) if query.condition else None,
    ]
    conditions = [bound for bound in bounds if bound is not None]
    if conditions or query.available_only:
        on_sale = (Listing.book_id == Book.id, Listing.withdrawn_at.is_(None), Listing.available > 0)
        wanted = wanted.where(exists().where(*on_sale, *conditions))
    found: Select[Any] = wanted
    return found
