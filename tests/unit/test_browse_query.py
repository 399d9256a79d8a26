"""What an address asks for, and the addresses that links carry."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstore.catalog.browse_query import (
    MAX_VALUES,
    Browse,
    NegativePrice,
    NotAPrice,
    PricesReversed,
    cursor_of,
)
from bookstore.catalog.search_query import SearchQuery
from bookstore.shared.errors import InvalidCursor

NAMES = ["q", "author", "language", "category", "condition", "min_price", "max_price", "available", "sort"]
# Also halves of characters, which no query string has, but broken JSON could bring.
ANY_TEXT = st.text(st.characters(), max_size=300)
ANY_PARAMETERS = st.dictionaries(
    st.sampled_from([*NAMES, "cursor", "limit", "utm"]), st.lists(ANY_TEXT, max_size=30)
)


def read(address: str) -> Browse:
    return Browse.of(parse_qs(urlsplit(address).query, keep_blank_values=True))


def test_an_address_says_it_all():
    browse = read(
        "/books?q=cien+años&author=García&language=es&language=en&category=novel&condition=good&condition=new"
        "&min_price=5&max_price=12.50&available=1&sort=price_asc"
    )

    assert browse.to_search("USD", 24) == SearchQuery(
        text="cien años",
        author="García",
        language=("es", "en"),
        category=("novel",),
        condition=("good", "new"),
        min_price=500,
        max_price=1250,
        available_only=True,
        sort="price_asc",
        limit=24,
    )


def test_an_address_without_anything_asks_for_all_books():
    assert read("/books") == Browse()
    assert read("/books?q=&language=&min_price=&available=&cursor=&foo=bar") == Browse()
    assert Browse().to_search("USD", 10) == SearchQuery(limit=10)
    assert Browse().address() == "/books"


def test_an_address_is_always_written_the_same_way():
    browse = read("/books?sort=newest&available=yes&condition=new&language=es&q=+el++aleph+&language=es")

    assert browse.address() == "/books?q=el+aleph&language=es&condition=new&available=1&sort=newest"
    assert browse.address("abc") == browse.address() + "&cursor=abc"


@pytest.mark.parametrize(
    ("value", "wanted"), [("1", True), ("TRUE", True), ("on", True), ("0", False), ("x", False)]
)
def test_available_is_a_switch(value, wanted):
    assert read(f"/books?available={value}").available is wanted


@pytest.mark.parametrize("sort", ["", "rating", "PRICE_ASC", "price_asc'--"])
def test_an_unknown_order_is_the_usual_one(sort):
    assert read(f"/books?sort={sort}").sort == "relevance"


def test_a_long_text_is_cut_and_says_so():
    cut, whole = Browse.of({"q": ["a" * 201]}), Browse.of({"q": ["a" * 200]})

    assert (cut.text, cut.was_cut) == ("a" * 200, True)
    assert (whole.text, whole.was_cut) == ("a" * 200, False)


def test_more_values_than_a_person_chooses_are_left_out():
    many = Browse.of({"language": [f"l{number}" for number in range(1000)]})

    assert many.language == tuple(f"l{number}" for number in range(20))


def test_control_characters_separate_words():
    assert Browse.of({"q": ["a\x00b\r\nc\x7f"], "category": ["\x00"]}) == Browse(text="a b c")


# Prices


@pytest.mark.parametrize(
    ("typed", "minor"),
    [
        ("0", 0),
        ("12", 1200),
        ("12.5", 1250),
        ("12,50", 1250),
        (" 7 ", 700),
        ("999999999999999", 99999999999999900),
    ],
)
def test_amounts_as_people_type_them(typed, minor):
    assert Browse.of({"min_price": [typed]}).prices("USD").lowest == minor


@pytest.mark.parametrize(
    "typed",
    [
        "abc",
        "1e5",
        "12.505",
        "1,234.50",
        "12,505",
        "$5",
        "--1",
        "NaN",
        "Infinity",
        "٣",
        "1" * 99,
        "1 2",
        "+1",
        "-",
        ".",
    ],
)
def test_what_is_no_amount_is_refused_by_name(typed):
    browse = Browse.of({"max_price": [typed], "language": ["es"]})

    prices = browse.prices("USD")
    assert (prices.lowest, prices.highest) == (None, None)
    assert {name: type(error) for name, error in prices.errors.items()} == {"max_price": NotAPrice}
    assert prices.errors["max_price"].details["example"] == "12.50"
    with pytest.raises(NotAPrice):
        browse.to_search("USD", 24)


def test_the_decimals_are_those_of_the_currency():
    assert Browse(min_price="1250").prices("JPY").lowest == 1250
    assert isinstance(Browse(min_price="12.50").prices("JPY").errors["min_price"], NotAPrice)


@pytest.mark.parametrize("typed", ["-1", "-0.01", "-5,00"])
def test_a_negative_price_is_refused_by_name(typed):
    prices = Browse.of({"min_price": [typed]}).prices("USD")

    assert {name: type(error) for name, error in prices.errors.items()} == {"min_price": NegativePrice}


def test_both_prices_may_be_wrong_at_once():
    errors = Browse(min_price="-1", max_price="cheap").prices("USD").errors

    assert {name: type(error) for name, error in errors.items()} == {
        "min_price": NegativePrice,
        "max_price": NotAPrice,
    }


def test_the_lowest_price_is_not_above_the_highest():
    browse = Browse(min_price="5.01", max_price="5")

    assert {name: type(error) for name, error in browse.prices("USD").errors.items()} == {
        "max_price": PricesReversed
    }
    with pytest.raises(PricesReversed):
        browse.to_search("USD", 24)
    assert Browse(min_price="5", max_price="5").prices("USD").errors == {}


# Links to other searches

FULL = Browse(
    text="aleph",
    author="Borges",
    language=("es",),
    category=("short-stories",),
    condition=("good", "new"),
    min_price="1",
    max_price="9",
    available=True,
    sort="price_desc",
)


def test_a_value_toggles_itself_and_keeps_all_the_rest():
    assert FULL.toggling("language", "en").address() == FULL.address().replace(
        "language=es", "language=es&language=en"
    )
    assert FULL.toggling("condition", "good").address() == FULL.address().replace("&condition=good", "")
    assert FULL.toggling("category", "poetry").toggling("category", "poetry") == FULL


def test_each_filter_can_be_taken_away():
    assert FULL.by_anybody().address() == FULL.address().replace("&author=Borges", "")
    assert FULL.priced().address() == FULL.address().replace("&min_price=1&max_price=9", "")
    assert FULL.switching_available().address() == FULL.address().replace("&available=1", "")
    assert FULL.unfiltered().address() == "/books?q=aleph&sort=price_desc"
    assert FULL.has_filters
    assert not FULL.unfiltered().has_filters


@pytest.mark.parametrize(
    ("address", "worth"),
    [
        ("/books", True),
        ("/books?category=novel", True),
        ("/books?language=es", True),
        ("/books?language=es&category=novel", False),
        ("/books?language=es&language=en", False),
        ("/books?q=x", False),
        ("/books?author=x", False),
        ("/books?condition=new", False),
        ("/books?max_price=5", False),
        ("/books?available=1", False),
        ("/books?sort=newest", False),
    ],
)
def test_search_engines_are_shown_the_shelves_and_not_each_combination(address, worth):
    assert read(address).is_worth_indexing is worth


def test_a_cursor_is_taken_as_it_is_unless_it_is_too_long():
    assert cursor_of({"cursor": ["abc"]}) == "abc"
    assert cursor_of({"cursor": [""]}) is None
    assert cursor_of({}) is None
    with pytest.raises(InvalidCursor):
        cursor_of({"cursor": ["a" * 401]})


def test_one_choice_more_than_an_address_holds_takes_the_place_of_the_first():
    full = Browse(language=tuple(f"l{number}" for number in range(MAX_VALUES)))
    chosen = full.toggling("language", "es")
    assert chosen.language == (*full.language[1:], "es")
    assert read(chosen.address()) == chosen


@given(ANY_PARAMETERS)
def test_any_parameters_make_an_address_that_means_the_same(parameters):
    browse = Browse.of(parameters)

    assert read(browse.address()) == browse
    browse.address().encode("ascii")
    for other in (browse.toggling("language", "es"), browse.priced("1", "2"), browse.unfiltered()):
        assert read(other.address()) == other


@given(ANY_PARAMETERS)
def test_any_parameters_are_a_search_or_refused_by_name(parameters):
    browse = Browse.of(parameters)
    prices = browse.prices("USD")

    if prices.errors:
        with pytest.raises((NotAPrice, NegativePrice, PricesReversed)):
            browse.to_search("USD", 24)
    else:
        assert browse.to_search("USD", 24).text == browse.text
