"""The API of the catalog: exact answers, named refusals, and nothing changed after them."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from bookstore.catalog import reservations
from bookstore.catalog.models import Listing
from bookstore.shared.database import Database
from tests.people import Person
from tests.service.catalog.conftest import Disk, Media
from tests.service.catalog.images import bomb, image
from tests.service.catalog.stock import CARLA, copies_of, count_changes, offer

ISBN = "9788437604947"
PRICE = {"amount": "12.50", "currency": "USD"}
OFFER = {"condition": "good", "price": PRICE, "copies": 2}
BOOK = {"title": "Cien años de soledad", "authors": "Gabriel García Márquez", "year": 1967, "language": "es"}


def rows(database: Database) -> list[dict[str, Any]]:
    with database.reading() as session:
        return [dict(row._mapping) for row in session.execute(select(Listing.__table__))]


def test_a_listing_of_a_described_book_is_published(ana: Person, database: Database) -> None:
    answer = ana.api(
        "POST", "/catalog/listings", json={"isbn13": "84-376-0494-X", "book": BOOK, **OFFER, "notes": "Fine"}
    )
    assert answer.status_code == 201
    body = answer.json
    assert body is not None
    assert {key: body[key] for key in body if not key.endswith("_at")} == {
        "id": 1,
        "book_id": 1,
        "title": "Cien años de soledad",
        "condition": "good",
        "price": PRICE,
        "copies": 2,
        "copies_available": 2,
        "copies_held": 0,
        "copies_sold": 0,
        "notes": "Fine",
        "seller_name": "Ana Sells",
        "photo_url": None,
        "thumbnail_url": None,
        "version": 1,
    }
    known = ana.api("POST", "/catalog/listings", json={"isbn13": ISBN, **OFFER})
    assert (known.status_code, known.json["book_id"]) == (201, 1)  # type: ignore[index]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"isbn13": "9780306406157"}, 422, "unknown_isbn"),
        ({"isbn13": "123"}, 422, "invalid_isbn"),
        ({"isbn13": None}, 422, "invalid_request"),
        ({"price": {"amount": "0.00", "currency": "USD"}}, 422, "price_out_of_range"),
        ({"price": {"amount": "100000.01", "currency": "USD"}}, 422, "price_out_of_range"),
        ({"price": {"amount": "1.00", "currency": "EUR"}}, 422, "wrong_currency"),
        ({"price": {"amount": "12.505", "currency": "USD"}}, 422, "invalid_amount"),
        ({"price": {"amount": "-1.00", "currency": "USD"}}, 422, "invalid_request"),
        ({"price": {"amount": "1e9", "currency": "USD"}}, 422, "invalid_request"),
        ({"price": {"amount": 12.5, "currency": "USD"}}, 422, "invalid_request"),
        ({"price": "12.50"}, 422, "invalid_request"),
        ({"copies": 0}, 422, "invalid_request"),
        ({"copies": -1}, 422, "invalid_request"),
        ({"copies": 1.5}, 422, "invalid_request"),
        ({"copies": 1001}, 422, "invalid_request"),
        ({"copies": 10**30}, 422, "invalid_request"),
        ({"copies": True}, 422, "invalid_request"),
        ({"condition": "mint"}, 422, "invalid_request"),
        ({"seller_id": CARLA.id}, 422, "invalid_request"),
        ({"isbn13": None, "book": {"title": ""}}, 422, "invalid_request"),
        ({"isbn13": None, "book": {"title": " \u200b"}}, 422, "no_title"),
        ({"isbn13": None, "book": {"title": "T", "year": 0}}, 422, "invalid_request"),
        ({"isbn13": None, "book": {"title": "T", "language": "klingon"}}, 422, "invalid_request"),
        ({"isbn13": None, "book": {"title": "T", "isbn13": "123"}}, 422, "invalid_isbn"),
    ],
)
def test_a_wrong_listing_is_refused_by_name(
    ana: Person, database: Database, change: dict[str, Any], status: int, code: str
) -> None:
    answer = ana.api("POST", "/catalog/listings", json={"isbn13": ISBN, **OFFER} | change)
    assert answer.json is not None
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.mimetype == "application/problem+json"
    assert rows(database) == []
    assert count_changes(database) == 0


def test_malformed_json_is_a_bad_request(ana: Person, app: Flask) -> None:
    answer = app.test_client().post(
        "/api/v1/catalog/listings",
        data="{not json",
        headers={"Authorization": f"Bearer {ana.api_token}", "Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json["code"]) == (400, "bad_request")  # type: ignore[index]


def test_a_book_shows_its_listings_cheapest_first(app: Flask, database: Database) -> None:
    offer(database, price="12.50", copies=3)
    cheap = offer(database, price="4.90", seller=CARLA)
    body = app.test_client().get("/api/v1/catalog/books/1").json
    assert body == {
        "id": 1,
        "title": "Pedro Páramo",
        "authors": "Juan Rulfo",
        "isbn13": None,
        "year": 1955,
        "publisher": None,
        "language": "es",
        "category": None,
        "description": None,
        "pages": None,
        "url": "/books/1-pedro-paramo",
        "cover_url": "/covers/1.svg",
        "from_price": {"amount": "4.90", "currency": "USD"},
        "copies_available": 4,
        "listings": [
            {
                "id": cheap,
                "book_id": 1,
                "condition": "good",
                "price": {"amount": "4.90", "currency": "USD"},
                "copies_available": 1,
                "notes": "",
                "seller_name": "Carla Strange",
                "photo_url": None,
                "thumbnail_url": None,
            },
            body["listings"][1],  # type: ignore[index]
        ],
        "next_cursor": None,
    }
    assert body["listings"][1]["price"] == PRICE  # type: ignore[index]


def test_the_listings_of_a_book_are_paged(app: Flask, database: Database) -> None:
    for number in range(3):
        offer(database, price=f"{number + 1}.00")
    found, cursor = [], ""
    for _ in range(2):
        body = app.test_client().get(f"/api/v1/catalog/books/1?limit=2{cursor}").json
        assert body is not None
        found += [listing["price"]["amount"] for listing in body["listings"]]
        cursor = f"&cursor={body['next_cursor']}"
    assert found == ["1.00", "2.00", "3.00"]
    assert body["next_cursor"] is None


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/catalog/books/999", 404, "book_not_found"),
        ("/catalog/books/99999999999999999999", 404, "not_found"),
        ("/catalog/books/1?limit=0", 422, "invalid_request"),
        ("/catalog/books/1?limit=101", 422, "invalid_request"),
        ("/catalog/books/1?cursor=nonsense", 400, "invalid_cursor"),
        ("/catalog/listings/999", 404, "listing_not_found"),
        ("/catalog/listings?seller=somebody", 422, "invalid_request"),
        ("/catalog/listings", 422, "invalid_request"),
        ("/catalog/listings?seller=me&cursor=nonsense", 400, "invalid_cursor"),
    ],
)
def test_what_is_not_there_or_not_understood(
    ana: Person, database: Database, path: str, status: int, code: str
) -> None:
    offer(database)
    answer = ana.api("GET", path)
    assert (answer.status_code, answer.json["code"]) == (status, code)  # type: ignore[index]


def test_only_the_seller_sees_what_is_held_and_sold(
    ana: Person, carla: Person, app: Flask, database: Database
) -> None:
    listing = offer(database, copies=3)
    path = f"/catalog/listings/{listing}"
    own, strange = ana.api("GET", path).json, carla.api("GET", path).json
    assert own is not None
    assert strange is not None
    assert own["copies_sold"] == 0
    assert "copies_sold" not in strange
    assert "version" not in strange
    assert app.test_client().get(f"/api/v1{path}").json == strange


def test_own_listings_are_listed_newest_first(ana: Person, database: Database) -> None:
    ids = [offer(database) for _ in range(3)]
    offer(database, seller=CARLA)
    first = ana.api("GET", "/catalog/listings?seller=me&limit=2").json
    assert first is not None
    rest = ana.api("GET", f"/catalog/listings?seller=me&limit=2&cursor={first['next_cursor']}").json
    assert rest is not None
    assert [item["id"] for item in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None


def test_terms_are_changed_one_by_one(ana: Person, database: Database) -> None:
    listing = offer(database, copies=3)
    answer = ana.api(
        "PATCH",
        f"/catalog/listings/{listing}",
        json={"price": {"amount": "8.00", "currency": "USD"}, "version": 1},
    )
    assert answer.status_code == 200
    assert answer.json is not None
    assert (answer.json["price"]["amount"], answer.json["copies"], answer.json["version"]) == ("8.00", 3, 2)
    stale = ana.api("PATCH", f"/catalog/listings/{listing}", json={"copies": 9, "version": 1})
    assert (stale.status_code, stale.json["code"]) == (409, "changed_meanwhile")  # type: ignore[index]
    assert copies_of(database, listing) == (3, 3, 0, 0)


def test_taken_copies_are_a_conflict(ana: Person, database: Database) -> None:
    listing = offer(database, copies=3)
    with database.writing() as session:
        reservations.reserve(session, "A1", [(listing, 2)], timedelta(hours=1))
    answer = ana.api("PATCH", f"/catalog/listings/{listing}", json={"copies": 1})
    assert answer.json is not None
    assert (answer.status_code, answer.json["code"], answer.json["taken"]) == (409, "copies_taken", 2)
    assert copies_of(database, listing) == (3, 1, 2, 0)


def test_a_deleted_listing_is_gone_or_withdrawn(ana: Person, carla: Person, database: Database) -> None:
    never_held, held = offer(database), offer(database, copies=2)
    with database.writing() as session:
        reservations.reserve(session, "A1", [(held, 1)], timedelta(hours=1))
    for listing in (never_held, held):
        assert ana.api("DELETE", f"/catalog/listings/{listing}").status_code == 204
        assert carla.api("GET", f"/catalog/listings/{listing}").status_code == 404
    assert ana.api("GET", f"/catalog/listings/{never_held}").status_code == 404
    assert ana.api("GET", f"/catalog/listings/{held}").json["withdrawn_at"] is not None  # type: ignore[index]
    again = ana.api("POST", f"/catalog/listings/{held}/on-sale")
    assert (again.status_code, again.json["withdrawn_at"]) == (200, None)  # type: ignore[index]


def send_photo(person: Person, listing: int, content: bytes, kind: str = "image/jpeg") -> Any:
    return person.app.test_client().put(
        f"/api/v1/catalog/listings/{listing}/photo",
        data=content,
        headers={"Authorization": f"Bearer {person.api_token}", "Content-Type": kind},
    )


@pytest.mark.parametrize(
    ("kind", "format"),
    [("image/jpeg", "JPEG"), ("image/png", "PNG"), ("image/webp", "WEBP"), ("text/plain", "PNG")],
)
def test_a_photo_is_put(ana: Person, database: Database, media: Media, kind: str, format: str) -> None:
    listing = offer(database)
    answer = send_photo(ana, listing, image(format), kind)
    assert answer.status_code == 200
    name = rows(database)[0]["photo"]
    assert answer.json["photo_url"] == f"/media/{name}.jpg"
    assert answer.json["thumbnail_url"] == f"/media/{name}-small.jpg"
    assert media.files == {f"{name}.jpg", f"{name}-small.jpg"}
    assert ana.app.test_client().get(answer.json["photo_url"]).data.startswith(b"\xff\xd8")
    assert ana.api("DELETE", f"/catalog/listings/{listing}/photo").status_code == 204
    assert media.files == set()


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 415, "unsupported_photo"),
        (b"<svg/>", 415, "unsupported_photo"),
        (bomb(), 413, "photo_too_large"),
        (b"\0" * (1024 * 1024 + 1), 413, "too_large"),
    ],
    ids=["empty", "svg", "bomb", "too many bytes"],
)
def test_what_is_no_photo_is_refused(
    ana: Person, database: Database, media: Media, content: bytes, status: int, code: str
) -> None:
    listing = offer(database)
    answer = send_photo(ana, listing, content)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert rows(database)[0]["photo"] is None
    assert media.files == set()


def test_without_room_a_photo_is_refused_by_name_and_everything_else_goes_on(
    ana: Person, database: Database, media: Media, full_disk: Disk
) -> None:
    listing = offer(database)
    answer = send_photo(ana, listing, image())
    assert (answer.status_code, answer.json["code"]) == (507, "storage_full")
    assert answer.content_type == "application/problem+json"
    assert rows(database)[0]["photo"] is None
    assert media.files == set()
    assert ana.api("PATCH", f"/catalog/listings/{listing}", {"copies": 7}).status_code == 200

    full_disk.is_full = False
    assert send_photo(ana, listing, image()).status_code == 200


def test_without_room_the_photo_of_before_stays(
    ana: Person, database: Database, media: Media, full_disk: Disk
) -> None:
    listing = offer(database)
    full_disk.is_full = False
    before = send_photo(ana, listing, image()).json["photo_url"]
    files = media.files
    full_disk.is_full = True
    assert send_photo(ana, listing, image()).status_code == 507
    assert media.files == files
    assert ana.api("GET", f"/catalog/listings/{listing}").json["photo_url"] == before  # type: ignore[index]


CHANGES: list[tuple[str, str, Any]] = [
    ("PATCH", "/catalog/listings/1", {"price": {"amount": "0.01", "currency": "USD"}}),
    ("DELETE", "/catalog/listings/1", None),
    ("POST", "/catalog/listings/1/on-sale", None),
    ("PUT", "/catalog/listings/1/photo", None),
    ("DELETE", "/catalog/listings/1/photo", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_a_stranger_changes_nothing(
    carla: Person, app: Flask, database: Database, media: Media, method: str, path: str, body: Any
) -> None:
    offer(database, copies=3)
    before, changes = rows(database), count_changes(database)

    answer = carla.api(method, path, json=body)
    anonymous = app.test_client().open(f"/api/v1{path}", method=method, json=body)

    assert (answer.status_code, answer.json["code"]) == (403, "not_yours")  # type: ignore[index]
    assert (anonymous.status_code, anonymous.json["code"]) == (401, "sign_in_required")  # type: ignore[index]
    assert rows(database) == before
    assert count_changes(database) == changes
    assert media.files == set()


def test_the_document_describes_what_is_there(app: Flask) -> None:
    document = app.test_client().get("/api/v1/catalog/openapi.json").json
    assert document is not None
    assert document["openapi"].startswith("3.1")
    photo = document["paths"]["/api/v1/catalog/listings/{listing_id}/photo"]["put"]
    assert set(photo["requestBody"]["content"]) == {"image/jpeg", "image/png", "image/webp"}
    assert {"200", "401", "403", "404", "413", "415"} <= set(photo["responses"])
    assert photo["security"] == [{"bearer": []}]
