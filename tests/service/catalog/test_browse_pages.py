"""The home page and the pages of search results, as a reader without JavaScript uses them."""

import shutil
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookstore.catalog.models import Condition
from bookstore.catalog.policy import Policy
from bookstore.catalog.search import Search
from bookstore.shared.database import Database
from tests.service.catalog.shelf import OnShelf, publish, put_on_shelf

SHELF = [
    OnShelf("Pedro Páramo", price=1250, year=1955, isbn13="9788437604183"),
    OnShelf("El Llano en llamas", price=400, category="short-stories", condition=Condition.NEW),
    OnShelf("Peter Pan", "J. M. Barrie", price=2000, language="en", category="children"),
    OnShelf("Ficciones", "Jorge Luis Borges", copies=0, category="short-stories"),
    OnShelf("Love & <War>", "O'Brien", price=700, language="tlh", category="Klingon poetry"),
]


class Page(HTMLParser):
    """What a reader finds on a page: texts, links with their names, and form fields."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.text = ""
        self.links: list[tuple[str, str]] = []
        self.heads: list[dict[str, str | None]] = []
        self.fields: list[dict[str, str | None]] = []
        self._link: str | None = None
        self._name = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "a":
            self._link, self._name = attributes.get("href"), ""
        elif tag in ("link", "meta"):
            self.heads.append(attributes)
        elif tag in ("input", "option"):
            self.fields.append(attributes)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._link is not None:
            self.links.append((" ".join(self._name.split()), self._link))
            self._link = None

    def handle_data(self, data: str) -> None:
        self.text += data
        self._name += data

    def says(self, text: str) -> bool:
        return text in " ".join(self.text.split())

    def link(self, name: str) -> str:
        (found,) = {url for text, url in self.links if text == name}
        return found

    def head(self, name: str) -> str | None:
        """What the page tells machines: its canonical or next address, or its robots."""
        for tag in self.heads:
            if name in (tag.get("rel"), tag.get("name")):
                return tag.get("href") or tag.get("content")
        return None

    @property
    def titles(self) -> list[str]:
        """Of the books, in order."""
        return [text for text, url in self.links if url.startswith("/books/")]


@pytest.fixture
def search(app: Flask) -> Search:
    found = app.extensions["bookstore.catalog"].search
    assert isinstance(found, Search)
    return found


@pytest.fixture
def visitor(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def shop(database: Database, search: Search, visitor: FlaskClient) -> FlaskClient:
    """A browser in front of the stocked shop."""
    put_on_shelf(database, SHELF)
    search.follow()
    return visitor


def read(browser: FlaskClient, address: str, status: int = 200, language: str = "en") -> Page:
    answer = browser.get(address, headers={"Accept-Language": language})
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.mimetype == "text/html"
    return Page(answer.get_data(as_text=True))


# The home page


def test_the_home_page_shows_the_newest_books_on_sale(shop: FlaskClient) -> None:
    page = read(shop, "/")

    assert page.titles == ["Love & <War>", "Peter Pan", "El Llano en llamas", "Pedro Páramo"]
    assert ("Sell your books", "/sell/new") in page.links
    assert page.head("canonical") == "/"


def test_the_home_page_leads_to_the_categories(shop: FlaskClient) -> None:
    page = read(shop, "/")

    assert page.link("Short stories 2 books") == "/books?category=short-stories"
    assert page.link("Klingon poetry 1 books") == "/books?category=Klingon+poetry"
    assert read(shop, "/", language="es").link("Cuentos 2 libros") == "/books?category=short-stories"


def test_a_shop_where_nothing_is_on_sale_shows_the_books_that_it_knows(
    database: Database, search: Search, visitor: FlaskClient
) -> None:
    put_on_shelf(database, [OnShelf("Ficciones", copies=0)])
    search.follow()

    assert read(visitor, "/").titles == ["Ficciones"]


def test_an_empty_shop_asks_for_the_first_book(search: Search, visitor: FlaskClient) -> None:
    search.follow()

    page = read(visitor, "/")
    assert page.titles == []
    assert page.says("The shelves are still empty")
    assert read(visitor, "/books").says("No book matches")


# Results


def test_all_books_come_newest_first(shop: FlaskClient) -> None:
    page = read(shop, "/books")

    assert page.titles == ["Love & <War>", "Ficciones", "Peter Pan", "El Llano en llamas", "Pedro Páramo"]
    assert page.says("5 books")
    assert page.says("All books")


def test_a_search_finds_without_accents_and_names_what_was_searched(shop: FlaskClient) -> None:
    page = read(shop, "/books?q=pedro paramo")

    assert page.titles == ["Pedro Páramo"]
    assert page.says("Results for “pedro paramo”")
    assert page.says("1 book ")
    assert page.says("from $12.50")
    assert {"name": "q", "value": "pedro paramo"}.items() <= page.fields[0].items()


def test_what_is_searched_cannot_write_into_the_page(shop: FlaskClient) -> None:
    page = read(shop, '/books?q="><script>x</script>&category=<b>&author=\'"<i>&min_price="<u>', status=422)

    for tag in ("<script>x", "<b>", "<i>", "<u>"):
        assert tag not in page.html


def test_prices_and_numbers_are_written_as_the_reader_does(shop: FlaskClient) -> None:
    page = read(shop, "/books?q=pedro", language="es")

    assert page.says("12,50 US$")
    assert page.says("1 libro")
    assert page.says("Resultados de «pedro»")


def test_a_misspelled_word_finds_similar_ones_and_says_so(shop: FlaskClient) -> None:
    page = read(shop, "/books?q=fixciones")

    assert page.titles == ["Ficciones"]
    assert page.says("we searched for similar words")
    assert not read(shop, "/books?q=ficciones").says("similar words")


def test_books_without_a_copy_are_shown_as_sold_out(shop: FlaskClient) -> None:
    assert read(shop, "/books?q=ficciones").says("Sold out")


def test_a_very_long_search_is_cut_and_says_so(shop: FlaskClient) -> None:
    page = read(shop, "/books?q=" + "pedro+" * 50)

    assert page.says("only its first 200 characters were used")


# Filters


def test_each_value_is_a_link_that_toggles_itself_and_keeps_the_rest(shop: FlaskClient) -> None:
    page = read(shop, "/books?q=pe&language=es&sort=price_desc")

    assert page.link("English 1") == "/books?q=pe&language=es&language=en&sort=price_desc"
    assert page.link("Spanish 1") == "/books?q=pe&sort=price_desc"
    assert page.link("Novels 1") == "/books?q=pe&language=es&category=novel&sort=price_desc"
    assert page.link("Good 1") == "/books?q=pe&language=es&condition=good&sort=price_desc"
    assert page.link("$10.00 to $19.99 1") == (
        "/books?q=pe&language=es&min_price=10.00&max_price=19.99&sort=price_desc"
    )
    assert page.link("Available now") == "/books?q=pe&language=es&available=1&sort=price_desc"


def test_links_of_filters_lead_where_they_say(shop: FlaskClient) -> None:
    """Each value's link shows exactly as many books as its count promises."""
    page = read(shop, "/books")
    promises = [
        (name, url)
        for name, url in page.links
        if url.startswith("/books?") and name.split()[-1].isdigit() and "cursor" not in url
    ]

    assert len(promises) >= 10
    for name, url in promises:
        assert len(read(shop, url).titles) == int(name.split()[-1]), (name, url)


def test_filters_in_use_are_chips_that_remove_themselves(shop: FlaskClient) -> None:
    address = "/books?author=rulfo&language=es&category=novel&condition=good&min_price=5&available=1"
    page = read(shop, address)

    assert page.titles == ["Pedro Páramo"]
    chips = {
        "Author: rulfo": "&author=rulfo",
        "Spanish": "&language=es",
        "Novels": "&category=novel",
        "Good": "&condition=good",
        "$5.00 and more": "&min_price=5",
        "Available now": "&available=1",
    }
    for name, part in chips.items():
        expected = address.replace("?", "?&").replace(part, "").replace("?&", "?")
        assert page.link(f"Remove the filter: {name}") == expected
    assert page.link("Clear all filters") == "/books"


def test_labels_are_in_the_language_of_the_reader(shop: FlaskClient) -> None:
    page = read(shop, "/books?language=es&category=short-stories&condition=new&max_price=9", language="es")

    assert page.link("Quitar el filtro: español") == "/books?category=short-stories&condition=new&max_price=9"
    assert page.link("Quitar el filtro: Cuentos")
    assert page.link("Quitar el filtro: Nuevo")
    assert (
        read(shop, "/books?language=es", language="es").link("inglés 1") == "/books?language=es&language=en"
    )
    assert page.says("Hasta 9,00")


def test_a_value_that_nobody_knows_finds_nothing_and_can_be_removed(shop: FlaskClient) -> None:
    page = read(shop, "/books?language=xx&condition=shiny&category=nonsense")

    assert page.titles == []
    assert page.says("No book matches")
    assert page.link("Remove all filters") == "/books"
    assert page.link("Remove the filter: shiny") == "/books?language=xx&category=nonsense"


def test_nothing_found_suggests_what_to_do(shop: FlaskClient) -> None:
    page = read(shop, "/books?q=zzzzzz&language=es")

    assert page.says("Try fewer words")
    assert page.link("Remove all filters") == "/books?q=zzzzzz"
    assert page.link("Browse all books") == "/books"
    assert page.link("Offer it for sale") == "/sell/new"


def test_the_order_can_be_chosen_without_javascript(shop: FlaskClient) -> None:
    page = read(shop, "/books?language=es&language=en&sort=price_asc")

    assert page.titles == ["El Llano en llamas", "Pedro Páramo", "Peter Pan", "Ficciones"]
    assert page.says("Sort by")
    options = [
        field["value"] for field in page.fields if "data-autosubmit" not in field and "name" not in field
    ]
    assert options == ["newest", "price_asc", "price_desc"]
    assert [field["value"] for field in page.fields if "selected" in field] == ["price_asc"]
    assert page.html.count('<input type="hidden" name="language" value="es">') == 2
    with_words = read(shop, "/books?q=pe")
    assert [field["value"] for field in with_words.fields if "selected" in field] == ["relevance"]


# Prices


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        ("20", "5", "The highest price must not be below the lowest."),
        ("cheap", "", "Please type an amount such as 12.50."),
        ("", "-5", "A price cannot be negative."),
    ],
)
def test_a_wrong_price_is_said_beside_its_field_and_the_rest_holds(
    shop: FlaskClient, low: str, high: str, message: str
) -> None:
    page = read(shop, f"/books?language=es&min_price={low}&max_price={high}", status=422)

    assert page.titles == ["Ficciones", "El Llano en llamas", "Pedro Páramo"]
    assert page.says(message)
    typed = {field["name"]: field for field in page.fields if field.get("name") in ("min_price", "max_price")}
    assert (typed["min_price"]["value"], typed["max_price"]["value"]) == (low, high)
    (wrong,) = [field for field in typed.values() if field.get("aria-invalid") == "true"]
    assert f'id="{wrong["aria-describedby"]}"' in page.html
    assert page.link("Remove the filter: Spanish") == "/books"
    assert page.head("robots") == "noindex, follow"


def test_a_price_range_may_be_typed_with_a_comma(shop: FlaskClient) -> None:
    page = read(shop, "/books?min_price=4,00&max_price=12,5")

    assert page.titles == ["Love & <War>", "El Llano en llamas", "Pedro Páramo"]
    assert page.link("Remove the filter: $4.00 to $12.50") == "/books"


def test_a_chosen_price_range_takes_itself_back(shop: FlaskClient) -> None:
    page = read(shop, "/books?min_price=10.00&max_price=19.99")

    assert page.titles == ["Pedro Páramo"]
    assert page.link("$10.00 to $19.99 1") == "/books"


# Pages


def test_pages_lead_on_and_back_to_the_first(
    database: Database, search: Search, visitor: FlaskClient, policy: Policy
) -> None:
    put_on_shelf(database, [OnShelf(f"Tomo {number}") for number in range(50)])
    search.follow()
    seen: list[str] = []
    address: str | None = "/books?language=es"

    for number in range(3):
        page = read(visitor, address or "")
        assert page.says("50 books")
        assert ("Back to the first page" in dict(page.links)) is (number > 0)
        seen += page.titles
        address = page.head("next")
        assert address == dict(page.links).get("Next page")

    assert address is None
    assert seen == [f"Tomo {number}" for number in reversed(range(50))]
    assert page.link("Back to the first page") == "/books?language=es"
    assert page.head("robots") == "noindex, follow"


def test_filters_begin_at_the_first_page(database: Database, search: Search, visitor: FlaskClient) -> None:
    put_on_shelf(database, [OnShelf(f"Tomo {number}") for number in range(30)])
    search.follow()

    second = read(visitor, read(visitor, "/books").link("Next page"))

    own = [url for _, url in second.links if url.startswith("/books?")]
    assert own
    assert not any("cursor" in parse_qs(urlsplit(url).query) for url in own)


@pytest.mark.parametrize("cursor", ["x", "WzFd", "%00", "ñ", "WyJwcmljZV9hc2MiLDVd", "a" * 401, "a" * 3000])
def test_a_made_up_cursor_is_refused_in_the_style_of_the_shop(shop: FlaskClient, cursor: str) -> None:
    page = read(shop, f"/books?cursor={cursor}", status=400)

    assert page.says("This page address is not valid. Please start from the first page.")
    assert page.link("Browse all books") == "/books"


def test_a_page_behind_the_end_leads_back(shop: FlaskClient, database: Database, search: Search) -> None:
    cursor = "WyJuZXdlc3QiLDFd"  # behind the oldest book

    page = read(shop, f"/books?language=es&cursor={cursor}")

    assert page.says("There are no more books here")
    assert page.link("Back to the first page") == "/books?language=es"


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("/books", "/books"),
        ("/books?utm_source=mail", "/books"),
        ("/books?category=novel", "/books?category=novel"),
        ("/books?category=novel&language=es", None),
        ("/books?q=pedro", None),
    ],
)
def test_search_engines_index_the_shelves_only(
    shop: FlaskClient, address: str, canonical: str | None
) -> None:
    page = read(shop, address)

    assert page.head("canonical") == canonical
    assert page.head("robots") == (None if canonical else "noindex, follow")


# Without the index


def test_while_the_index_is_away_titles_are_found_and_it_is_said(
    shop: FlaskClient, search: Search, database: Database
) -> None:
    search.close()
    shutil.rmtree(search.folder)

    page = read(shop, "/books?q=pe&available=1&sort=price_asc")
    assert page.titles == ["Pedro Páramo", "Peter Pan"]
    assert page.says("The search index is being built:")
    assert page.link("Remove the filter: Available now") == "/books?q=pe&sort=price_asc"
    assert read(shop, "/books?q=9788437604183").titles == ["Pedro Páramo"]
    assert read(shop, "/books?q=zzz").says("No book matches")
    assert read(shop, "/").titles == ["Love & <War>", "Peter Pan", "El Llano en llamas", "Pedro Páramo"]


def test_a_listing_is_found_as_soon_as_search_has_followed(
    shop: FlaskClient, search: Search, database: Database
) -> None:
    publish(database, "Aura")
    assert read(shop, "/books?q=aura").titles == []

    search.follow()

    assert read(shop, "/books?q=aura").titles == ["Aura"]
    assert read(shop, "/").titles[0] == "Aura"


# Whatever is asked

ANY_VALUE = st.text(st.characters(), max_size=60) | st.sampled_from(
    [
        "-1",
        "1e999",
        "9" * 400,
        "\x00",
        "💥",
        "es",
        "novel",
        "new",
        "1",
        "newest",
        "../..",
        "' OR 1=1 --",
        "a*",
        '"',
        "(",
    ]
)
PARAMETERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "q",
                "author",
                "language",
                "category",
                "condition",
                "min_price",
                "max_price",
                "available",
                "sort",
                "cursor",
            ]
        ),
        ANY_VALUE.map(lambda value: value.encode("utf-8", "surrogatepass")),
    ),
    max_size=8,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PARAMETERS)
def test_no_address_breaks_the_page(shop: FlaskClient, parameters: list[tuple[str, bytes]]) -> None:
    answer = shop.get(f"/books?{urlencode(parameters)}")

    assert answer.status_code in (200, 400, 422)
    assert answer.mimetype == "text/html"
