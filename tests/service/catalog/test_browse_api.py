"""GET /api/v1/catalog/books: what it lists, what it refuses, what it survives."""

import shutil
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookstore.catalog.models import Condition
from bookstore.catalog.search import Search
from bookstore.catalog.search_query import SearchQuery
from bookstore.shared.database import Database
from tests.service.catalog.shelf import OnShelf, put_on_shelf

ADDRESS = "/api/v1/catalog/books"
SHELF = [
    OnShelf("Pedro Páramo", price=1250, copies=3, year=1955, isbn13="9788437604183"),
    OnShelf("El Llano en llamas", price=400, category="short-stories", condition=Condition.NEW),
    OnShelf("Peter Pan", "J. M. Barrie", price=2000, language="en", category="children"),
    OnShelf("Ficciones", "Jorge Luis Borges", copies=0, category="short-stories"),
]


@pytest.fixture
def search(app: Flask) -> Search:
    found = app.extensions["bookstore.catalog"].search
    assert isinstance(found, Search)
    return found


@pytest.fixture
def client(app: Flask, database: Database, search: Search) -> FlaskClient:
    put_on_shelf(database, SHELF)
    search.follow()
    return app.test_client()


def call(client: FlaskClient, status: int = 200, **parameters: Any) -> dict[str, Any]:
    answer = client.get(f"{ADDRESS}?{urlencode(parameters, doseq=True)}")
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.mimetype == ("application/json" if status == 200 else "application/problem+json")
    assert isinstance(answer.json, dict)
    return answer.json


def titles(client: FlaskClient, **parameters: Any) -> list[str]:
    return [book["title"] for book in call(client, **parameters)["items"]]


def test_a_book_is_described_exactly(client: FlaskClient) -> None:
    (book,) = call(client, q="paramo")["items"]

    assert book == {
        "id": 1,
        "title": "Pedro Páramo",
        "authors": "Juan Rulfo",
        "isbn13": "9788437604183",
        "year": 1955,
        "language": "es",
        "url": "/books/1-pedro-paramo",
        "cover_url": "/covers/1.svg",
        "from_price": {"amount": "12.50", "currency": "USD"},
        "copies_available": 3,
    }


def test_a_page_says_what_it_is(client: FlaskClient) -> None:
    page = call(client, q="ficciones")

    assert page["items"][0]["from_price"] is None
    assert page["items"][0]["copies_available"] == 0
    assert {name: page[name] for name in page if name != "items"} == {
        "next_cursor": None,
        "total": 1,
        "corrected": False,
        "degraded": False,
    }
    assert call(client, q="fixciones")["corrected"] is True


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({}, ["Ficciones", "Peter Pan", "El Llano en llamas", "Pedro Páramo"]),
        ({"q": "9788437604183"}, ["Pedro Páramo"]),
        ({"author": "rulfo"}, ["El Llano en llamas", "Pedro Páramo"]),
        ({"language": "en"}, ["Peter Pan"]),
        (
            {"language": ["en", "es", "xx"], "available": "true"},
            ["Peter Pan", "El Llano en llamas", "Pedro Páramo"],
        ),
        ({"category": ["children", "novel"]}, ["Peter Pan", "Pedro Páramo"]),
        ({"condition": "new"}, ["El Llano en llamas"]),
        ({"condition": "shiny"}, []),
        ({"min_price": "4.01", "max_price": "12.50"}, ["Pedro Páramo"]),
        ({"sort": "price_asc", "available": "1"}, ["El Llano en llamas", "Pedro Páramo", "Peter Pan"]),
        ({"sort": "price_desc"}, ["Peter Pan", "Pedro Páramo", "El Llano en llamas", "Ficciones"]),
        ({"unknown": "ignored", "limit": "1"}, ["Ficciones"]),
    ],
)
def test_books_are_found_by(client: FlaskClient, parameters: dict[str, Any], found: list[str]) -> None:
    assert titles(client, **parameters) == found


def test_facets_come_only_when_asked_for(client: FlaskClient) -> None:
    assert "facets" not in call(client)

    facets = call(client, facets="true", language="es")["facets"]
    assert facets["language"] == {"es": 3, "en": 1}
    assert facets["category"] == {"short-stories": 2, "novel": 1}
    assert facets["condition"] == {"good": 1, "new": 1}
    assert [(bucket["lowest"]["amount"], bucket["below"], bucket["count"]) for bucket in facets["price"]] == [
        ("0.00", {"amount": "5.00", "currency": "USD"}, 1),
        ("5.00", {"amount": "10.00", "currency": "USD"}, 0),
        ("10.00", {"amount": "20.00", "currency": "USD"}, 1),
        ("20.00", {"amount": "50.00", "currency": "USD"}, 0),
        ("50.00", None, 0),
    ]


@pytest.mark.parametrize("sort", ["relevance", "newest", "price_asc", "price_desc"])
def test_pages_cover_all_books_once(client: FlaskClient, sort: str) -> None:
    seen: list[int] = []
    cursor = ""
    while True:
        page = call(client, limit=1, sort=sort, cursor=cursor, q="p" if sort == "relevance" else "")
        seen += [book["id"] for book in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert sorted(seen) == ([1, 3] if sort == "relevance" else [1, 2, 3, 4])


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"min_price": "abc"}, "not_a_price"),
        ({"max_price": "1e3"}, "not_a_price"),
        ({"min_price": "-1"}, "negative_price"),
        ({"min_price": "2", "max_price": "1"}, "prices_reversed"),
    ],
)
def test_prices_that_make_no_sense_are_refused_by_name(
    client: FlaskClient, parameters: dict[str, str], code: str
) -> None:
    problem = call(client, 422, **parameters)

    assert problem["code"] == code
    assert problem["field"] in ("min_price", "max_price")


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": "many"},
        {"limit": "9" * 5000},
        {"sort": "rating"},
        {"available": "perhaps"},
        {"facets": "2"},
        {"q": "a" * 201},
        {"author": "a" * 201},
        {"language": "a" * 101},
        {"category": ["a"] * 21},
        {"cursor": "a" * 401},
    ],
)
def test_parameters_out_of_bounds_are_refused_with_their_name(
    client: FlaskClient, parameters: dict[str, Any]
) -> None:
    problem = call(client, 422, **parameters)

    assert problem["code"] == "invalid_request"
    (name,) = parameters
    assert problem["errors"][0]["field"].startswith(f"query.{name}")


@pytest.mark.parametrize("cursor", ["x", "WzFd", "\x00", "ñ", "WyJwcmljZV9hc2MiLDVd"])
def test_a_made_up_cursor_is_refused(client: FlaskClient, cursor: str) -> None:
    assert call(client, 400, cursor=cursor)["code"] == "invalid_cursor"


def test_without_the_index_titles_are_found_and_it_is_said(client: FlaskClient, search: Search) -> None:
    search.close()
    shutil.rmtree(search.folder)

    page = call(client, q="pe", facets="true", limit=1)

    assert [book["title"] for book in page["items"]] == ["Pedro Páramo"]
    assert (page["degraded"], page["total"], page["facets"]) == (True, None, {"price": []})
    following = call(client, q="pe", limit=1, cursor=page["next_cursor"])
    assert [book["title"] for book in following["items"]] == ["Peter Pan"]


def test_the_document_names_every_answer(client: FlaskClient) -> None:
    document = client.get("/api/v1/catalog/openapi.json").json
    assert document is not None
    operation = document["paths"][ADDRESS]["get"]

    assert {"200", "400", "422"} <= set(operation["responses"])
    assert [parameter["name"] for parameter in operation["parameters"]] == [
        "cursor",
        "limit",
        "q",
        "author",
        "language",
        "category",
        "condition",
        "min_price",
        "max_price",
        "available",
        "sort",
        "facets",
    ]


ANY_VALUE = st.text(st.characters(), max_size=60) | st.sampled_from(
    [
        "-1",
        "1e999",
        "9" * 400,
        "\x00",
        "💥",
        "es",
        "new",
        "1",
        "true",
        "newest",
        "' OR 1=1 --",
        "a*",
        '"',
        "(",
        "\ud800",
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
                "limit",
                "facets",
            ]
        ),
        ANY_VALUE.map(lambda value: value.encode("utf-8", "surrogatepass")),
    ),
    max_size=8,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PARAMETERS)
def test_no_parameters_break_it(client: FlaskClient, parameters: list[tuple[str, bytes]]) -> None:
    answer = client.get(f"{ADDRESS}?{urlencode(parameters)}")

    assert answer.status_code in (200, 400, 422)
    assert answer.json is not None
    if answer.status_code != 200:
        assert answer.json["code"]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(), max_size=60))
def test_no_text_breaks_the_search_with_or_without_index(
    client: FlaskClient, search: Search, database: Database, text: str
) -> None:
    query = SearchQuery(
        text=text, author=text, language=(text,), category=(text, "novel"), condition=(text,), limit=5
    )
    away = Search(database, search.folder.parent / "no-index", "USD")

    assert search.find(query, facets=True).books == []
    assert away.find(query).degraded
