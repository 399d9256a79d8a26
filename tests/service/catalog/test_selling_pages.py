"""The pages of sellers: everything without JavaScript, every message beside its field."""

import re
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from bookstore.catalog import listings, reservations
from bookstore.catalog.models import Book, Listing
from bookstore.catalog.terms import Changes
from bookstore.shared.database import Database
from bookstore.shared.money import Money
from tests.people import Person
from tests.service.catalog.conftest import Disk, Media
from tests.service.catalog.images import image
from tests.service.catalog.stock import ANA, CARLA, NO_PHOTOS, USD, copies_of, offer

ISBN = "9788437604947"
OFFER = {"condition": "good", "price": "12.50", "copies": "2", "notes": "Spine worn"}
BOOK = {
    "title": "Cien años de soledad",
    "authors": "Gabriel García Márquez",
    "year": "1967",
    "language": "es",
}
KEY = "0123456789abcdef0123456789abcdef"


def new_offer(**fields: Any) -> dict[str, Any]:
    return {"isbn": "", "offer_key": KEY, **BOOK, **OFFER, **fields}


def changed_offer(**fields: Any) -> dict[str, Any]:
    return {"version": "1", **OFFER, **fields}


def beside(page: TestResponse, field: str) -> str:
    """The message beside a field, as a reader sees it."""
    found = re.search(rf'id="{field}-error">(.*?)</div>', page.text, re.S)
    return " ".join(re.sub(r"<[^>]*>", "", found[1]).split()) if found else ""


def all_listings(database: Database) -> list[Listing]:
    with database.reading() as session:
        return list(session.scalars(select(Listing).order_by(Listing.id)))


def count_books(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count(Book.id))) or 0


# The way to a new offer


def test_selling_begins_with_the_isbn(ana: Person) -> None:
    page = ana.get("/sell/new")
    assert page.status_code == 200
    assert 'name="isbn"' in page.text
    assert "/sell/new?no_isbn=1" in page.text


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "This is required."),
        ("123", "An ISBN has 10 or 13 digits, this one has 3."),
        ("978-84-376-0494-8", "The check digit of this ISBN is wrong; please compare it with the book."),
        ("abc", "An ISBN has only digits, hyphens and spaces, and an ISBN-10 may end in X."),
    ],
)
def test_a_wrong_isbn_is_explained_beside_the_field(ana: Person, typed: str, message: str) -> None:
    page = ana.get("/sell/new", query_string={"isbn": typed})
    assert page.status_code == 422
    assert beside(page, "isbn") == message


def test_a_known_book_is_filled_in(ana: Person, database: Database) -> None:
    ana.post("/sell/new", new_offer(isbn=ISBN))
    page = ana.get("/sell/new", query_string={"isbn": "84-376-0494-X"})
    assert page.status_code == 200
    assert "Cien años de soledad" in page.text
    assert 'name="title"' not in page.text
    assert f'value="{ISBN}"' in page.text


def test_an_unknown_book_is_described(ana: Person) -> None:
    page = ana.get("/sell/new", query_string={"isbn": ISBN})
    assert page.status_code == 200
    assert f"We do not know the ISBN {ISBN} yet" in page.text
    assert 'name="title"' in page.text


# Publishing


def test_the_offer_is_on_sale_at_once(ana: Person, database: Database, media: Media) -> None:
    photo = (BytesIO(image()), "../../evil name.php")
    answer = ana.post("/sell/new", new_offer(isbn=ISBN, photo=photo, pages="471"))

    assert answer.status_code == 303
    assert answer.headers["Location"] == "/books/1-cien-anos-de-soledad"
    (listing,) = all_listings(database)
    assert (listing.seller_id, listing.seller_name) == (ANA.id, "Ana Sells")
    assert (listing.price, listing.notes) == (Money(1250, USD), "Spine worn")
    assert copies_of(database, listing.id) == (2, 2, 0, 0)
    assert media.files == {f"{listing.photo}.jpg", f"{listing.photo}-small.jpg"}
    page = ana.get(answer.headers["Location"])
    assert "“Cien años de soledad” is on sale now." in page.text
    assert "471" in page.text


def test_a_price_may_have_a_comma(ana: Person, database: Database) -> None:
    assert ana.post("/sell/new", new_offer(price=" 9,90 ")).status_code == 303
    assert all_listings(database)[0].price == Money(990, USD)


def test_a_form_that_is_sent_twice_publishes_once(ana: Person, database: Database) -> None:
    answers = [ana.post("/sell/new", new_offer()) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(all_listings(database)) == 1


@pytest.mark.parametrize(
    ("field", "typed", "message"),
    [
        ("price", "", "This is required."),
        ("price", "0", "The price must be between 0.01 and 100000.00."),
        ("price", "-5", "The price must be between 0.01 and 100000.00."),
        ("price", "1e5", "Write the price in digits, for example 12.50."),
        ("price", "NaN", "Write the price in digits, for example 12.50."),
        ("price", "12.505", "Write the price in digits, for example 12.50."),
        ("price", "100000.01", "The price must be between 0.01 and 100000.00."),
        ("copies", "", "This is required."),
        ("copies", "0", "The number must be between 1 and 1000."),
        ("copies", "-1", "Write a whole number, in digits."),
        ("copies", "1.5", "Write a whole number, in digits."),
        ("copies", "1001", "The number must be between 1 and 1000."),
        ("copies", "9" * 40, "Write a whole number, in digits."),
        ("condition", "", "Choose the condition of your copies."),
        ("notes", "x" * 1001, "This is longer than 1000 characters."),
        ("title", "", "This is required."),
        ("title", "   ", "A book needs a title."),
        ("title", "—", "A book needs a title."),
        ("title", "x" * 256, "This is longer than 255 characters."),
        ("authors", "x" * 501, "This is longer than 500 characters."),
        ("year", "MCMLXVII", "Write a whole number, in digits."),
        ("year", "0", "This year is not possible."),
        ("year", "3000", "This year is not possible."),
        ("pages", "0", "The number must be between 1 and 20000."),
    ],
)
def test_a_wrong_value_is_explained_and_publishes_nothing(
    ana: Person, database: Database, field: str, typed: str, message: str
) -> None:
    page = ana.post("/sell/new", new_offer(**{field: typed}))
    assert page.status_code == 422
    assert beside(page, field) == message
    assert f'href="#{field}' in page.text
    assert all_listings(database) == []
    assert count_books(database) == 0


@pytest.mark.parametrize("field", ["condition", "language"])
def test_a_choice_that_was_not_offered_is_refused(ana: Person, database: Database, field: str) -> None:
    page = ana.post("/sell/new", new_offer(**{field: "mint"}))
    assert page.status_code == 422
    assert beside(page, field) != ""
    assert all_listings(database) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<svg/>", "This is not a photo that we can read. It must be a JPEG, PNG or WebP image."),
        (image() + b"\0" * 1024 * 1024, "The photo is too large: at most 1 MB and 40 megapixels."),
    ],
)
def test_a_file_that_is_no_photo_is_explained(
    ana: Person, database: Database, media: Media, content: bytes, message: str
) -> None:
    page = ana.post("/sell/new", new_offer(photo=(BytesIO(content), "photo.jpg")))
    assert page.status_code == 422
    assert beside(page, "photo") == message
    assert "Please choose the photo again." in page.text
    assert all_listings(database) == []
    assert media.files == set()


def test_without_room_for_the_photo_the_form_comes_back_as_it_was_filled_in(
    ana: Person, database: Database, media: Media, full_disk: Disk
) -> None:
    page = ana.post("/sell/new", new_offer(photo=(BytesIO(image()), "photo.jpg")))
    assert page.status_code == 507
    assert beside(page, "photo").startswith("There is no room for photos right now. Nothing was changed")
    assert 'value="Cien años de soledad"' in page.text
    assert all_listings(database) == []
    assert media.files == set()

    without = ana.post("/sell/new", new_offer())
    assert without.status_code == 303
    page = ana.post("/sell/1", changed_offer(price="13.00", photo=(BytesIO(image()), "photo.jpg")))
    assert page.status_code == 507
    assert beside(page, "photo") != ""
    assert [listing.price_minor for listing in all_listings(database)] == [1250]


def test_a_form_far_too_large_is_refused_unread(ana: Person, database: Database) -> None:
    page = ana.post("/sell/new", new_offer(photo=(BytesIO(b"\0" * 3_000_000), "photo.jpg")))
    assert page.status_code == 413
    assert all_listings(database) == []


@pytest.mark.parametrize("isbn", ["123", "x" * 5000])
def test_a_hidden_isbn_that_was_tampered_with_is_refused(ana: Person, database: Database, isbn: str) -> None:
    assert ana.post("/sell/new", new_offer(isbn=isbn)).status_code == 422
    assert all_listings(database) == []


def test_what_sellers_write_is_shown_as_text(ana: Person, database: Database) -> None:
    attack = "<script>alert(1)</script>"
    ana.post("/sell/new", new_offer(title=attack, authors=attack, notes=f"fine {attack}", category=attack))
    for path in ("/books/1-script-alert-1-script", "/sell", "/sell/1"):
        page = ana.get(path)
        assert page.status_code == 200
        assert attack not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text


# My books


def test_a_seller_without_books_is_invited(ana: Person) -> None:
    page = ana.get("/sell")
    assert page.status_code == 200
    assert "You do not sell anything yet" in page.text


def test_my_books_are_mine_with_the_state_of_their_copies(
    ana: Person, carla: Person, database: Database
) -> None:
    mine = offer(database, copies=5, title="Pedro Páramo")
    offer(database, title="Somebody else's", seller=CARLA)
    with database.writing() as session:
        reservations.reserve(session, "A1", [(mine, 1)], timedelta(hours=1))
        reservations.commit(session, "A1")
        reservations.reserve(session, "A2", [(mine, 2)], timedelta(hours=1))

    page = ana.get("/sell").text

    assert "Pedro Páramo" in page
    assert "2 available, 2 held, 1 sold" in page
    ana.browser.set_cookie("bookstore_locale", "es")
    assert "2 disponibles, 2 apartados, 1 vendido</td>" in ana.get("/sell").text
    assert "Somebody else" not in page
    assert "Pedro Páramo" not in carla.get("/sell").text


def test_my_books_go_on_on_further_pages(ana: Person, database: Database) -> None:
    for number in range(27):
        offer(database, title=f"Volume {number:02}")

    first = ana.get("/sell").text
    following = re.search(r'href="(/sell\?cursor=[^"]+)"', first)

    assert following is not None
    assert "Volume 26" in first
    assert "Volume 01" not in first
    second = ana.get(following[1].replace("&amp;", "&")).text
    assert "Volume 01" in second
    assert "Volume 00" in second
    assert "Volume 02" not in second
    assert "cursor=" not in second.replace(following[1], "").partition("<main")[2].partition("</main>")[0]


def test_a_cursor_from_elsewhere_is_refused(ana: Person) -> None:
    assert ana.get("/sell?cursor=nonsense").status_code == 400


# Changing


def test_the_form_shows_the_listing_as_it_is(ana: Person, database: Database) -> None:
    listing = offer(database, copies=3, price="12.50")
    page = ana.get(f"/sell/{listing}")
    assert page.status_code == 200
    assert 'value="12.50"' in page.text
    assert 'name="version" type="hidden" value="1"' in page.text or 'value="1"' in page.text


def test_changes_are_saved(ana: Person, database: Database, media: Media) -> None:
    listing = offer(database, copies=3)
    answer = ana.post(
        f"/sell/{listing}",
        changed_offer(price="8", copies="4", condition="acceptable", photo=(BytesIO(image()), "a.jpg")),
    )
    assert answer.status_code == 303
    (saved,) = all_listings(database)
    assert (saved.price, saved.offered, saved.condition) == (Money(800, USD), 4, "acceptable")
    assert media.files == {f"{saved.photo}.jpg", f"{saved.photo}-small.jpg"}
    assert "Your changes are saved." in ana.get("/sell").text


def test_fewer_copies_than_are_taken_is_explained_beside_the_field(ana: Person, database: Database) -> None:
    listing = offer(database, copies=3)
    with database.writing() as session:
        reservations.reserve(session, "A1", [(listing, 2)], timedelta(hours=1))
    page = ana.post(f"/sell/{listing}", changed_offer(copies="1"))
    assert page.status_code == 422
    assert beside(page, "copies") == (
        "2 of these copies are already held or sold, so you cannot offer fewer."
    )
    assert copies_of(database, listing) == (3, 1, 2, 0)


def test_an_outdated_form_overwrites_nothing(ana: Person, database: Database) -> None:
    listing = offer(database, price="12.50")
    with database.writing() as session:
        listings.edit(session, NO_PHOTOS, USD, listing, ANA.id, Changes(price=Money(700, USD)))

    page = ana.post(f"/sell/{listing}", changed_offer(price="9.00"))

    assert page.status_code == 409
    assert "This listing has been changed meanwhile." in page.text
    assert "Load the listing as it is now" in page.text
    assert all_listings(database)[0].price == Money(700, USD)


def test_a_listing_is_withdrawn_and_put_back(ana: Person, database: Database) -> None:
    listing = offer(database, copies=3)
    with database.writing() as session:
        reservations.reserve(session, "A1", [(listing, 1)], timedelta(hours=1))

    assert ana.post(f"/sell/{listing}/withdraw").status_code == 303
    assert all_listings(database)[0].is_withdrawn
    assert "Withdrawn" in ana.get("/sell").text
    assert ana.post(f"/sell/{listing}/on-sale").status_code == 303
    assert not all_listings(database)[0].is_withdrawn


def test_a_listing_that_nobody_held_is_removed(ana: Person, database: Database) -> None:
    listing = offer(database)
    assert ana.post(f"/sell/{listing}/withdraw").status_code == 303
    assert all_listings(database) == []
    assert "The listing has been removed." in ana.get("/sell").text


def test_the_photo_is_removed(ana: Person, database: Database, media: Media) -> None:
    ana.post("/sell/new", new_offer(photo=(BytesIO(image()), "a.jpg")))
    assert ana.post("/sell/1/photo/remove").status_code == 303
    assert all_listings(database)[0].photo is None
    assert media.files == set()


# Strangers


OWN_PAGES = [
    ("GET", "/sell/1"),
    ("POST", "/sell/1"),
    ("POST", "/sell/1/withdraw"),
    ("POST", "/sell/1/on-sale"),
    ("POST", "/sell/1/photo/remove"),
]


@pytest.mark.parametrize(("method", "path"), OWN_PAGES)
def test_a_stranger_neither_sees_nor_changes_a_listing(
    carla: Person, database: Database, method: str, path: str
) -> None:
    offer(database, price="12.50", copies=3)
    page = carla.get(path) if method == "GET" else carla.post(path, changed_offer(price="0.01"))
    assert page.status_code == 403
    assert "This listing belongs to another seller." in page.text
    assert "Pedro Páramo" not in page.text
    (listing,) = all_listings(database)
    assert (listing.price, listing.version, listing.is_withdrawn) == (Money(1250, USD), 1, False)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *OWN_PAGES,
        ("GET", "/sell"),
        ("GET", "/sell/new"),
        ("POST", "/sell/new"),
        ("GET", "/sell/upload"),
        ("POST", "/sell/upload"),
        ("GET", "/sell/upload/example.csv"),
    ],
)
def test_a_visitor_is_sent_to_the_login(app: Flask, database: Database, method: str, path: str) -> None:
    offer(database)
    answer = app.test_client().open(path, method=method)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/accounts/login?next=")


def test_a_form_without_its_token_changes_nothing(ana: Person, database: Database) -> None:
    listing = offer(database, price="12.50")
    for path, data in (
        (f"/sell/{listing}", changed_offer(price="1.00")),
        (f"/sell/{listing}/withdraw", {}),
        ("/sell/new", new_offer()),
    ):
        assert ana.browser.post(path, data=data).status_code == 400
    (only,) = all_listings(database)
    assert only.price == Money(1250, USD)


@pytest.mark.parametrize("path", ["/sell/999", "/sell/0", "/sell/99999999999999999999"])
def test_a_listing_that_is_not_there_is_not_found(ana: Person, path: str) -> None:
    assert ana.get(path).status_code == 404
