"""A book as the search index keeps it: the schema, and the way from a book to a document."""

from dataclasses import dataclass

import tantivy

from bookstore.catalog.text_folding import terms, title_key, words

# Raise it with each change of the schema or of the text rules; an index of another version is rebuilt.
SCHEMA_VERSION = 2

_ID_BITS = 31
_MAX_MAJOR = (1 << 32) - 1


@dataclass(frozen=True)
class IndexedBook:
    """What search knows of a book.

    `conditions` and `from_price` (minor units) are those of the listings that can be bought now; `listed_at`
    is in microseconds since the epoch.
    """

    id: int
    title: str
    authors: str
    isbn13: str | None
    language: str | None
    category: str | None
    conditions: frozenset[str]
    from_price: int | None
    copies_available: int
    listed_at: int


def build_schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("id", indexed=True, fast=True)
    # Text comes folded and cut into terms. The stored copy serves the correction of misspelled words.
    builder.add_text_field("title", stored=True, tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("author", stored=True, tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("title_key", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("isbn13", tokenizer_name="raw", index_option="basic")
    for facet in ("language", "category", "condition"):
        builder.add_text_field(facet, fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_boolean_field("available", indexed=True)
    for column in ("from_price", "newest", "cheapest", "dearest"):
        builder.add_unsigned_field(column, fast=True)
    # One document is no book: it holds how far into the change table the index has followed, and up to
    # where nothing can come late.
    builder.add_boolean_field("is_position", indexed=True)
    builder.add_unsigned_field("position", fast=True)
    builder.add_unsigned_field("settled", fast=True)
    return builder.build()


SCHEMA = build_schema()


def document_of_book(book: IndexedBook) -> tantivy.Document:
    title_words = words(book.title)
    document = tantivy.Document()
    document.add_unsigned("id", book.id)
    document.add_text("title", " ".join(terms(title_words)))
    document.add_text("author", " ".join(terms(words(book.authors))))
    document.add_text("title_key", title_key(title_words, book.title))
    for field, value in (("isbn13", book.isbn13), ("language", book.language), ("category", book.category)):
        if value:
            document.add_text(field, value)
    for condition in sorted(book.conditions):
        document.add_text("condition", condition)
    document.add_boolean("available", book.copies_available > 0)
    document.add_unsigned("newest", sort_key(book.listed_at // 1_000_000, book.id))
    if book.from_price is not None:
        document.add_unsigned("from_price", book.from_price)
    # Books that nobody offers come last, whether the cheapest or the dearest come first.
    cheapness = _MAX_MAJOR if book.from_price is None else book.from_price
    dearness = 0 if book.from_price is None else book.from_price + 1
    document.add_unsigned("cheapest", sort_key(cheapness, book.id))
    document.add_unsigned("dearest", sort_key(dearness, book.id))
    return document


def document_of_position(position: int, settled: int) -> tantivy.Document:
    document = tantivy.Document()
    document.add_boolean("is_position", True)
    document.add_unsigned("position", position)
    document.add_unsigned("settled", settled)
    return document


def sort_key(major: int, book_id: int) -> int:
    """One number that orders by `major` and then by the book; 63 bits, so that any cursor can carry it.

    The engine sorts by one column only. Times are whole seconds until 2106, prices reach 42 million.
    """
    if not 0 <= book_id < 1 << _ID_BITS:
        raise ValueError(f"book id {book_id} does not fit into {_ID_BITS} bits")
    return min(max(major, 0), _MAX_MAJOR) << _ID_BITS | book_id
