"""What a reader asks of the search index, and how it becomes queries of the engine.

User text is never parsed by the engine: it is folded and cut into words here, and each word becomes a query
object. So no sign that somebody types can raise or act as an operator.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tantivy import FieldType, Occur, Query, Searcher

from bookstore.catalog import isbn
from bookstore.catalog.search_document import SCHEMA
from bookstore.catalog.text_folding import MAX_KEY_LENGTH, Word, encodable, title_key, words
from bookstore.shared.errors import InvalidCursor

Sort = Literal["relevance", "price_asc", "price_desc", "newest"]
SORTS: tuple[Sort, ...] = ("relevance", "price_asc", "price_desc", "newest")

# Somebody who pastes a page searches for its beginning.
MAX_TEXT_LENGTH = 500
MAX_WORDS = 32
# Longer texts are no title with its author, and have too many places where the one could end.
MAX_WORDS_WITH_AUTHOR = 12

TITLE_WEIGHT = 3.0
# The constants are tiers: the largest sum of word scores stays below EXACT_WORD, that below EXACT_TITLE.
EXACT_TITLE = 10_000.0
EXACT_WORD = 1_000.0
TITLE_BESIDE_AUTHOR = 30.0
PREFIX_IN_TITLE = 0.3
PREFIX_IN_AUTHOR = 0.1
AVAILABLE = 0.05

MAX_PRICE = (1 << 63) - 1

FUZZY_MIN_LETTERS = 4
# Of how many hits the spelling is taken, and how much more likely one is that changes a word less.
SPELLING_SAMPLE = 50
WEIGHT_OF_UNCHANGED = 20


@dataclass(frozen=True)
class PagePosition:
    """Where a page ended: the sort key of its last book, or for relevance how many books were shown."""

    sort: Sort
    at: int

    def to_values(self) -> tuple[str, int]:
        """The values to put into a cursor."""
        return (self.sort, self.at)

    @classmethod
    def from_values(cls, sort: str, at: int) -> "PagePosition":
        """Raises InvalidCursor when no page can have ended there."""
        for known in SORTS:
            if sort == known and 0 <= at < 1 << 63:
                return cls(known, at)
        raise InvalidCursor


@dataclass(frozen=True)
class SearchQuery:
    """What to search for. Values within one facet are alternatives; different facets all must hold.

    Prices are minor units, both ends included, and compare with the cheapest copy of a book.
    """

    text: str = ""
    author: str | None = None
    language: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    condition: tuple[str, ...] = ()
    min_price: int | None = None
    max_price: int | None = None
    available_only: bool = False
    sort: Sort = "relevance"
    after: PagePosition | None = None
    limit: int = 24

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError(f"limit must be at least 1, not {self.limit}")


def all_of(queries: Iterable[Query]) -> Query:
    clauses = [(Occur.Must, query) for query in queries]
    return clauses[0][1] if len(clauses) == 1 else Query.boolean_query(clauses)


def any_of(queries: Iterable[Query]) -> Query:
    clauses = [(Occur.Should, query) for query in queries]
    return clauses[0][1] if len(clauses) == 1 else Query.boolean_query(clauses)


def favoring(required: Query, bonuses: Iterable[Query]) -> Query:
    """What `required` finds; the bonuses only lift what they match."""
    return Query.boolean_query([(Occur.Must, required), *((Occur.Should, bonus) for bonus in bonuses)])


def constant(query: Query, score: float) -> Query:
    return Query.const_score_query(query, score)


def term(field: str, value: str | bool | int) -> Query:
    return Query.term_query(
        SCHEMA, field, value, index_option="freq" if field in ("title", "author") else "basic"
    )


def all_books() -> Query:
    return Query.boolean_query([(Occur.Must, Query.all_query()), (Occur.MustNot, term("is_position", True))])


def with_ids(ids: Sequence[int]) -> Query:
    return any_of(term("id", id) for id in ids)


def filters_of(query: SearchQuery) -> dict[str, Query]:
    """The conditions besides the text, by the name of the facet that each belongs to."""
    filters: dict[str, Query] = {}
    for facet in ("language", "category", "condition"):
        if values := getattr(query, facet):
            known = [encodable(value) for value in values]
            filters[facet] = constant(Query.term_set_query(SCHEMA, facet, known), 0.0)
    if query.min_price is not None or query.max_price is not None:
        filters["price"] = _price_between(query.min_price, query.max_price)
    if query.available_only:
        filters["available"] = constant(term("available", True), 0.0)
    if query.author and query.author.strip():
        filters["author"] = _by_author(query.author)
    return filters


def _by_author(author: str) -> Query:
    names = words(author[:MAX_TEXT_LENGTH])[:MAX_WORDS]
    return constant(all_of(_exact(name, ["author"]) for name in names), 0.0) if names else Query.empty_query()


def _price_between(lowest: int | None, highest: int | None) -> Query:
    """Prices that no column can hold are clipped, so that any number may be asked for."""
    start, end = max(lowest or 0, 0), MAX_PRICE if highest is None else min(highest, MAX_PRICE)
    if end < start:
        return Query.empty_query()
    return constant(Query.range_query(SCHEMA, "from_price", FieldType.Unsigned, start, end), 0.0)


def books_matching(text: str) -> Query:
    """The books with all of the words, spread over title and author, the last one perhaps unfinished."""
    text = text[:MAX_TEXT_LENGTH]
    all_words = words(text)
    same_title = constant(term("title_key", title_key(all_words, text)), EXACT_TITLE)
    alternatives = [same_title]
    if all_words:
        alternatives.append(_with_words(all_words[:MAX_WORDS]))
    if isbn.is_valid(text):
        alternatives.append(constant(term("isbn13", isbn.normalize(text)), EXACT_TITLE))
    return favoring(any_of(alternatives), [constant(term("available", True), AVAILABLE)])


def _with_words(wanted: Sequence[Word]) -> Query:
    *finished, last = wanted
    required = all_of([*(_exact(word) for word in dict.fromkeys(finished)), _perhaps_unfinished(last)])
    if 1 < len(wanted) <= MAX_WORDS_WITH_AUTHOR:
        return favoring(required, _titles_beside_author(wanted))
    return required


def _titles_beside_author(wanted: Sequence[Word]) -> Iterator[Query]:
    """ "it stephen king": a beginning or an end of the text is a whole title, and the rest its author."""
    for cut in range(1, len(wanted)):
        for title, author in ((wanted[:cut], wanted[cut:]), (wanted[cut:], wanted[:cut])):
            key = term("title_key", "".join(word.written for word in title)[:MAX_KEY_LENGTH])
            yield constant(all_of([key, *(_exact(word, ["author"]) for word in author)]), TITLE_BESIDE_AUTHOR)


def _exact(word: Word, fields: Sequence[str] = ("title", "author")) -> Query:
    in_parts = all_of(_part_in(part, fields) for part in dict.fromkeys(word.parts))
    return any_of([in_parts, _part_in(word.joined, fields)]) if word.joined else in_parts


def _part_in(part: str, fields: Sequence[str]) -> Query:
    return any_of(
        Query.boost_query(term(field, part), TITLE_WEIGHT) if field == "title" else term(field, part)
        for field in fields
    )


def _perhaps_unfinished(word: Word) -> Query:
    exact = _exact(word)
    if not word.completable:
        return exact
    *finished, last = word.parts
    begun = all_of([*(_part_in(part, ("title", "author")) for part in finished), _beginning_with(last)])
    alternatives = [exact, constant(exact, EXACT_WORD), begun]
    if word.joined:
        alternatives.append(_beginning_with(word.joined))
    return any_of(alternatives)


def _beginning_with(prefix: str) -> Query:
    return any_of(
        constant(Query.fuzzy_term_query(SCHEMA, field, prefix, distance=0, prefix=True), score)
        for field, score in (("title", PREFIX_IN_TITLE), ("author", PREFIX_IN_AUTHOR))
    )


def books_nearly_matching(searcher: Searcher, text: str) -> Query | None:
    """Like `books_matching`, but each longer word may be wrong in one letter. None when no word is longer.

    Ranked as if the reader had typed what most of the best hits say.
    """
    wanted = words(text[:MAX_TEXT_LENGTH])[:MAX_WORDS]
    if not any(_may_be_misspelled(part) for word in wanted for part in word.parts):
        return None
    nearly = all_of(_nearly(word) for word in dict.fromkeys(wanted))
    corrected = _likeliest_spelling(searcher, nearly, wanted)
    return favoring(nearly, [books_matching(corrected)])


def _may_be_misspelled(part: str) -> bool:
    return len(part) >= FUZZY_MIN_LETTERS and part.isalpha()


def _nearly(word: Word) -> Query:
    in_parts = all_of(_part_nearly(part) for part in word.parts)
    return any_of([in_parts, _part_nearly(word.joined)]) if word.joined else in_parts


def _part_nearly(part: str) -> Query:
    exact = _part_in(part, ("title", "author"))
    if not _may_be_misspelled(part):
        return exact
    fuzzy = (
        constant(Query.fuzzy_term_query(SCHEMA, field, part, distance=1), score)
        for field, score in (("title", PREFIX_IN_TITLE), ("author", PREFIX_IN_AUTHOR))
    )
    return any_of([exact, *fuzzy])


def _likeliest_spelling(searcher: Searcher, nearly: Query, wanted: Sequence[Word]) -> str:
    """The spelling that most of the best hits have; one that changes fewer words counts for more."""
    parts = [part for word in wanted for part in word.parts]
    weights: Counter[str] = Counter()
    for _score, address in searcher.search(nearly, limit=SPELLING_SAMPLE, count=False).hits:
        document = searcher.doc(address)
        known = f"{document.get_first('title')} {document.get_first('author')}".split()
        spelled = [_closest(part, known) for part in parts]
        changes = sum(part != other for part, other in zip(parts, spelled, strict=True))
        weights[" ".join(spelled)] += WEIGHT_OF_UNCHANGED ** (len(parts) - changes)
    return weights.most_common(1)[0][0] if weights else ""


def _closest(part: str, known: Sequence[str]) -> str:
    if part in known or not _may_be_misspelled(part):
        return part
    return next((candidate for candidate in known if differs_by_one_letter(part, candidate)), part)


def differs_by_one_letter(first: str, second: str) -> bool:
    """Whether one letter too many, missing, wrong or swapped with its neighbor turns one into the other."""
    if abs(len(first) - len(second)) > 1 or first == second:
        return False
    start = 0
    while start < min(len(first), len(second)) and first[start] == second[start]:
        start += 1
    rest, other = first[start:], second[start:]
    return (
        rest[1:] == other
        or rest == other[1:]
        or rest[1:] == other[1:]
        or (rest[:2] == other[1::-1] and rest[2:] == other[2:])
    )
