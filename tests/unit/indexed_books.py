"""Books for the tests of search."""

from typing import Any

from bookstore.catalog.search_index import IndexedBook


def book(id: int, title: str, authors: str = "", **facts: Any) -> IndexedBook:
    """A book that somebody offers, listed in the second that is its id, unless the facts say otherwise."""
    known: dict[str, Any] = {
        "isbn13": None,
        "language": "es",
        "category": None,
        "conditions": frozenset({"good"}),
        "from_price": 1000,
        "copies_available": 1,
        "listed_at": id * 1_000_000,
    }
    return IndexedBook(id=id, title=title, authors=authors, **known | facts)
