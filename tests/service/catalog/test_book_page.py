"""A book's page: every offer, the cheapest first, and what is left of it."""

import re
from datetime import timedelta
from io import BytesIO

import pytest
from flask import Flask
from sqlalchemy import update

from bookstore.catalog import listings, reservations
from bookstore.catalog.models import Book, Listing
from bookstore.shared.database import Database
from tests.people import Person
from tests.service.catalog.images import image
from tests.service.catalog.stock import ANA, CARLA, NO_PHOTOS, offer

PATH = "/books/1-pedro-paramo"
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@pytest.mark.parametrize("path", ["/books/1", "/books/1-", "/books/1-another-title", "/books/1-Pedro-Paramo"])
def test_a_book_has_one_address(app: Flask, database: Database, path: str) -> None:
    offer(database)
    answer = app.test_client().get(path)
    if path == "/books/1-":
        assert answer.status_code == 404
    else:
        assert (answer.status_code, answer.headers["Location"]) == (301, PATH)


@pytest.mark.parametrize(
    "path", ["/books/2-pedro-paramo", "/books/0", "/books/99999999999999999999-x", "/books/x-1"]
)
def test_a_book_that_is_not_there_is_not_found(app: Flask, database: Database, path: str) -> None:
    offer(database)
    assert app.test_client().get(path).status_code == 404


def prices(page: str) -> list[str]:
    return re.findall(r'data-label="Price"><span class="price">([^<]*)</span>', page)


def test_offers_come_cheapest_first(app: Flask, database: Database) -> None:
    offer(database, price="12.50", copies=3)
    offer(database, price="4.90", seller=CARLA)
    offer(database, price="21.00", copies=10)
    page = app.test_client().get(PATH)
    assert page.status_code == 200
    assert prices(page.text) == ["$4.90", "$12.50", "$21.00"]
    assert "Best offer" in page.text
    assert "Last copy" in page.text
    assert "14 copies in all" in page.text


def test_a_visitor_can_put_each_offer_into_the_cart(app: Flask, database: Database) -> None:
    listing = offer(database, copies=3)
    page = app.test_client().get(PATH).text
    form = re.search(r'<form class="quantity" method="post" action="/orders/cart">(.*?)</form>', page, re.S)
    assert form is not None
    assert f'name="listing_id" value="{listing}"' in form[1]
    assert 'name="csrf_token"' in form[1]
    assert 'name="quantity" value="1" min="1" max="3"' in form[1]


def test_a_quantity_is_asked_up_to_a_hundred(app: Flask, database: Database) -> None:
    offer(database, copies=500)
    assert 'max="100"' in app.test_client().get(PATH).text


def test_the_seller_edits_instead_of_buying(ana: Person, database: Database) -> None:
    listing = offer(database)
    page = ana.get(PATH).text
    assert '/orders/cart"' not in page.partition("<main")[2].partition("</main>")[0]
    assert f'href="/sell/{listing}"' in page


def test_what_is_kept_of_a_page_has_nothing_of_those_who_saw_it(
    app: Flask, ana: Person, carla: Person, database: Database
) -> None:
    listing = offer(database)
    visitor = app.test_client()
    before = [reader.get(PATH).text for reader in (visitor, ana, carla)]
    after = [reader.get(PATH).text for reader in (carla, ana, visitor)]

    for page in (before[0], before[2], after[0], after[2]):
        assert "Add to cart" in page
        assert f"/sell/{listing}" not in page
    for page in (before[1], after[1]):
        assert "Add to cart" not in page
        assert f"/sell/{listing}" in page
    # Each form has the token of the one who reads it, as the one for the language has, which is never kept.
    for page in before + after:
        assert len(set(TOKEN.findall(page))) == 1
    tokens = [TOKEN.findall(page)[0] for page in (before[0], before[2])]
    assert len(set(tokens)) == 2


def test_a_page_is_never_older_than_its_rows(app: Flask, database: Database) -> None:
    listing = offer(database, price="12.50", copies=2)
    visitor = app.test_client()
    assert "2 copies" in visitor.get(PATH).text

    with database.writing() as session:
        reservations.reserve(session, "A1", [(listing, 1)], timedelta(hours=1))
    assert "Last copy" in visitor.get(PATH).text

    with database.writing() as session, session.begin():
        session.execute(update(Listing).values(price_minor=999))
        session.execute(update(Book).values(publisher="Fondo de Cultura"))
    page = visitor.get(PATH).text
    assert prices(page) == ["$9.99"]
    assert "Fondo de Cultura" in page


def test_what_people_wrote_is_text_and_nothing_else(app: Flask, database: Database) -> None:
    offer(database)
    evil = "<script>alert(1)</script>"
    with database.writing() as session, session.begin():
        session.execute(update(Listing).values(seller_name=evil, notes=evil))
        session.execute(update(Book).values(authors=evil, publisher=evil, description=evil, category=evil))
    for _ in range(2):
        page = app.test_client().get(PATH).text
        assert evil not in page
        assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 6


def test_a_page_is_kept_for_each_language_by_itself(app: Flask, database: Database) -> None:
    offer(database)
    visitor = app.test_client()
    pages = [visitor.get(PATH, headers={"Accept-Language": locale}).text for locale in ("en", "es", "en")]
    assert ["Add to cart" in page for page in pages] == [True, False, True]
    assert ["Añadir al carrito" in page for page in pages] == [False, True, False]


def test_sold_out_and_withdrawn_offers_cannot_be_bought(app: Flask, database: Database) -> None:
    sold, withdrawn = offer(database, price="1.00"), offer(database, price="2.00", copies=3)
    with database.writing() as session:
        reservations.reserve(session, "A1", [(sold, 1), (withdrawn, 1)], timedelta(hours=1))
        listings.withdraw(session, NO_PHOTOS, withdrawn, ANA.id)
    page = app.test_client().get(PATH).text
    assert prices(page) == ["$1.00"]
    assert "Sold out" in page
    assert "Nobody offers this book at the moment." in page
    assert 'action="/orders/cart"' not in page


def test_a_book_without_offers_says_so(app: Flask, database: Database) -> None:
    with database.writing() as session, session.begin():
        session.add(Book(identity="x", title="Pedro Páramo"))
    page = app.test_client().get(PATH)
    assert page.status_code == 200
    assert "Nobody offers this book at the moment." in page.text
    assert "Be the first to sell a copy." in page.text


def test_many_offers_go_on_on_further_pages(app: Flask, database: Database) -> None:
    for number in range(52):
        offer(database, price=f"{number + 1}.00")
    first = app.test_client().get(PATH).text
    following = re.search(rf'href="({PATH}\?cursor=[^"]+)"', first)
    assert following is not None
    assert len(prices(first)) == 50
    assert prices(app.test_client().get(following[1]).text) == ["$51.00", "$52.00"]
    assert app.test_client().get(f"{PATH}?cursor=nonsense").status_code == 400


def test_a_photo_is_served_to_everyone_and_never_changes(app: Flask, ana: Person, database: Database) -> None:
    ana.post(
        "/sell/new",
        {
            "isbn": "",
            "offer_key": "0" * 32,
            "title": "Pedro Páramo",
            "condition": "good",
            "price": "1",
            "copies": "1",
            "photo": (BytesIO(image()), "a.jpg"),
        },
    )
    visitor = app.test_client()
    (url,) = re.findall(r'href="(/media/[0-9a-f]{32}\.jpg)"', visitor.get(PATH).text)
    for address in (url, url.replace(".jpg", "-small.jpg")):
        answer = visitor.get(address)
        assert answer.status_code == 200
        assert answer.mimetype == "image/jpeg"
        assert answer.data.startswith(b"\xff\xd8")
        assert answer.cache_control.public
        assert answer.cache_control.immutable
        assert answer.cache_control.max_age == 365 * 24 * 3600
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert ana.get(url).cache_control.private  # such an answer may carry a fresh token


@pytest.mark.parametrize(
    "name",
    [
        "0" * 32 + ".jpg",
        "catalog.sqlite3",
        "..%2fcatalog.sqlite3",
        "../catalog.sqlite3",
        "%2e%2e/catalog.sqlite3",
        "." + "0" * 32 + ".jpg.part",
        "0" * 32 + ".jpg%00.png",
    ],
)
def test_nothing_but_photos_is_served_as_media(app: Flask, database: Database, name: str) -> None:
    assert app.test_client().get(f"/media/{name}").status_code == 404
