"""The REST call that lists and searches books."""

from typing import Any

import marshmallow as ma

from bookstore.catalog.api import blueprint
from bookstore.catalog.browse_query import (
    MAX_TEXT,
    MAX_VALUE,
    MAX_VALUES,
    Browse,
    NegativePrice,
    NotAPrice,
    PricesReversed,
)
from bookstore.catalog.runtime import current
from bookstore.catalog.search import SearchResult
from bookstore.catalog.search_query import SORTS
from bookstore.shared.access import Audience, audience
from bookstore.shared.api import MoneySchema, PageArguments, error_responses
from bookstore.shared.errors import InvalidCursor
from bookstore.shared.money import Money
from bookstore.shared.sharing import Sharing, shared


def _alternatives(description: str) -> "ma.fields.List[Any]":
    value = ma.fields.String(validate=ma.validate.Length(max=MAX_VALUE))
    return ma.fields.List(
        value,
        load_default=[],
        validate=ma.validate.Length(max=MAX_VALUES),
        metadata={"description": f"{description} Repeated: any of them."},
    )


class BooksArguments(PageArguments):
    """What to search for; all conditions must hold."""

    q = ma.fields.String(
        load_default="",
        validate=ma.validate.Length(max=MAX_TEXT),
        metadata={"description": "Words of title and authors, the last one perhaps unfinished; or an ISBN."},
    )
    author = ma.fields.String(
        load_default="",
        validate=ma.validate.Length(max=MAX_TEXT),
        metadata={"description": "Names that must be among those of the authors."},
    )
    language = _alternatives("ISO 639-1 code.")
    category = _alternatives("Category, as the facets name it.")
    condition = _alternatives("new, like_new, very_good, good or acceptable.")
    min_price = ma.fields.String(
        load_default="", metadata={"description": "Lowest price of the cheapest copy.", "example": "5.00"}
    )
    max_price = ma.fields.String(
        load_default="", metadata={"description": "Highest price of the cheapest copy.", "example": "20.00"}
    )
    available = ma.fields.Boolean(
        load_default=False, metadata={"description": "Only books of which a copy can be bought now."}
    )
    sort = ma.fields.String(
        load_default="relevance",
        validate=ma.validate.OneOf(SORTS),
        metadata={"description": "Without q, relevance means newest."},
    )
    facets = ma.fields.Boolean(
        load_default=False, metadata={"description": "Also count the books by language, category and so on."}
    )


class FoundBookSchema(ma.Schema):
    """A book in a list. `from_price` is null when no copy is available."""

    id = ma.fields.Integer(required=True)
    title = ma.fields.String(required=True)
    authors = ma.fields.String(required=True)
    isbn13 = ma.fields.String(required=True, allow_none=True)
    year = ma.fields.Integer(required=True, allow_none=True)
    language = ma.fields.String(required=True, allow_none=True)
    url = ma.fields.String(required=True)
    cover_url = ma.fields.String(required=True)
    from_price = ma.fields.Nested(MoneySchema, required=True, allow_none=True)
    copies_available = ma.fields.Integer(required=True)


class PriceBucketSchema(ma.Schema):
    """How many books have their cheapest copy at `lowest` or more and below `below` (null: no end)."""

    lowest = ma.fields.Nested(MoneySchema, required=True)
    below = ma.fields.Nested(MoneySchema, required=True, allow_none=True)
    count = ma.fields.Integer(required=True)


class FacetsSchema(ma.Schema):
    """Number of books by value. Each facet ignores what is chosen in it and respects all else."""

    language = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer())
    category = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer())
    condition = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer())
    price = ma.fields.List(ma.fields.Nested(PriceBucketSchema))


class FoundBooksSchema(ma.Schema):
    """A page of books."""

    items = ma.fields.List(ma.fields.Nested(FoundBookSchema), required=True)
    next_cursor = ma.fields.String(required=True, allow_none=True)
    total = ma.fields.Integer(
        required=True, allow_none=True, metadata={"description": "Null while the index is being built."}
    )
    corrected = ma.fields.Boolean(
        required=True, metadata={"description": "Only words that differ in one letter were found."}
    )
    degraded = ma.fields.Boolean(
        required=True,
        metadata={"description": "The index is being built: titles by their beginning, and ISBNs only."},
    )
    facets = ma.fields.Nested(FacetsSchema, metadata={"description": "Only with facets=true."})


@blueprint.route("/books", methods=["GET"])
@blueprint.arguments(BooksArguments, location="query")
@blueprint.response(200, FoundBooksSchema)
@error_responses(blueprint, InvalidCursor, NotAPrice, NegativePrice, PricesReversed)
@shared(Sharing.ANSWER)
@audience(Audience.EVERYONE)
def list_books(arguments: dict[str, Any]) -> dict[str, Any]:
    """Search the books, or list them newest first."""
    runtime = current()
    texts = ("q", "author", "min_price", "max_price", "sort")
    wanted = Browse.of(
        {name: [arguments[name]] for name in texts}
        | {name: arguments[name] for name in ("language", "category", "condition")}
        | {"available": ["1"] if arguments["available"] else []}
    )
    query = wanted.to_search(runtime.policy.currency, arguments["limit"])
    result = runtime.search.find(query, arguments["cursor"] or None, facets=arguments["facets"])
    return _page(result, runtime.policy.currency, arguments["facets"])


def _page(result: SearchResult, currency: str, with_facets: bool) -> dict[str, Any]:
    page: dict[str, Any] = {
        "items": result.books,
        "next_cursor": result.next_cursor,
        "total": result.total,
        "corrected": result.corrected,
        "degraded": result.degraded,
    }
    if with_facets:
        page["facets"] = {**result.facets, "price": _buckets(result, currency)}
    return page


def _buckets(result: SearchResult, currency: str) -> list[dict[str, Any]]:
    return [
        {
            "lowest": Money(bucket.lowest, currency),
            "below": None if bucket.below is None else Money(bucket.below, currency),
            "count": bucket.count,
        }
        for bucket in result.prices
    ]
