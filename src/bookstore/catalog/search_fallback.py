"""Search without the index: what indexed columns can answer while the index is being built.

A title by its beginning, a book by its ISBN, or the newest books; no facets, no ranking, no total.
"""

from typing import Any

from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import Session

from bookstore.catalog import isbn
from bookstore.catalog.models import Book, Condition, Listing, authors_key_of, title_key_of
from bookstore.catalog.search_query import MAX_PRICE, MAX_TEXT_LENGTH, SearchQuery
from bookstore.catalog.text_folding import encodable
from bookstore.shared.database import from_microseconds, to_microseconds
from bookstore.shared.errors import InvalidCursor
from bookstore.shared.pagination import decode_cursor, encode_cursor

# What a cursor of each order begins with; cursors of the index begin with other words.
_BY_TITLE = "title"
_BY_TIME = "listed_at"


def find(session: Session, query: SearchQuery, cursor: str | None) -> tuple[list[int], str | None]:
    """The ids of a page of books and the cursor of the next. Raises InvalidCursor."""
    wanted: Select[Any] = _filtered(select(Book.id, Book.listed_at), query)
    text = encodable(query.text[:MAX_TEXT_LENGTH]).strip()
    if not text:
        return _newest(session, wanted, cursor, query.limit)
    if isbn.is_valid(text):
        return list(session.scalars(wanted.where(Book.isbn13 == isbn.normalize(text)))), None
    return _by_title(session, wanted, title_key_of(text), cursor, query.limit)


def _newest(
    session: Session, wanted: Select[Any], cursor: str | None, limit: int
) -> tuple[list[int], str | None]:
    if cursor is not None:
        _, moment, book_id = _values_of(cursor, _BY_TIME, int, int)
        wanted = wanted.where(tuple_(Book.listed_at, Book.id) < (from_microseconds(moment), book_id))
    rows = session.execute(wanted.order_by(Book.listed_at.desc(), Book.id.desc()).limit(limit + 1)).all()
    shown = rows[:limit]
    if len(rows) <= limit:
        return [row.id for row in shown], None
    last = shown[-1]
    return [row.id for row in shown], encode_cursor([_BY_TIME, to_microseconds(last.listed_at), last.id])


def _by_title(
    session: Session, wanted: Select[Any], prefix: str, cursor: str | None, limit: int
) -> tuple[list[int], str | None]:
    # A range instead of LIKE: every database answers it from the index, whatever its collation.
    wanted = wanted.where(Book.title_key >= prefix, Book.title_key < prefix + "\U0010ffff")
    if cursor is not None:
        # The title itself would make the cursor too long for an address.
        _, book_id = _values_of(cursor, _BY_TITLE, int)
        last_title = session.scalar(select(Book.title_key).where(Book.id == book_id))
        if last_title is None:
            raise InvalidCursor
        wanted = wanted.where(tuple_(Book.title_key, Book.id) > (last_title, book_id))
    ids = session.scalars(wanted.order_by(Book.title_key, Book.id).limit(limit + 1)).all()
    shown = list(ids[:limit])
    return shown, encode_cursor([_BY_TITLE, shown[-1]]) if len(ids) > limit else None


def _values_of(cursor: str, order: str, *kinds: type) -> Any:
    values = decode_cursor(cursor, str, *kinds)
    if values[0] != order:
        raise InvalidCursor
    return values


def _filtered(wanted: Any, query: SearchQuery) -> Select[Any]:
    if query.language:
        wanted = wanted.where(Book.language.in_(map(encodable, query.language)))
    if query.category:
        wanted = wanted.where(Book.category.in_(map(encodable, query.category)))
    if query.author and query.author.strip():
        name = authors_key_of(query.author[:MAX_TEXT_LENGTH].strip())
        wanted = wanted.where(Book.authors_key.contains(name, autoescape=True))
    offer = _conditions_of_an_offer(query)
    if offer or query.available_only:
        on_sale = (Listing.book_id == Book.id, Listing.withdrawn_at.is_(None), Listing.available > 0)
        # MariaDB turns EXISTS into a join with all listings; a value it looks up for each book by itself.
        wanted = wanted.where(
            select(Listing.id).where(*on_sale, *offer).limit(1).scalar_subquery().is_not(None)
        )
    found: Select[Any] = wanted
    return found


def _conditions_of_an_offer(query: SearchQuery) -> list[Any]:
    """What a listing must be like. Prices that no column can hold are clipped."""
    conditions: list[Any] = []
    if query.min_price is not None:
        conditions.append(Listing.price_minor >= max(0, min(query.min_price, MAX_PRICE)))
    if query.max_price is not None:
        conditions.append(Listing.price_minor <= max(min(query.max_price, MAX_PRICE), -1))
    if query.condition:
        known = [condition for condition in Condition if condition.value in query.condition]
        conditions.append(Listing.condition.in_(known))
    return conditions
