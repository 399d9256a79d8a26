"""The catalog's side of the border with orders, over HTTP."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from bookstore.catalog.models import Reservation
from bookstore.shared.clock import utcnow
from bookstore.shared.database import Database
from tests.people import Person
from tests.service.catalog.conftest import SERVICE_TOKEN
from tests.service.catalog.stock import ANA, copies_of, offer

Orders = Callable[..., TestResponse]


@pytest.fixture
def orders(app: Flask) -> Orders:
    """Calls as the orders service makes them."""

    def call(method: str, path: str, body: Any = None) -> TestResponse:
        headers = {"Authorization": f"Bearer {SERVICE_TOKEN}"}
        return app.test_client().open(f"/internal/catalog{path}", method=method, json=body, headers=headers)

    return call


def line(listing_id: int, quantity: int) -> dict[str, int]:
    return {"listing_id": listing_id, "quantity": quantity}


def quote_of(listing_id: int, available: int) -> dict[str, Any]:
    return {
        "listing_id": listing_id,
        "book_id": 1,
        "title": "Pedro Páramo",
        "authors": "Juan Rulfo",
        "condition": "good",
        "price": {"amount": "12.50", "currency": "USD"},
        "seller_id": ANA.id,
        "seller_name": "Ana Sells",
        "available": available,
        "book_path": "/books/1-pedro-paramo",
        "cover_url": "/covers/1.svg",
    }


def test_listings_on_sale_are_quoted(orders: Orders, database: Database) -> None:
    listing = offer(database, copies=3)
    answer = orders("POST", "/quotes", {"listing_ids": [listing, 999, -1, 2**80]})
    assert answer.status_code == 200
    assert answer.json == {"quotes": [quote_of(listing, 3)]}
    assert orders("POST", "/quotes", {"listing_ids": []}).json == {"quotes": []}


def test_copies_are_reserved_committed_and_released(orders: Orders, database: Database) -> None:
    listing = offer(database, copies=3)

    held = orders("PUT", "/reservations/A1", {"lines": [line(listing, 2)], "hold_seconds": 1800})
    assert held.status_code == 200
    assert held.json["reference"] == "A1"
    assert held.json["lines"] == [{"quote": quote_of(listing, 1), "quantity": 2}]
    left = datetime.fromisoformat(held.json["expires_at"]) - utcnow()
    assert timedelta(seconds=1790) < left <= timedelta(seconds=1800)
    assert copies_of(database, listing) == (3, 1, 2, 0)

    for _ in range(2):
        assert orders("POST", "/reservations/A1/commit").status_code == 204
        assert copies_of(database, listing) == (3, 1, 0, 2)
    for _ in range(2):
        assert orders("POST", "/reservations/A1/release").status_code == 204
        assert copies_of(database, listing) == (3, 3, 0, 0)
    assert orders("POST", "/reservations/unknown/release").status_code == 204


def test_refusals_have_the_names_that_orders_knows(orders: Orders, database: Database) -> None:
    listing = offer(database, copies=1)
    short = orders("PUT", "/reservations/A1", {"lines": [line(listing, 2)], "hold_seconds": 60})
    assert (short.status_code, short.json["code"], short.json["listing_ids"]) == (
        409,
        "out_of_stock",
        [listing],
    )
    gone = orders("POST", "/reservations/A1/commit")
    assert (gone.status_code, gone.json["code"]) == (409, "reservation_expired")
    assert short.mimetype == gone.mimetype == "application/problem+json"
    assert copies_of(database, listing) == (1, 1, 0, 0)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"lines": [], "hold_seconds": 60}, 422),
        ({"lines": [line(1, 0)], "hold_seconds": 60}, 422),
        ({"lines": [line(1, -1)], "hold_seconds": 60}, 422),
        ({"lines": [line(1, 101)], "hold_seconds": 60}, 422),
        ({"lines": [{"listing_id": 1, "quantity": 1.5}], "hold_seconds": 60}, 422),
        ({"lines": [line(1, 1)], "hold_seconds": 0}, 422),
        ({"lines": [line(1, 1)], "hold_seconds": 10**9}, 422),
        ({"lines": [line(1, 1) | {"price": 1}], "hold_seconds": 60}, 422),
        ({"lines": [line(1, 1)]}, 422),
        (["nonsense"], 422),
    ],
)
def test_a_senseless_reservation_holds_nothing(
    orders: Orders,
    database: Database,
    body: Any,
    status: int,
) -> None:
    offer(database, copies=500)
    assert orders("PUT", "/reservations/A1", body).status_code == status
    assert copies_of(database, 1) == (500, 500, 0, 0)
    with database.reading() as session:
        assert session.get(Reservation, 1) is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/quotes"),
        ("PUT", "/reservations/A1"),
        ("POST", "/reservations/A1/commit"),
        ("POST", "/reservations/A1/release"),
    ],
)
def test_only_services_may_call(ana: Person, app: Flask, database: Database, method: str, path: str) -> None:
    listing = offer(database)
    body = {"lines": [line(listing, 1)], "hold_seconds": 60}
    for credential in ("", "Bearer wrong", f"Bearer {ana.api_token}"):
        answer = app.test_client().open(
            f"/internal/catalog{path}", method=method, json=body, headers={"Authorization": credential}
        )
        assert answer.status_code == 403
    assert copies_of(database, listing) == (1, 1, 0, 0)
