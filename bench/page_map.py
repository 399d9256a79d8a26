"""Which pages of a shop are read, and which word must be on each: of this shop, or of any other by a file."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import yaml
from markupsafe import escape
from sqlalchemy import func, select

from bench.books import SEED
from bookstore.catalog.models import Book, Condition, slug_of
from bookstore.shared.database import Database

READING = ("browse", "search", "book")
BOOKS = 1_000
# What every list of books has that is not empty.
A_BOOK = 'class="book-card"'


@dataclass(frozen=True)
class Page:
    """The path of a page with its query, and a word that is in its source if it is the right page."""

    path: str
    word: str


PageMap = Mapping[str, Sequence[Page]]


class NotAPageMap(Exception):
    """The file does not say what must be said; the message tells what is missing."""


def read_page_map(path: Path) -> PageMap:
    """The pages of any shop, from a file of YAML or JSON. Raises NotAPageMap."""
    told = yaml.safe_load(path.read_text())
    if not isinstance(told, dict) or set(told) != set(READING):
        raise NotAPageMap(f"{path.name} must have these and no other keys: {', '.join(READING)}")
    return {name: [_page(name, one) for one in _listed(told[name])] for name in READING}


def own_pages(database: Database) -> PageMap:
    """Lists as people open them, and the pages of some books and searches for them; always the same ones."""
    books = _some_books(database)
    return {
        "browse": [Page(f"/books{query}", A_BOOK) for query in _lists(database)],
        "search": [_search(number, title) for number, (_, title) in enumerate(books)],
        "book": [Page(f"/books/{id}-{slug_of(title)}", str(escape(title))) for id, title in books],
    }


def _listed(pages: Any) -> list[Any]:
    return pages if isinstance(pages, list) else [pages]


def _page(name: str, told: Any) -> Page:
    if not isinstance(told, dict) or set(told) != {"path", "word"}:
        raise NotAPageMap(f"{name}: a page has a path and a word, and nothing else")
    path, word = told["path"], told["word"]
    if not isinstance(path, str) or not path.startswith("/") or not path.isascii() or " " in path:
        raise NotAPageMap(f"{name}: {path!r} is no path; it begins with / and is encoded as in an address")
    if not isinstance(word, str) or not word:
        raise NotAPageMap(f"{name}: {path} needs a word that is on the page")
    return Page(path, word)


def _some_books(database: Database) -> list[tuple[int, str]]:
    chance = random.Random(SEED)  # noqa: S311  # chance, not a secret
    with database.reading() as session:
        last = session.scalar(select(func.max(Book.id))) or 0
        wanted = chance.sample(range(1, last + 1), min(BOOKS, last))
        rows = session.execute(select(Book.id, Book.title).where(Book.id.in_(wanted)).order_by(Book.id))
        return [(id, title) for id, title in rows]


def _lists(database: Database) -> list[str]:
    """Half of those who browse look at everything, newest first; the others have chosen something."""
    chosen = [{"category": name} for name in _most_common(database, Book.category, 4)]
    chosen += [{"language": name} for name in _most_common(database, Book.language, 3)]
    chosen += [{"condition": Condition.GOOD.value}, {"sort": "price_asc"}]
    return [""] * len(chosen) + [f"?{urlencode(one)}" for one in chosen]


def _most_common(database: Database, column: Any, most: int) -> list[str]:
    counted = select(column).where(column.is_not(None)).group_by(column).order_by(func.count().desc(), column)
    with database.reading() as session:
        return list(session.scalars(counted.limit(most)))


def _search(number: int, title: str) -> Page:
    """Half of the searches are for a whole title, the others for one word of it."""
    words = title.split()
    text = title if number % 2 == 0 else max(words, key=len)
    return Page(f"/books?q={quote(text)}", A_BOOK)
