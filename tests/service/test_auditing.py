"""The audit finds what must not be: a check that cannot fail would be none."""

import sqlite3

import pytest

from bookstore.auditing import audit_shop
from bookstore.wiring import open_databases
from tests.cluster.live_shop import order_of


@pytest.fixture
def paid_order(ana, bruno):
    listing = ana.api(
        "POST",
        "/catalog/listings",
        {
            "book": {"title": "El túnel", "authors": "Ernesto Sabato", "language": "es"},
            "condition": "good",
            "price": {"amount": "10.00", "currency": "USD"},
            "copies": 3,
        },
    ).get_json()["id"]
    option = bruno.api("GET", "/orders/delivery-options?country=EC").get_json()["items"][0]["id"]
    order = bruno.api("POST", "/orders", order_of(listing, 1, option), Idempotency_Key="one").get_json()
    paid = bruno.api(
        "POST",
        f"/orders/{order['reference']}/payments",
        {"method": "card", "token": "tok_approved"},
        Idempotency_Key="two",
    )
    assert paid.get_json()["status"] == "captured"
    return order["reference"]


def rules(settings) -> set[str]:
    return {finding.rule for finding in audit_shop(settings, open_databases(settings))}


def damage(settings, database: str, statement: str) -> None:
    with sqlite3.connect(settings.data_dir / f"{database}.sqlite3") as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(statement)


def test_a_sound_shop_has_no_findings(settings, paid_order):
    assert rules(settings) == set()


@pytest.mark.parametrize(
    ("database", "statement", "rule"),
    [
        ("catalog", "UPDATE listings SET available = available + 1", "offered = available + held + sold"),
        ("catalog", "UPDATE listings SET held = 1, available = 1", "held copies have a reservation"),
        ("catalog", "UPDATE listings SET sold = 0, available = 3", "sold copies have a reservation"),
        ("catalog", "UPDATE reservations SET status = 'released'", "the catalog agrees with the order"),
        ("catalog", "UPDATE reservation_lines SET quantity = 2", "the catalog agrees with the order"),
        ("orders", "UPDATE orders SET status = 'awaiting_payment'", "one capture per paid order"),
        ("orders", "UPDATE orders SET total_minor = total_minor + 1", "totals add up"),
        ("orders", "UPDATE payments SET status = 'refunded'", "refunded once, in full"),
        ("gateway", "DELETE FROM gateway_entries WHERE kind = 'captured'", "captured once, in full"),
    ],
)
def test_damage_is_found(settings, paid_order, database, statement, rule):
    damage(settings, database, statement)
    assert rule in rules(settings)
