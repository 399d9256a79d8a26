"""What is rendered of books, once for all readers of a language who see them as they are.

It is kept together with all that it depends on, and rendered anew as soon as that is another, so that nothing
kept is ever wrong. Most of what a page costs is to render this, and the same books are read again and again.
"""

import secrets
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any

from flask import Flask, url_for
from flask_babel import get_locale
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

from bookstore.catalog.book_pages import BookPage
from bookstore.catalog.book_summaries import BookSummary
from bookstore.catalog.labels import category_name, language_name
from bookstore.catalog.reservations import MAX_QUANTITY
from bookstore.shared.access import current_user
from bookstore.shared.sharing import sharing

# A card has about 1 KB, a page 5 KB and its description twice. Pages with more offers than this are not kept.
KEPT_CARDS, KEPT_PAGES = 5_000, 2_000
MOST_OFFERS = 20
# Stands for the reader's own token in the forms of what is kept. No book can contain it.
TOKEN = secrets.token_hex(16)


class KeptMarkup:
    """The latest markup of each of so many keys, for as long as what it was made of is the same.

    A book that sells has one entry, however often its copies change: memory does not grow with the orders.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[Hashable, tuple[object, Markup]] = {}
        self._filling = Lock()

    def of(self, key: Hashable, made_of: object, render: Callable[[], Markup]) -> Markup:
        known = self._kept.get(key)
        if known is not None and known[0] == made_of:
            return known[1]
        markup = render()
        with self._filling:
            if key not in self._kept and len(self._kept) >= self._most:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = (made_of, markup)
        return markup


def install(app: Flask) -> None:
    """Give the templates `card_of(book, level)` and `detail_of(page)`, in the reader's language."""
    cards, pages = KeptMarkup(KEPT_CARDS), KeptMarkup(KEPT_PAGES)

    def card_of(book: BookSummary, level: int) -> Markup:
        key = (str(get_locale()), book.id, level)
        return cards.of(key, book, lambda: rendered(app, "macros/books.html", "book_card", book, level))

    def detail_of(page: BookPage) -> Markup:
        if sharing():
            return detail(page, seller_id="", token="")
        return _with_own_token(detail(page, _seller_among(page), TOKEN))

    def detail(page: BookPage, seller_id: str, token: str) -> Markup:
        def render() -> Markup:
            told = (_following(page), seller_id, token, MAX_QUANTITY)
            return rendered(app, "catalog/book_detail.html", "book_detail", page, *told)

        if len(page.offers) > MOST_OFFERS or not page.is_first:
            return render()
        return pages.of((str(get_locale()), page.book.id, seller_id, token), page, render)

    app.jinja_env.globals.update(card_of=card_of, detail_of=detail_of)
    app.jinja_env.filters.update(language_name=language_name, category_name=category_name)


def rendered(app: Flask, file: str, macro: str, *arguments: Any) -> Markup:
    """What a macro of a template makes of its arguments."""
    return Markup(getattr(app.jinja_env.get_template(file).module, macro)(*arguments))  # noqa: S704  # a template's


def _following(page: BookPage) -> str | None:
    """The address of the next page of offers."""
    if page.next_cursor is None:
        return None
    return url_for("catalog.show_book", book_id=page.book.id, slug=page.book.slug, cursor=page.next_cursor)


def _seller_among(page: BookPage) -> str:
    """The reader, when one of these offers is theirs: they edit it instead of buying it."""
    reader = current_user().user_id
    return reader if reader and any(offer.seller_id == reader for offer in page.offers) else ""


def _with_own_token(kept: Markup) -> Markup:
    return kept.replace(TOKEN, generate_csrf()) if TOKEN in kept else kept
