"""Who may do what, for every route of the shop: the list comes from the route table itself.

Ana sells, Bruno buys from her, Carla is a stranger to both, Ada is the admin. A route that takes something of
somebody's must say here whose it is; one that is not listed fails the test.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import pytest
from flask import Flask
from sqlalchemy import inspect, text
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from bookstore.accounts import users
from bookstore.app import Shop
from bookstore.config import Settings
from bookstore.shared.access import Audience
from bookstore.shared.database import Database
from tests.empty_databases import EmptyDatabases, database_settings
from tests.people import PASSWORD, Person, join, log_in, submit
from tests.topology import open_shop

ANYBODY = {"ana", "bruno", "carla", "ada"}

# Routes for people who are logged in, that name a thing: whose it is. The others are refused.
OWNERS = {
    "catalog.show_listing": {"ana"},
    "catalog.edit_listing": {"ana"},
    "catalog.withdraw_listing": {"ana"},
    "catalog.put_listing_back_on_sale": {"ana"},
    "catalog.remove_photo": {"ana"},
    "catalog_api.change": {"ana"},
    "catalog_api.remove": {"ana"},
    "catalog_api.put_back_on_sale": {"ana"},
    "catalog_api.put_photo": {"ana"},
    "catalog_api.remove_photo": {"ana"},
    "orders.show_order": {"bruno"},
    "orders.cancel": {"bruno"},
    "orders.choose_payment": {"bruno"},
    "orders.pay": {"bruno"},
    "orders.receive": {"bruno"},
    "orders.ship": {"ana"},
    "orders_api.show_order": {"bruno"},
    "orders_api.cancel": {"bruno"},
    "orders_api.pay": {"bruno"},
    "orders_api.receive": {"bruno"},
    "orders_api.ship": {"ana"},
}

ADDRESS = {
    "name": "Bruno Buys",
    "street": "Calle Larga 1-23",
    "city": "Cuenca",
    "region": "Azuay",
    "postal_code": "010101",
    "country": "EC",
}

# What a refused call tries to do: bodies that would be accepted from the right person.
JSON_BODIES: dict[str, dict[str, object]] = {
    "catalog_api.change": {"price": {"amount": "0.01", "currency": "USD"}},
    "orders_api.pay": {"method": "card", "token": "tok_approved"},
    "orders_api.ship": {"tracking_number": "STOLEN-1"},
}
FORMS: dict[str, dict[str, str]] = {
    "catalog.edit_listing": {"price": "0.01", "copies": "1", "condition": "new", "version": "1"},
    "orders.pay": {"method": "card", "token": "tok_approved"},
    "orders.ship": {"tracking_number": "STOLEN-1"},
}

QUERIES = {"catalog_api.list_own": {"seller": "me"}}


@dataclass
class World:
    """A shop in which things have happened, and the people in it."""

    shop: Shop
    people: dict[str, Person]
    values: dict[str, object]

    @property
    def app(self) -> Flask:
        return self.shop.app

    def fingerprint(self) -> str:
        """All that the databases hold, except when a session was last seen and what a caller's own
        Idempotency-Key was answered."""
        digest = hashlib.sha256()
        for database, tables in self.tables:
            with database.engine.execution_options(read_only=True).connect() as connection:
                for table in tables:
                    rows = connection.execute(text(f"SELECT * FROM {table} ORDER BY 1")).all()
                    digest.update(repr((table, rows)).encode())
        return digest.hexdigest()

    @cached_property
    def tables(self) -> list[tuple[Database, list[str]]]:
        """The tables of each service and of the payment gateway."""
        path = self.shop.settings.data_dir / "gateway.sqlite3"
        databases = [*self.shop.databases.values(), Database("gateway", f"sqlite:///{path}")]
        passing = {"sessions", "signing_keys", "idempotency_keys"}
        return [
            (database, sorted(set(inspect(database.engine).get_table_names()) - passing))
            for database in databases
        ]


@pytest.fixture(scope="module")
def world(empty_databases: EmptyDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    data = tmp_path_factory.mktemp("authorization") / "data"
    with database_settings(empty_databases, data) as urls:
        shop = open_shop(
            Settings(
                data_dir=data,
                secret_key="a secret that only the tests know, 0123456789",
                registrations_per_address=1000,
                service_token="what services show one another in the tests, 0123456789",
                **urls,
            )
        )
        people = _people(shop)
        yield World(shop, people, _things(people))
        shop.close()


def _people(shop: Shop) -> dict[str, Person]:
    people = {name: join(shop.app, name.title(), f"{name}@example.com") for name in ("ana", "bruno", "carla")}
    with shop.databases["accounts"].writing() as session:
        ada = users.create_admin(session, "Ada", "ada@example.com", PASSWORD)
    people["ada"] = log_in(shop.app, "Ada", "ada@example.com", ada.id)
    return people


def _things(people: dict[str, Person]) -> dict[str, object]:
    """Ana's listing, Bruno's paid order of it, and what else the routes name."""
    ana, bruno = people["ana"], people["bruno"]
    listing = _json(
        ana.api(
            "POST",
            "/catalog/listings",
            {
                "book": {"title": "Rayuela", "authors": "Julio Cortázar", "language": "es"},
                "condition": "good",
                "price": {"amount": "12.50", "currency": "USD"},
                "copies": 5,
            },
        )
    )
    option = _json(bruno.api("GET", "/orders/delivery-options?country=EC"))["items"][0]["id"]
    order = _json(
        bruno.api(
            "POST",
            "/orders",
            {
                "lines": [{"listing_id": listing["id"], "quantity": 1}],
                "delivery": {"option_id": option, "address": ADDRESS},
            },
            Idempotency_Key="one",
        )
    )
    paid = bruno.api(
        "POST",
        f"/orders/{order['reference']}/payments",
        {"method": "card", "token": "tok_approved"},
        Idempotency_Key="two",
    )
    assert paid.status_code == 201
    shipment = _json(bruno.api("GET", f"/orders/{order['reference']}"))["shipments"][0]["id"]
    asked = submit(bruno.app.test_client(), "/accounts/reset", {"email": "bruno@example.com"})
    assert asked.status_code == 302
    return {
        "book_id": listing["book_id"],
        "slug": "rayuela",
        "listing_id": listing["id"],
        "reference": order["reference"],
        "shipment_id": shipment,
        "payment_id": 1,
        "mail_id": 1,
        "user_id": people["carla"].user_id,
        "token": "no-such-token",
        "file_name": "0" * 32 + ".jpg",
        "filename": "shop.css",
    }


def _json(answer: TestResponse) -> dict:
    assert answer.is_json, answer.get_data(as_text=True)[:500]
    assert answer.status_code < 300, answer.get_json()
    return answer.get_json()


def _calls(world: World) -> Iterator[tuple[Rule, str, str]]:
    """Every route with every method that it answers: rule, method, path."""
    adapter = world.app.url_map.bind("localhost")
    for rule in world.app.url_map.iter_rules():
        arguments = {name: world.values[name] for name in rule.arguments}
        path = adapter.build(rule.endpoint, arguments, method=_any_method(rule))
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method, path


def _any_method(rule: Rule) -> str:
    return min((rule.methods or set()) - {"HEAD", "OPTIONS"})


def _audience(world: World, rule: Rule) -> Audience:
    return world.app.view_functions[rule.endpoint].audience


def _allowed(world: World, rule: Rule) -> set[str]:
    who = _audience(world, rule)
    if who is Audience.SERVICES:
        return set()
    if who is Audience.ADMIN:
        return {"ada"}
    if who is Audience.SIGNED_IN:
        return OWNERS.get(rule.endpoint, ANYBODY)
    return ANYBODY | {"visitor"}


def _send(world: World, name: str, rule: Rule, method: str, path: str) -> TestResponse:
    person = world.people.get(name)
    if path.startswith(("/api/v1/", "/internal/")):
        headers = {"Idempotency-Key": f"{name}-{rule.endpoint}"}
        if person is not None:
            headers["Authorization"] = f"Bearer {person.api_token}"
        body = None if method in {"GET", "DELETE"} else JSON_BODIES.get(rule.endpoint, {})
        query = QUERIES.get(rule.endpoint) if method == "GET" else None
        client = world.app.test_client()
        return client.open(path, method=method, json=body, headers=headers, query_string=query)
    browser = person.browser if person is not None else world.app.test_client()
    if method == "GET":
        return browser.get(path)
    return submit(browser, path, FORMS.get(rule.endpoint, {}))


def _is_refusal(answer: TestResponse) -> bool:
    to_login = answer.status_code == 302 and answer.headers["Location"].startswith("/accounts/login")
    return to_login or answer.status_code in {401, 403, 404}


def test_every_route_of_somebody_names_its_owner(world: World) -> None:
    unowned = [
        rule.endpoint
        for rule, _, _ in _calls(world)
        if _audience(world, rule) is Audience.SIGNED_IN and rule.arguments and rule.endpoint not in OWNERS
    ]
    assert unowned == []


@pytest.mark.parametrize("name", ["visitor", "carla", "bruno", "ana", "ada"])
def test_strangers_are_refused_and_nothing_changes(world: World, name: str) -> None:
    before = world.fingerprint()
    wrong = []
    for rule, method, path in _calls(world):
        if name in _allowed(world, rule):
            continue
        answer = _send(world, name, rule, method, path)
        if not _is_refusal(answer):
            wrong.append(f"{method} {path} answered {answer.status_code} to {name}")
        elif world.fingerprint() != before:
            wrong.append(f"{method} {path} was refused to {name} and yet changed something")
            before = world.fingerprint()
    assert wrong == []


@pytest.mark.parametrize("name", ["visitor", "carla", "bruno", "ana", "ada"])
def test_pages_open_for_those_who_may_see_them(world: World, name: str) -> None:
    """Reading only; what changes things is tested where it belongs."""
    # There is no photo in this world, and nobody has followed a reset link.
    absent = {"catalog.show_photo", "accounts.follow_reset_link", "accounts.choose_password"}
    wrong = []
    for rule, method, path in _calls(world):
        if method != "GET" or name not in _allowed(world, rule) or rule.endpoint in absent:
            continue
        answer = _send(world, name, rule, method, path)
        if _is_refusal(answer) or answer.status_code >= 400:
            wrong.append(f"{method} {path} answered {answer.status_code} to {name}")
    assert wrong == []


def test_the_service_token_opens_internal_routes_only(world: World) -> None:
    bearer = {"Authorization": f"Bearer {world.shop.settings.service_token}"}
    client = world.app.test_client()
    inside = client.post("/internal/catalog/quotes", json={"listing_ids": []}, headers=bearer)
    assert (inside.status_code, inside.get_json()) == (200, {"quotes": []})
    outside = client.get("/api/v1/accounts/users", headers=bearer)
    assert outside.status_code == 401
