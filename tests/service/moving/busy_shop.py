"""A shop in which everything has happened that can: orders in every state, photos, carts, odd texts."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import text, update

from bookstore.app import Shop, orders_policy
from bookstore.auditing import audit_shop
from bookstore.chaos.load import order_of
from bookstore.orders import recovery
from bookstore.orders.models import Order
from bookstore.shared.clock import utcnow
from bookstore.shared.database import Database
from bookstore.wiring import LocalCatalog, choose_gateway
from tests.people import Person, submit
from tests.service.catalog.images import image

TITLES = [
    "El túnel",
    "紅樓夢",
    "📚 Emoji & Co. 🇪🇨",
    "  O'Brien; DROP--",
    "Ñandú\u0301",
    "Catch-22 \\ 'quoted' \"twice\"",
]
STATES = ["awaiting_payment", "transfer", "paid", "shipped", "delivered", "canceled", "refunded", "expired"]


@dataclass
class Buying:
    """What has become of each order: its reference by the state in which it was left."""

    listings: list[int]
    references: dict[str, str]


def keep_busy(shop: Shop, ana: Person, bruno: Person) -> Buying:
    """Let Ana offer books and Bruno buy them through the API."""
    listings = [_offer(ana, title, f"{number}.50") for number, title in enumerate(TITLES, start=3)]
    photo = ana.app.test_client().put(
        f"/api/v1/catalog/listings/{listings[0]}/photo",
        data=image(),
        content_type="image/jpeg",
        headers={"Authorization": f"Bearer {ana.api_token}"},
    )
    assert photo.status_code == 200, photo.data
    bought = {state: _order(bruno, listings[n % len(listings)], state) for n, state in enumerate(STATES)}
    for state in ("paid", "shipped", "delivered", "refunded"):
        _pay(bruno, bought[state], {"method": "card", "token": "tok_approved"})
    _pay(bruno, bought["transfer"], {"method": "bank_transfer"})
    for state in ("shipped", "delivered"):
        _ship(ana, bruno, bought[state], arrives=state == "delivered")
    for state in ("canceled", "refunded"):
        assert bruno.api("POST", f"/orders/{bought[state]}/cancel").status_code == 200
    _let_expire(shop, bought["expired"])
    assert bruno.post("/orders/cart", {"listing_id": str(listings[1]), "quantity": "2"}).status_code == 303
    assert (
        submit(
            bruno.app.test_client(), "/orders/cart", {"listing_id": str(listings[2]), "quantity": "1"}
        ).status_code
        == 303
    )
    # The newest listing is gone: its number must not come back after a move.
    gone = _offer(ana, "Gone", "1.00")
    assert ana.api("DELETE", f"/catalog/listings/{gone}").status_code == 204
    _write_odd_texts(shop)
    assert states_of(bruno) == {
        bought[state]: "awaiting_payment" if state == "transfer" else state for state in STATES
    }
    assert audit_shop(shop.settings, shop.databases) == []
    return Buying(listings, bought)


def states_of(buyer: Person) -> dict[str, str]:
    """The buyer's orders, as the API shows them."""
    return {item["reference"]: item["status"] for item in buyer.api("GET", "/orders").json["items"]}


def dump(databases: dict[str, Database]) -> dict[str, list[str]]:
    """All rows of all tables, as the database itself writes them, and the numbers it goes on from."""
    rows = {}
    for service, database in databases.items():
        for table, key in _tables(service):
            with database.engine.connect() as connection:
                found = connection.execute(text(f"SELECT * FROM {table} ORDER BY {key}")).all()
            rows[f"{service}.{table}"] = [repr([_value(value) for value in row]) for row in found]
    return rows


def _value(value: Any) -> Any:
    """The value itself, but a JSON document with its keys in order: MySQL sorts them in its own way."""
    is_document = isinstance(value, str) and value.startswith("{")
    return json.dumps(json.loads(value), sort_keys=True) if is_document else value


def next_numbers(database: Database) -> dict[str, int]:
    """SQLite's memory of the highest number that each table of the catalog has given."""
    with database.engine.connect() as connection:
        rows = connection.execute(text("SELECT name, seq FROM sqlite_sequence"))
        return {row.name: row.seq for row in rows}


def _tables(service: str) -> Iterator[tuple[str, str]]:
    from bookstore.moving.content import tables_of

    for table in tables_of(service):
        yield table.name, ", ".join(column.name for column in table.primary_key)


def _offer(seller: Person, title: str, price: str) -> int:
    offered = seller.api(
        "POST",
        "/catalog/listings",
        {
            "book": {
                "title": title,
                "authors": "Autora 作者",
                "language": "es",
                "description": f"{title}\n" * 300,
            },
            "condition": "good",
            "price": {"amount": price, "currency": "USD"},
            "copies": 20,
            "notes": "línea 1\nlínea 2 🖋",
        },
    )
    assert offered.status_code == 201, offered.json
    number: int = offered.json["id"]
    return number


def _order(buyer: Person, listing: int, key: str) -> str:
    option = buyer.api("GET", "/orders/delivery-options?country=EC").json["items"][0]["id"]
    placed = buyer.api("POST", "/orders", order_of(listing, 2, option), Idempotency_Key=f"order {key}")
    assert placed.status_code == 201, placed.json
    reference: str = placed.json["reference"]
    return reference


def _pay(buyer: Person, reference: str, how: dict[str, str]) -> None:
    paid = buyer.api("POST", f"/orders/{reference}/payments", how, Idempotency_Key=f"pay {reference}")
    assert paid.status_code == 201, paid.json


def _ship(seller: Person, buyer: Person, reference: str, *, arrives: bool) -> None:
    (shipment,) = buyer.api("GET", f"/orders/{reference}").json["shipments"]
    sent = seller.api("POST", f"/orders/sales/{shipment['id']}/ship", {"tracking_number": "EC-0001"})
    assert sent.status_code == 200, sent.json
    if arrives:
        received = buyer.api("POST", f"/orders/{reference}/shipments/{shipment['id']}/received")
        assert received.status_code == 200, received.json


def _let_expire(shop: Shop, reference: str) -> None:
    with shop.databases["orders"].writing() as session, session.begin():
        overdue = utcnow() - timedelta(seconds=5)
        session.execute(update(Order).where(Order.reference == reference).values(pay_by=overdue))
    policy = replace(orders_policy(shop.settings), claim=timedelta(0))
    parts = (
        shop.databases["orders"],
        LocalCatalog(shop.databases["catalog"]),
        choose_gateway(shop.settings),
        policy,
    )
    assert recovery.expire_unpaid(*parts) == 1
    recovery.recover(*parts)


def _write_odd_texts(shop: Shop) -> None:
    """What no form lets through, but a database may hold: zero characters, ends of fields, a long text."""
    with shop.databases["catalog"].engine.begin() as connection:
        odd = {
            "notes": "a\x00b\x1a\\ 'c' \u2028 🧪",
            "publisher": " led and trailed ",
            "description": "é" * 16_000,
        }
        connection.execute(text("UPDATE listings SET notes = :notes WHERE id = 2"), odd)
        connection.execute(
            text("UPDATE books SET publisher = :publisher, description = :description WHERE id = 2"), odd
        )
