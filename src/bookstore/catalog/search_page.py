"""One page of search results, with its total and facets."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, cast

from tantivy import DocAddress, FieldType, Order, Query, Searcher

from bookstore.catalog.search_counts import FacetCounts, KeptCounts, PriceBucket
from bookstore.catalog.search_document import SCHEMA
from bookstore.catalog.search_query import (
    PagePosition,
    SearchQuery,
    Sort,
    all_books,
    all_of,
    books_matching,
    books_nearly_matching,
    filters_of,
    with_ids,
)
from bookstore.shared.errors import InvalidCursor

FACETS = ("language", "category", "condition")
# More values than this are no help to choose from. What is chosen already is always counted.
FACET_VALUES = 50
# Upper ends of the price ranges in minor units; the last range is open.
DEFAULT_PRICE_BOUNDS = (500, 1_000, 2_000, 5_000)

_SORT_COLUMNS = {
    "newest": ("newest", Order.Desc),
    "price_asc": ("cheapest", Order.Asc),
    "price_desc": ("dearest", Order.Desc),
}


@dataclass(frozen=True)
class SearchPage:
    """Ids of books in order; `next` is where the following page begins, None at the end.

    `total` is exact. `corrected` says that only words which differ in one letter were found. The counts of a
    facet ignore what is chosen in it and respect all else: they say what one could switch to.
    """

    ids: list[int]
    total: int
    next: PagePosition | None
    corrected: bool = False
    facets: dict[str, dict[str, int]] = field(default_factory=dict)
    prices: list[PriceBucket] = field(default_factory=list)


def find_page(
    searcher: Searcher,
    query: SearchQuery,
    *,
    facets: bool,
    price_bounds: Sequence[int],
    kept: KeptCounts | None = None,
) -> SearchPage:
    """One page; the facets of a large result may come from `kept`.

    Raises InvalidCursor when `query.after` belongs to another sort order.
    """
    if query.after and query.after.sort != _effective_sort(query):
        raise InvalidCursor
    filters = filters_of(query)
    matching = books_matching(query.text) if query.text.strip() else all_books()
    page = _page(searcher, all_of([matching, *filters.values()]), query)
    # Only the text decides whether it is misspelled; filters that leave nothing are a plain "nothing found".
    if page.total == 0 and _count(searcher, matching) == 0:
        matching = books_nearly_matching(searcher, query.text) or matching
        page = _page(searcher, all_of([matching, *filters.values()]), query)
        page = replace(page, corrected=page.total > 0)
    if not facets:
        return page

    def count() -> FacetCounts:
        # To find a few books again by their numbers is cheaper than by words that many others begin with.
        on_this_page = page.total == len(page.ids) and not filters
        counted = with_ids(page.ids) if on_this_page else matching
        return _facet_counts(searcher, counted, filters, query, price_bounds)

    # Every page of a result, in whichever order, has the same counts.
    result = (replace(query, sort="relevance", after=None, limit=1), tuple(price_bounds))
    counts = kept.of(result, page.total, count) if kept else count()
    return replace(page, facets=counts.values, prices=counts.prices)


def _effective_sort(query: SearchQuery) -> Sort:
    """Without words nothing is more relevant than anything else, so the newest come first."""
    return "newest" if query.sort == "relevance" and not query.text.strip() else query.sort


def _page(searcher: Searcher, wanted: Query, query: SearchQuery) -> SearchPage:
    sort = _effective_sort(query)
    return (
        _page_by_score(searcher, wanted, query)
        if sort == "relevance"
        else _page_by_column(searcher, wanted, query, sort)
    )


def _page_by_score(searcher: Searcher, wanted: Query, query: SearchQuery) -> SearchPage:
    # The engine makes room for all hits up to the offset, so an offset that somebody made up must not pass.
    offset = min(query.after.at, searcher.num_docs) if query.after else 0
    found = _search(searcher, wanted, limit=query.limit, offset=offset)
    shown = offset + len(found.hits)
    following = PagePosition("relevance", shown) if found.hits and shown < found.count else None
    return SearchPage(_ids(searcher, found.hits), found.count, following)


def _page_by_column(searcher: Searcher, wanted: Query, query: SearchQuery, sort: Sort) -> SearchPage:
    column, order = _SORT_COLUMNS[sort]
    rest = all_of([wanted, _beyond(column, order, query.after.at)]) if query.after else wanted
    found = _search(searcher, rest, limit=query.limit + 1, order_by_field=column, order=order)
    shown = found.hits[: query.limit]
    following = PagePosition(sort, shown[-1][0]) if len(found.hits) > len(shown) else None
    total = _count(searcher, wanted) if query.after else found.count
    return SearchPage(_ids(searcher, shown), total, following)


def _ids(searcher: Searcher, hits: Sequence[tuple[Any, DocAddress]]) -> list[int]:
    return cast(list[int], searcher.fast_field_values("id", [address for _key, address in hits]))


def _count(searcher: Searcher, query: Query) -> int:
    # Sorting by a column spares the engine all scoring.
    return int(_search(searcher, query, limit=1, order_by_field="id").count)


def _search(searcher: Searcher, query: Query, **options: Any) -> Any:
    # The type stub of the engine does not know that a result has a count.
    return searcher.search(query, **options)


def _beyond(column: str, order: Order, key: int) -> Query:
    if order == Order.Asc:
        return Query.range_query(SCHEMA, column, FieldType.Unsigned, lower_bound=key, include_lower=False)
    return Query.range_query(SCHEMA, column, FieldType.Unsigned, upper_bound=key, include_upper=False)


def _facet_counts(
    searcher: Searcher,
    matching: Query,
    filters: dict[str, Query],
    query: SearchQuery,
    price_bounds: Sequence[int],
) -> FacetCounts:
    aggregations = {facet: _terms(facet) for facet in FACETS} | {"price": _ranges(price_bounds)}
    # Facets without a choice of their own share one pass over the hits.
    passes = [[name for name in aggregations if name not in filters]]
    passes += [[name] for name in aggregations if name in filters]
    results: dict[str, Any] = {}
    for names in filter(None, passes):
        others = [condition for name, condition in filters.items() if name not in names]
        asked = {name: aggregations[name] for name in names}
        asked |= {f"{name}_chosen": _chosen(name, query) for name in names if getattr(query, name, None)}
        results |= searcher.aggregate(all_of([matching, *others]), asked)
    values = {facet: _values(facet, query, results) for facet in FACETS}
    return FacetCounts(values, _buckets(results["price"]))


def _terms(facet: str) -> dict[str, Any]:
    return {"terms": {"field": facet, "size": FACET_VALUES}}


def _chosen(facet: str, query: SearchQuery) -> dict[str, Any]:
    values = sorted(getattr(query, facet))
    return {"terms": {"field": facet, "include": values, "size": len(values)}}


def _ranges(bounds: Sequence[int]) -> dict[str, Any]:
    ends = [0, *bounds]
    ranges = [{"from": start, "to": end} for start, end in pairwise(ends)] + [{"from": ends[-1]}]
    return {"range": {"field": "from_price", "ranges": ranges}}


def _values(facet: str, query: SearchQuery, results: dict[str, Any]) -> dict[str, int]:
    """The counts of a facet, the largest first. A chosen value is there even when it counts nothing."""
    counts = dict.fromkeys(getattr(query, facet), 0)
    for result in (facet, f"{facet}_chosen"):
        buckets = results[result]["buckets"] if result in results else []
        counts |= {bucket["key"]: bucket["doc_count"] for bucket in buckets}
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))


def _buckets(result: dict[str, Any]) -> list[PriceBucket]:
    return [
        PriceBucket(
            int(bucket.get("from", 0)), int(bucket["to"]) if "to" in bucket else None, bucket["doc_count"]
        )
        for bucket in result["buckets"]
    ]
