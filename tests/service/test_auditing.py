"""The audit finds what must not be: a check that cannot fail would be none."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, text

from bookstore.auditing import audit_shop
from bookstore.chaos.load import order_of
from bookstore.shared.database import Database
from bookstore.wiring import open_database, open_databases


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
    databases = open_databases(settings)
    try:
        return {finding.rule for finding in audit_shop(settings, databases)}
    finally:
        for database in databases.values():
            database.close()


# The rules that some of the damage breaks, and how rows obey them again: MySQL turns off single rules only.
BROKEN_RULES = {
    "catalog": ("listings", "ck_listings_copies", "offered = available + held + sold"),
    "orders": ("orders", "ck_orders_total_adds_up", "total_minor = items_minor + delivery_minor"),
}


@contextmanager
def damaged(settings, name: str, statement: str) -> Iterator[None]:
    """The rows after a statement that no rule of the tables has stopped."""
    if name == "gateway":
        database = Database(name, f"sqlite:///{settings.data_dir / 'gateway.sqlite3'}")
    else:
        database = open_database(settings, name)
    with database.engine.connect() as connection, rules_off(connection, name):
        connection.execute(text(statement))
        connection.commit()
        yield
    database.close()


@contextmanager
def rules_off(connection: Connection, service: str) -> Iterator[None]:
    """Tables without their CHECK rules; each database product has its own way."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        yield
    elif connection.dialect.is_mariadb:
        connection.execute(text("SET SESSION check_constraint_checks = OFF"))
        yield
    else:
        table, rule, repair = BROKEN_RULES[service]
        connection.execute(text(f"ALTER TABLE {table} ALTER CHECK {rule} NOT ENFORCED"))
        yield
        connection.execute(text(f"UPDATE {table} SET {repair}"))
        connection.execute(text(f"ALTER TABLE {table} ALTER CHECK {rule} ENFORCED"))


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
    with damaged(settings, database, statement):
        assert rule in rules(settings)
