"""Pages that nginx keeps for everybody: nothing of anybody is in them, and what is personal is apart."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bookstore.shared.database import Database
from tests.people import Person
from tests.service.catalog.fake_accounts import FakeAccounts
from tests.service.catalog.stock import offer

BOOK = "/books/1-pedro-paramo"
PAGES = ["/", "/books", "/books?q=pedro&sort=price", BOOK]
ANSWERS = [
    "/api/v1/catalog/books",
    "/api/v1/catalog/books?facets=true",
    "/api/v1/catalog/books/1",
    "/api/v1/catalog/listings/1",
]
KEPT = "max-age=2, stale-while-revalidate=3"
HIDDEN = re.compile(r'<input type="hidden" name="csrf_token"[^>]*>')


def as_nginx(kind: str, locale: str = "en") -> dict[str, str]:
    """What nginx says of an answer that it will keep."""
    return {"X-Shared-Page": kind, "X-Shop-Locale": locale}


def in_every_way(client: FlaskClient, path: str, kind: str, token: str) -> set[bytes]:
    """The answer, to requests that differ in all that could say who asks."""
    said: list[dict[str, str]] = [
        {},
        {"Accept-Language": "es"},
        {"Authorization": f"Bearer {token}"},
        {"Authorization": "Bearer nonsense"},
        {"If-None-Match": "*"},
        {"User-Agent": "somebody", "Referer": "http://localhost/sell"},
    ]
    answers = [client.get(path, headers={**as_nginx(kind), **more}) for more in said]
    assert {answer.status_code for answer in answers} <= {200, 304}
    assert {answer.headers["Cache-Control"] for answer in answers} == {KEPT}
    for answer in answers:
        assert "Set-Cookie" not in answer.headers
        assert "Vary" not in answer.headers
    return {answer.data for answer in answers if answer.status_code == 200}


@pytest.mark.parametrize("kind", ["visitor", "member"])
@pytest.mark.parametrize("path", PAGES)
def test_everybody_gets_the_same_page(
    app: Flask, ana: Person, carla: Person, database: Database, path: str, kind: str
) -> None:
    offer(database)
    visitor = app.test_client()
    for browser in (ana.browser, carla.browser):
        browser.set_cookie("bookstore_cart_count", "7")
        browser.set_cookie("bookstore_locale", "es")
    pages = in_every_way(visitor, path, kind, ana.api_token)
    pages |= in_every_way(ana.browser, path, kind, ana.api_token)
    pages |= in_every_way(carla.browser, path, kind, carla.api_token)

    (page,) = pages
    text = page.decode()
    assert [words for words in (carla.name, "My books", "csrf_token", "cart-count") if words in text] == []
    assert ("Log in" in text) is (kind == "visitor")


@pytest.mark.parametrize("path", ANSWERS)
def test_everybody_gets_the_same_answer(
    app: Flask, ana: Person, carla: Person, database: Database, path: str
) -> None:
    offer(database)
    answers = in_every_way(app.test_client(), path, "answer", ana.api_token)
    answers |= in_every_way(ana.browser, path, "answer", ana.api_token)
    answers |= in_every_way(carla.browser, path, "answer", carla.api_token)
    assert len(answers) == 1
    assert b"copies_held" not in answers.pop()


@pytest.mark.parametrize("path", PAGES)
def test_the_two_parts_are_the_page(carla: Person, database: Database, path: str) -> None:
    offer(database)
    carla.browser.set_cookie("bookstore_cart_count", "2")
    whole = HIDDEN.sub("", carla.get(path).text)
    shared = carla.get(path, headers=as_nginx("member")).text
    personal = carla.get("/-/personal", headers=as_nginx("member"))

    assert carla.name in personal.text
    assert "Set-Cookie" not in personal.headers
    assert personal.headers["Cache-Control"] == "max-age=60"
    assert (shared + personal.text).split() == whole.split()


def test_it_is_in_the_language_that_nginx_says(ana: Person, database: Database) -> None:
    offer(database)
    for kind in ("visitor", "member"):
        for locale, words in {"es": "Todos los libros", "en": "All books"}.items():
            page = ana.get("/books", headers=as_nginx(kind, locale)).text
            assert f'<html lang="{locale}">' in page
            assert words in page


@pytest.mark.parametrize(
    ("path", "status"), [("/books/99-nothing", 404), ("/books?min_price=x", 422), ("/books?cursor=x", 400)]
)
def test_an_error_is_told_to_the_one_who_asked(app: Flask, path: str, status: int) -> None:
    answer = app.test_client().get(path, headers=as_nginx("member"))
    assert answer.status_code == status
    assert "max-age" not in answer.headers["Cache-Control"]


def test_a_page_of_somebody_is_never_shared(app: Flask, ana: Person, database: Database) -> None:
    offer(database)
    for kind in ("visitor", "member", "answer"):
        page = ana.get("/sell", headers=as_nginx(kind))
        assert ana.name in page.text
        assert page.headers["Cache-Control"] == "no-store"
        assert app.test_client().get("/sell", headers=as_nginx(kind)).status_code == 302


def test_without_nginx_a_page_is_whole(ana: Person, database: Database) -> None:
    offer(database)
    page = ana.get("/books")
    assert ana.name in page.text
    assert "csrf_token" in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_a_token_that_has_expired_still_shows_a_name(app: Flask, accounts: FakeAccounts) -> None:
    """Its session has ended, as a page learns that is made for who asks; nginx would not hand that on."""
    browser = app.test_client()
    browser.set_cookie("bookstore_token", accounts.token("carla", "Carla Looks", lives=-3600))
    personal = browser.get("/-/personal", headers=as_nginx("member"))
    assert "Carla Looks" in personal.text
    assert "Set-Cookie" not in personal.headers
    whole = browser.get("/books")
    assert "Carla Looks" not in whole.text
    assert "Set-Cookie" in whole.headers


def test_a_token_of_nobody_shows_a_visitor(app: Flask) -> None:
    browser = app.test_client()
    browser.set_cookie("bookstore_token", "nonsense")
    assert "Log in" in browser.get("/-/personal", headers=as_nginx("member")).text


def test_the_language_is_chosen_on_a_shared_page(app: Flask) -> None:
    form = {"locale": "es", "next": "/books"}
    for said in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        answer = app.test_client().post("/language", data=form, headers=said)
        assert answer.status_code == 400
        assert "bookstore_locale" not in str(answer.headers)
    answer = app.test_client().post("/language", data=form, headers={"Origin": "http://localhost"})
    cookies = answer.headers.getlist("Set-Cookie")
    assert [cookie.partition(";")[0] for cookie in cookies] == ["bookstore_locale=es", "bookstore_changed=1"]
    assert "Max-Age=10" in cookies[1]


def test_who_has_the_same_answer_already_is_told_so(app: Flask, ana: Person, database: Database) -> None:
    offer(database)
    visitor = app.test_client()
    for path in ANSWERS:
        tag = visitor.get(path).headers["ETag"]
        again = visitor.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")
    offer(database)
    assert visitor.get(ANSWERS[0], headers={"If-None-Match": tag}).status_code == 200
    assert "ETag" not in ana.get("/sell").headers
