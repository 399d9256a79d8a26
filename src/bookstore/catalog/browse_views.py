"""The pages on which books are looked for: the home page, and the results of a search."""

from dataclasses import dataclass

from flask import render_template, request
from flask.typing import ResponseReturnValue

from bookstore.catalog.browse_page import BrowsePage, localized_number
from bookstore.catalog.browse_query import Browse, cursor_of
from bookstore.catalog.labels import category_name
from bookstore.catalog.pages import pages
from bookstore.catalog.runtime import current
from bookstore.catalog.search import Search, SearchResult
from bookstore.catalog.search_index import SearchQuery
from bookstore.shared.access import Audience, audience
from bookstore.shared.sharing import Sharing, shared

NEWEST_BOOKS = 12
HOME_CATEGORIES = 18


@dataclass(frozen=True)
class CategoryLink:
    """A category on the home page, with how many books it has."""

    label: str
    count: str
    url: str


@pages.get("/")
@shared(Sharing.VISITOR, Sharing.MEMBER)
@audience(Audience.EVERYONE)
def home() -> ResponseReturnValue:
    """The newest books on sale, and the ways into the shop."""
    search = current().search
    newest = _newest(search)
    counts = search.find(SearchQuery(limit=1), facets=True).facets.get("category", {})
    categories = [_category_link(*entry) for entry in list(counts.items())[:HOME_CATEGORIES]]
    return render_template("catalog/home.html", newest=newest, categories=categories)


@pages.get("/books")
@shared(Sharing.VISITOR, Sharing.MEMBER)
@audience(Audience.EVERYONE)
def browse() -> ResponseReturnValue:
    """The books that match, with everything to narrow them down."""
    runtime, parameters = current(), request.args.to_dict(flat=False)
    cursor, typed = cursor_of(parameters), Browse.of(parameters)
    prices = typed.prices(runtime.policy.currency)
    wanted = typed.priced() if prices.errors else typed
    query = wanted.to_search(runtime.policy.currency, runtime.policy.books_per_page)
    result = runtime.search.find(query, cursor, facets=True)
    page = BrowsePage(wanted, result, typed, prices, is_first=cursor is None)
    return render_template("catalog/browse.html", page=page), 422 if prices.errors else 200


def _category_link(category: str, count: int) -> CategoryLink:
    address = Browse(category=(category,)).address()
    return CategoryLink(category_name(category), localized_number(count), address)


def _newest(search: Search) -> SearchResult:
    """What was offered last; in a shop where nothing is on sale, what became known last."""
    on_sale = search.find(SearchQuery(available_only=True, limit=NEWEST_BOOKS))
    return on_sale if on_sale.books else search.find(SearchQuery(limit=NEWEST_BOOKS))
