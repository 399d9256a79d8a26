import csv
import gzip
import io
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bookstore.catalog import terms
from bookstore.catalog.csv_records import CatalogFileError
from bookstore.catalog.listing_rows import (
    CONDITIONS,
    MAX_BYTES,
    MAX_COPIES,
    MAX_NOTES,
    MAX_PRICE,
    ROW_ERRORS,
    ListingRow,
    RefusedRow,
    read_listings,
)
from bookstore.catalog.models import Condition

GOOD = {"isbn13": "9788437604947", "condition": "good", "price": "12.50", "copies": "3", "notes": "Signed"}


def file_of(*rows: dict[str, str]) -> bytes:
    """A file with the columns of all rows, as a spreadsheet writes it."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", errors="surrogatepass")


def row_of(**changes: str) -> ListingRow | RefusedRow:
    return read_listings(file_of({**GOOD, **changes}))[0]


def listing_of(**changes: str) -> ListingRow:
    row = row_of(**changes)
    assert isinstance(row, ListingRow), row
    return row


def errors_of(**changes: str) -> list[tuple[str, str]]:
    row = row_of(**changes)
    assert isinstance(row, RefusedRow), row
    return [(error.column, error.code) for error in row.errors]


def refusal_of(data: bytes, **options) -> CatalogFileError:
    with pytest.raises(CatalogFileError) as refused:
        read_listings(data, **options)
    return refused.value


# Rows that become listings


def test_a_book_with_an_isbn_needs_no_description():
    assert read_listings(file_of(GOOD)) == [
        ListingRow(
            number=1,
            line=2,
            isbn13="9788437604947",
            title="",
            authors="",
            language=None,
            category=None,
            year=None,
            publisher=None,
            description=None,
            condition="good",
            price=Decimal("12.50"),
            copies=3,
            notes="Signed",
        )
    ]


def test_a_book_without_isbn_is_described():
    listing = listing_of(
        isbn13="",
        title=" Cien  años de soledad ",
        authors="Gabriel García Márquez",
        language="Español",
        category="Novela",
        year="c1967",
        publisher="Sudamericana",
        description="<p>Muchos años después</p>",
    )
    assert (listing.isbn13, listing.title, listing.authors) == (
        None,
        "Cien años de soledad",
        "Gabriel García Márquez",
    )
    assert (listing.language, listing.category, listing.year) == ("es", "Novela", 1967)
    assert (listing.publisher, listing.description) == ("Sudamericana", "Muchos años después")


def test_columns_are_recognized_in_spanish_and_in_any_order():
    data = "Precio;Condición;ISBN-13;Ejemplares;Título;Año;NOTAS\n12,50;Como nuevo;84-376-0494-X;2;;1967;\n"
    (listing,) = read_listings(data.encode("utf-8-sig"))
    assert isinstance(listing, ListingRow)
    assert (listing.isbn13, listing.price, listing.condition) == (
        "9788437604947",
        Decimal("12.50"),
        "like_new",
    )
    assert (listing.copies, listing.year, listing.notes) == (2, 1967, "")


def test_our_own_column_name_comes_before_a_similar_one():
    (listing,) = read_listings(b"isbn,isbn13,condition,price,copies\nnonsense,9788437604947,good,1,1\n")
    assert isinstance(listing, ListingRow)
    assert listing.isbn13 == "9788437604947"


def test_a_file_of_another_encoding_is_read_when_it_is_named():
    data = "isbn;title;authors;condition;price;copies\n;Año;Ñ;nuevo;1;1\n".encode("cp1252")
    (listing,) = read_listings(data, encoding="cp1252")
    assert isinstance(listing, ListingRow)
    assert (listing.title, listing.authors) == ("Año", "Ñ")


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("12.50", "12.50"),
        ("12,50", "12.50"),
        ("12", "12"),
        ("0.01", "0.01"),
        ("100000", "100000"),
        (" 7,5\u00a0", "7.5"),
    ],
)
def test_prices_are_exact_decimals(text, price):
    found = listing_of(price=text).price
    assert isinstance(found, Decimal)
    assert str(found) == price


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("new", "new"),
        ("Like New", "like_new"),
        ("like-new", "like_new"),
        ("VERY_GOOD", "very_good"),
        ("Muy bueno", "very_good"),
        ("buen estado", "good"),
        ("Aceptable", "acceptable"),
    ],
)
def test_conditions_in_the_words_of_the_shop(text, condition):
    assert listing_of(condition=text).condition == condition


def test_all_conditions_of_the_shop_can_be_written_and_no_others():
    assert set(CONDITIONS.values()) == {condition.value for condition in Condition}
    assert all(listing_of(condition=condition.value).condition == condition.value for condition in Condition)


def test_the_limits_are_those_of_a_single_listing():
    assert (MAX_COPIES, MAX_NOTES) == (terms.MAX_COPIES, terms.MAX_NOTES)
    assert MAX_PRICE * 100 == terms.MAX_PRICE_MINOR


def test_notes_keep_their_lines():
    assert listing_of(notes=" Signed.\r\nSpine  worn.\0 ").notes == "Signed.\nSpine worn."


# Rows with errors


@pytest.mark.parametrize(
    ("column", "text", "code"),
    [
        ("price", "", "required"),
        ("price", "free", "price_format"),
        ("price", "-5", "price_format"),
        ("price", "$12", "price_format"),
        ("price", "1e3", "price_format"),
        ("price", "NaN", "price_format"),
        ("price", "Infinity", "price_format"),
        ("price", "1,234.50", "price_format"),
        ("price", "12.", "price_format"),
        ("price", "١٢", "price_format"),
        ("price", "=1+1", "price_format"),
        ("price", "9" * 30, "price_format"),
        ("price", "1,234", "price_decimals"),
        ("price", "12.999", "price_decimals"),
        ("price", "0", "price_range"),
        ("price", "0.00", "price_range"),
        ("price", "100000.01", "price_range"),
        ("copies", "", "required"),
        ("copies", "0", "copies_range"),
        ("copies", "1001", "copies_range"),
        ("copies", "-1", "copies_format"),
        ("copies", "1.5", "copies_format"),
        ("copies", "2.0", "copies_format"),
        ("copies", "many", "copies_format"),
        ("copies", "9" * 4_400, "copies_format"),
        ("condition", "", "required"),
        ("condition", "used", "condition_unknown"),
        ("isbn13", "9788437604948", "isbn_check_digit"),
        ("isbn13", "9,78844E+12", "isbn_rounded"),
        ("isbn13", "978843760494", "isbn_length"),
        ("isbn13", "B00007FYKO", "isbn_characters"),
        ("isbn13", "7804634880273", "isbn_prefix"),
        ("isbn13", "-", "isbn_empty"),
        ("notes", "x" * 1_001, "too_long"),
        ("title", "x" * 256, "too_long"),
        ("title", "--", "no_title"),
        ("authors", "x" * 501, "too_long"),
        ("category", "x" * 81, "too_long"),
        ("description", "x" * 16_001, "too_long"),
        ("year", "soon", "year_unknown"),
        ("year", "3000", "year_unknown"),
        ("language", "Klingon-ish", "language_unknown"),
    ],
)
def test_what_is_wrong_is_named_with_its_column(column, text, code):
    assert errors_of(**{column: text}) == [(column, code)]


def test_everything_that_is_wrong_with_a_row_is_said_at_once():
    assert errors_of(isbn13="1", condition="used", price="0", copies="0") == [
        ("isbn13", "isbn_length"),
        ("condition", "condition_unknown"),
        ("price", "price_range"),
        ("copies", "copies_range"),
    ]


def test_without_isbn_title_and_authors_are_needed():
    assert errors_of(isbn13="") == [("isbn13", "isbn_or_title_required")]
    assert errors_of(isbn13="", title="Pedro Páramo") == [("authors", "required")]
    assert errors_of(isbn13="", authors="Juan Rulfo", title="") == [("isbn13", "isbn_or_title_required")]


def test_an_error_has_a_sentence_with_its_figures():
    (error,) = row_of(notes="x" * 1_001).errors  # type: ignore[union-attr]
    assert error.message == "This text is longer than 1000 characters."
    assert error.value == "x" * 200
    (error,) = row_of(isbn13="978843760494").errors  # type: ignore[union-attr]
    assert error.message == "An ISBN has 10 or 13 digits, this one has 12."


def test_a_broken_row_does_not_stop_the_others():
    head = b"isbn13,condition,price,copies\n"
    good = b"9788437604947,good,1,1\n"
    rows = read_listings(
        head + good + b"too,few\n" + b'"9788437604947,good,1,1\n' + b"\xff,good,1,1\n" + good
    )
    assert [(row.number, row.line) for row in rows] == [(1, 2), (2, 3), (3, 4), (4, 5), (5, 6)]
    refused = [row for row in rows if isinstance(row, RefusedRow)]
    assert [row.errors[0].code for row in refused] == [
        "too_few_columns",
        "unclosed_quote",
        "undecodable_bytes",
    ]
    assert [row.errors[0].column for row in refused] == ["", "", "isbn13"]
    assert all(row.errors[0].message for row in refused)


# Files that are refused as a whole


def test_a_file_over_a_megabyte_is_refused():
    assert refusal_of(file_of(GOOD) + b" " * MAX_BYTES).reason == "too_large"


def test_a_file_of_exactly_a_megabyte_is_read():
    data = file_of(GOOD)
    assert len(read_listings(data + b"\n" * (MAX_BYTES - len(data)))) == 1


def test_more_than_2000_rows_are_refused():
    assert len(read_listings(file_of(*[GOOD] * 2_000))) == 2_000
    refused = refusal_of(file_of(*[GOOD] * 2_001))
    assert refused.reason == "too_many_rows"
    assert str(refused) == "The file has more than 2000 rows."


@pytest.mark.parametrize("missing", ["condition", "price", "copies"])
def test_a_missing_column_is_named(missing):
    row = {name: text for name, text in GOOD.items() if name != missing}
    refused = refusal_of(file_of(row))
    assert (refused.reason, refused.details["column"]) == ("column_missing", missing)


def test_books_must_be_told_by_isbn_or_by_title_and_authors():
    assert refusal_of(b"condition,price,copies\ngood,1,1\n").details["column"] == "title"
    assert refusal_of(b"title,condition,price,copies\nA,good,1,1\n").details["column"] == "authors"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (gzip.compress(file_of(GOOD), mtime=0), "archive"),
        (b"PK\x03\x04whatever", "archive"),
        ("isbn13\n".encode("utf-16"), "encoding_wrong"),
        (b'"isbn13,condition', "header"),
        (b"price,price,condition,copies,isbn13\n", "column_twice"),
    ],
)
def test_what_is_no_list_of_listings_is_refused(data, reason):
    assert refusal_of(data).reason == reason


# Whatever is written


@given(st.decimals("0.01", "100000", places=2), st.sampled_from([".", ","]))
def test_every_price_with_two_decimals_is_read_exactly(price, mark):
    assert listing_of(price=str(price).replace(".", mark)).price == price


texts = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.fixed_dictionaries(dict.fromkeys([*GOOD, "title", "authors", "year", "language"], texts)))
@example({**GOOD, "price": "1E2", "copies": "²"})
@example({**GOOD, "price": "１２", "copies": "１"})
def test_any_row_is_a_sound_listing_or_has_known_errors(values):
    for row in read_listings(file_of(values)):
        if isinstance(row, RefusedRow):
            assert row.errors
            assert all(error.code in ROW_ERRORS and error.message for error in row.errors)
        else:
            assert 0 < row.price <= 100_000
            assert row.price == round(row.price, 2)
            assert 1 <= row.copies <= 1_000
            assert row.isbn13 or (row.title and row.authors)


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_fail_in_another_way(data):
    assert kinds_of(data) <= {ListingRow, RefusedRow, CatalogFileError}
    assert kinds_of(file_of(GOOD) + data) <= {ListingRow, RefusedRow, CatalogFileError}


def kinds_of(data: bytes) -> set[type]:
    try:
        return {type(row) for row in read_listings(data)}
    except CatalogFileError:
        return {CatalogFileError}
