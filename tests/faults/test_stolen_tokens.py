"""Tokens that are not what they claim to be are refused by every service, and nothing changes.

The same attacks go against the shop in one process and as three services.
"""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from flask import Flask
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from bookstore.app import Shop
from bookstore.config import Settings
from bookstore.wiring import LocalAccounts
from tests.faults import trading
from tests.faults.split_shop import SplitShop
from tests.people import Person, join

# One page for people who are logged in, and one call of the API, of each service.
PAGES = ["/accounts/profile", "/sell", "/orders/"]
CALLS = [
    ("GET", "/accounts/users/me", None),
    ("POST", "/catalog/listings", trading.listing_of("Stolen")),
    (
        "POST",
        "/orders",
        {
            "lines": [{"listing_id": 1, "quantity": 1}],
            "delivery": {"option_id": trading.SERVIENTREGA, "address": trading.ADDRESS},
        },
    ),
]
INTERNAL = [
    ("POST", "/internal/accounts/renewals", {"token": "x"}),
    ("POST", "/internal/catalog/quotes", {"listing_ids": [1]}),
    ("PUT", "/internal/catalog/reservations/BS-STOLEN", {"lines": [], "hold_seconds": 60}),
    ("POST", "/internal/catalog/reservations/BS-STOLEN/commit", None),
    ("POST", "/internal/catalog/reservations/BS-STOLEN/release", None),
]


class World(Protocol):
    app: Any
    databases: dict[str, Any]


class OneProcess:
    def __init__(self, shop: Shop) -> None:
        self.app: Flask = shop.app
        self.databases = shop.databases


class ThreeServices:
    def __init__(self, shop: SplitShop) -> None:
        self.app = shop
        self.databases = shop.databases


@pytest.fixture(params=["monolith", "services"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "monolith":
        yield OneProcess(request.getfixturevalue("shop"))
    else:
        yield ThreeServices(request.getfixturevalue("split"))


@pytest.fixture
def bruno(world: World) -> Person:
    """His token is what the attacks are made of; Ana's listing 1 is what they want."""
    assert trading.offer(join(world.app, "Ana Sells", "ana@example.com")) == 1
    return join(world.app, "Bruno Buys", "bruno@example.com")


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    header, claims, signature = token.split(".")
    return _decoded(header), _decoded(claims), signature


def _decoded(part: str) -> dict[str, Any]:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _signed_by_the_shop(world: World, settings: Settings, claims: dict[str, Any]) -> str:
    """What a leak in accounts would sign: the right key, the wrong claims."""
    from bookstore.accounts import keys
    from bookstore.app import accounts_policy

    accounts = LocalAccounts(world.databases["accounts"], accounts_policy(settings))
    with accounts.database.writing() as session:
        key = keys.signing_key(session, accounts.policy)
    return jwt.encode({"alg": "Ed25519", "kid": key.kid}, claims, key, algorithms=["Ed25519"])


def another_key_with_the_same_id(world: World, settings: Settings, token: str) -> str:
    header, claims, _ = parts(token)
    thief = OKPKey.generate_key("Ed25519", {"kid": header["kid"]})
    return jwt.encode(header, claims, thief, algorithms=["Ed25519"])


def another_key_with_an_id_of_its_own(world: World, settings: Settings, token: str) -> str:
    header, claims, _ = parts(token)
    thief = OKPKey.generate_key("Ed25519", {"kid": "thief"})
    return jwt.encode({**header, "kid": "thief"}, claims, thief, algorithms=["Ed25519"])


def expired_and_changed(world: World, settings: Settings, token: str) -> str:
    header, claims, signature = parts(token)
    return f"{_encoded(header)}.{_encoded({**claims, 'exp': int(time.time()) + 9999})}.{signature}"


def for_another_audience(world: World, settings: Settings, token: str) -> str:
    return _signed_by_the_shop(world, settings, {**parts(token)[1], "aud": "newsletter"})


def without_an_audience(world: World, settings: Settings, token: str) -> str:
    claims = parts(token)[1]
    del claims["aud"]
    return _signed_by_the_shop(world, settings, claims)


def of_another_issuer(world: World, settings: Settings, token: str) -> str:
    return _signed_by_the_shop(world, settings, {**parts(token)[1], "iss": "another shop"})


def unsigned(world: World, settings: Settings, token: str) -> str:
    header, claims, _ = parts(token)
    return f"{_encoded({**header, 'alg': 'none'})}.{_encoded(claims)}."


def unsigned_with_the_old_signature(world: World, settings: Settings, token: str) -> str:
    header, claims, signature = parts(token)
    return f"{_encoded({**header, 'alg': 'none'})}.{_encoded(claims)}.{signature}"


def hmac_with_the_public_key(world: World, settings: Settings, token: str) -> str:
    header, claims, _ = parts(token)
    [public] = world.app.test_client().get("/.well-known/jwks.json").json["keys"]
    secret = OctKey.import_key(base64.urlsafe_b64decode(public["x"] + "="))
    return jwt.encode({**header, "alg": "HS256"}, claims, secret, algorithms=["HS256"])


def without_a_key_id(world: World, settings: Settings, token: str) -> str:
    header, claims, signature = parts(token)
    del header["kid"]
    return f"{_encoded(header)}.{_encoded(claims)}.{signature}"


def the_service_credential(world: World, settings: Settings, token: str) -> str:
    return settings.service_token


ATTACKS = [
    another_key_with_the_same_id,
    another_key_with_an_id_of_its_own,
    expired_and_changed,
    for_another_audience,
    without_an_audience,
    of_another_issuer,
    unsigned,
    unsigned_with_the_old_signature,
    hmac_with_the_public_key,
    without_a_key_id,
    the_service_credential,
]


def rows(world: World) -> dict[str, int]:
    """How many rows each table has, and how many copies are free."""
    from sqlalchemy import inspect, text

    counted = {}
    for service, database in world.databases.items():
        with database.engine.connect() as connection:
            for table in inspect(connection).get_table_names():
                found = connection.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar()
                counted[f"{service}.{table}"] = found
    with world.databases["catalog"].engine.connect() as connection:
        counted["copies"] = connection.execute(text("SELECT SUM(available) FROM listings")).scalar()
    return counted


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_token_that_is_none_of_ours_is_refused_by_every_service(
    world: World, settings: Settings, bruno: Person, attack: Any
) -> None:
    forged = attack(world, settings, bruno.api_token)
    before = rows(world)
    for method, path, body in CALLS:
        headers = {"Authorization": f"Bearer {forged}", "Idempotency-Key": "stolen-0001"}
        answer = world.app.test_client().open(f"/api/v1{path}", method=method, json=body, headers=headers)
        assert (answer.status_code, answer.json["code"]) == (401, "invalid_token"), path
    for page in PAGES:
        browser = world.app.test_client()
        browser.set_cookie("bookstore_token", forged)
        answer = browser.get(page)
        assert (answer.status_code, answer.location) == (302, f"/accounts/login?next={page}")
    exchanged = world.app.test_client().put(
        "/api/v1/accounts/sessions/current", headers={"Authorization": f"Bearer {forged}"}
    )
    assert (exchanged.status_code, exchanged.json["code"]) == (401, "invalid_token")
    assert rows(world) == before


def test_an_expired_token_is_refused_by_the_api_of_every_service(
    world: World, settings: Settings, bruno: Person
) -> None:
    claims = {**parts(bruno.api_token)[1], "exp": int(time.time()) - 1}
    expired = _signed_by_the_shop(world, settings, claims)
    before = rows(world)
    for method, path, body in CALLS:
        headers = {"Authorization": f"Bearer {expired}", "Idempotency-Key": "stolen-0001"}
        answer = world.app.test_client().open(f"/api/v1{path}", method=method, json=body, headers=headers)
        assert (answer.status_code, answer.json["code"]) == (401, "invalid_token"), path
    assert rows(world) == before


def test_an_expired_token_whose_session_has_ended_opens_no_page(
    world: World, settings: Settings, bruno: Person
) -> None:
    claims = {**parts(bruno.api_token)[1], "exp": int(time.time()) - 1}
    expired = _signed_by_the_shop(world, settings, claims)
    assert bruno.api("DELETE", "/accounts/sessions/current").status_code == 204
    for page in PAGES:
        browser = world.app.test_client()
        browser.set_cookie("bookstore_token", expired)
        assert browser.get(page).location == f"/accounts/login?next={page}"
        assert browser.get_cookie("bookstore_token") is None


@pytest.mark.parametrize(("method", "path", "body"), INTERNAL, ids=lambda value: str(value)[:50])
def test_what_services_ask_one_another_is_for_services_only(
    world: World, bruno: Person, method: str, path: str, body: Any
) -> None:
    before = rows(world)
    for credential in (f"Bearer {bruno.api_token}", "Bearer ", "", "Bearer wrong", "Basic eDp5"):
        headers = {"Authorization": credential} if credential else {}
        answer = world.app.test_client().open(path, method=method, json=body, headers=headers)
        assert (answer.status_code, answer.json["code"]) == (403, "forbidden"), credential
    browser = world.app.test_client()
    browser.set_cookie("bookstore_token", bruno.api_token)
    assert browser.open(path, method=method, json=body).status_code == 403
    assert rows(world) == before
