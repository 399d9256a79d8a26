"""When a service is away, each page says what is missing, in the reader's language, and the rest goes on."""

import time
from typing import Any

import pytest

from bookstore.auditing import audit_shop
from bookstore.shared.worker import run_once
from tests.faults import trading
from tests.faults.fault_proxy import DOWN, SILENT, Fault
from tests.faults.healing import let_time_pass
from tests.faults.split_shop import SplitShop
from tests.people import Person, join

AWAY = Fault(DOWN)
CATALOG_IS_AWAY = {"en": "The catalog is away right now", "es": "El catálogo no responde en este momento"}
UNKNOWN_WHO = {"en": "We cannot tell who you are", "es": "No podemos saber quién eres"}


@pytest.fixture
def ana(split: SplitShop) -> Person:
    return join(split, "Ana Sells", "ana@example.com")


@pytest.fixture
def bruno(split: SplitShop) -> Person:
    return join(split, "Bruno Buys", "bruno@example.com")


def in_language(person: Person, locale: str) -> None:
    person.browser.set_cookie("bookstore_locale", locale)


def copies_of(split: SplitShop, listing_id: int) -> tuple[int, int, int]:
    from bookstore.catalog.models import Listing

    with split.databases["catalog"].reading() as session:
        listing = session.get(Listing, listing_id)
        return (listing.available, listing.held, listing.sold)


def captures(split: SplitShop) -> list[str]:
    from bookstore.wiring import choose_gateway

    statement = choose_gateway(split.settings).statement()
    return [line.reference for line in statement if line.kind == "captured"]


@pytest.mark.parametrize("locale", ["en", "es"])
def test_without_the_catalog_the_cart_keeps_its_lines_and_says_so(
    split: SplitShop, ana: Person, bruno: Person, locale: str
) -> None:
    listing = trading.offer(ana)
    assert trading.add_to_cart(bruno, listing).status_code == 303
    in_language(bruno, locale)
    split.break_with(AWAY, "catalog")

    page = bruno.get("/orders/cart")
    assert page.status_code == 200
    assert CATALOG_IS_AWAY[locale] in page.text
    assert "Pedro Páramo" in page.text
    refused = trading.add_to_cart(bruno, listing)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert CATALOG_IS_AWAY[locale] in refused.text
    assert refused.headers["X-Request-ID"] in refused.text
    assert bruno.get("/orders/checkout").location == "/orders/cart"

    split.heal()
    wait_until_called_again(split)
    page = bruno.get("/orders/cart")
    assert CATALOG_IS_AWAY[locale] not in page.text
    assert "Pedro Páramo" in page.text


def test_without_the_catalog_nobody_can_order_and_nothing_is_left_behind(
    split: SplitShop, ana: Person, bruno: Person
) -> None:
    listing = trading.offer(ana)
    split.break_with(AWAY, "catalog")
    body = {
        "lines": [{"listing_id": listing, "quantity": 1}],
        "delivery": {"option_id": trading.SERVIENTREGA, "address": trading.ADDRESS},
    }
    answer = bruno.api("POST", "/orders", json=body, Idempotency_Key="key-0001")
    assert (answer.status_code, answer.json["code"]) == (503, "catalog_unavailable")
    assert CATALOG_IS_AWAY["en"] in answer.json["detail"]
    assert bruno.api("GET", "/orders").json["items"] == []
    assert copies_of(split, listing) == (3, 0, 0)

    split.heal()
    wait_until_called_again(split)
    again = bruno.api("POST", "/orders", json=body, Idempotency_Key="key-0001")
    assert again.status_code == 201
    assert copies_of(split, listing) == (2, 1, 0)


def test_without_the_catalog_a_placed_order_is_seen_and_paid_once_its_copies_are_surely_the_buyers(
    split: SplitShop, ana: Person, bruno: Person
) -> None:
    listing = trading.offer(ana)
    reference = trading.place(bruno, listing)
    split.break_with(AWAY, "catalog")

    for page in ("/orders/", f"/orders/{reference}", f"/orders/{reference}/pay", "/orders/sales"):
        assert bruno.get(page).status_code == 200, page
    paid = trading.pay_by_form(bruno, reference)
    assert (paid.status_code, paid.location) == (303, f"/orders/{reference}")
    assert "takes longer than usual" in bruno.get(paid.location).text
    assert trading.status_of(bruno, reference) == "awaiting_payment"
    assert captures(split) == []

    split.heal()
    wait_until_called_again(split)
    let_time_pass(split.databases)
    run_once(split.jobs)
    assert trading.status_of(bruno, reference) == "paid"
    assert captures(split) == [reference]
    assert copies_of(split, listing) == (2, 0, 1)
    assert audit_shop(split.settings, split.databases) == []


def test_nobody_is_charged_for_copies_that_were_lost_while_the_catalog_was_away(
    split: SplitShop, ana: Person, bruno: Person
) -> None:
    """The hold ends in the catalog, and Carla gets the last copy, before orders hears of it."""
    from bookstore.catalog.models import Reservation
    from bookstore.shared.clock import utcnow

    listing = trading.offer(ana, copies=1)
    reference = trading.place(bruno, listing)
    split.break_with(AWAY, "catalog")
    assert trading.pay_by_form(bruno, reference).status_code == 303
    with split.databases["catalog"].writing() as session, session.begin():
        session.query(Reservation).update({"expires_at": utcnow()})
    run_once(split.shops["catalog"].jobs)
    split.heal()
    wait_until_called_again(split)
    carla = join(split, "Carla Strange", "carla@example.com")
    other = trading.place(carla, listing)
    assert trading.pay_by_form(carla, other).status_code == 303

    let_time_pass(split.databases)
    run_once(split.jobs)
    assert trading.status_of(bruno, reference) == "expired"
    assert captures(split) == [other]
    assert copies_of(split, listing) == (0, 0, 1)
    assert audit_shop(split.settings, split.databases) == []


def test_without_accounts_who_is_logged_in_stays_so_and_buys_and_sells(
    split: SplitShop, ana: Person, bruno: Person
) -> None:
    known_everywhere(ana, bruno)
    split.break_with(AWAY, "accounts")
    expire_tokens(split, ana, bruno)

    for page in ("/", "/books", "/sell", "/orders/", "/orders/cart"):
        assert bruno.get(page).status_code == 200, page
        assert "Bruno Buys" in bruno.get(page).text
    listing = trading.offer(with_fresh_api_token(ana, split))
    buyer = with_fresh_api_token(bruno, split)
    reference = trading.place(buyer, listing)
    assert trading.pay_by_form(bruno, reference).location == f"/orders/{reference}"
    assert trading.status_of(buyer, reference) == "paid"
    assert audit_shop(split.settings, split.databases) == []


def test_without_accounts_an_expired_bearer_is_told_so(split: SplitShop, bruno: Person) -> None:
    known_everywhere(bruno)
    split.break_with(AWAY, "accounts")
    expire_tokens(split, bruno)
    answer = bruno.api("GET", "/orders")
    assert (answer.status_code, answer.json["code"]) == (401, "invalid_token")


@pytest.mark.parametrize("locale", ["en", "es"])
@pytest.mark.parametrize("fault", [AWAY, Fault(SILENT)], ids=str)
def test_a_process_that_starts_without_accounts_serves_visitors_and_keeps_the_cookies_of_others(
    split: SplitShop, bruno: Person, fault: Fault, locale: str
) -> None:
    """No key was ever seen here: orders and the catalog have just started."""
    split.break_with(fault, "accounts")
    in_language(bruno, locale)
    visitor = split.test_client()
    assert [visitor.get(page).status_code for page in ("/", "/books", "/orders/cart")] == [200, 200, 200]
    assert bruno.get("/books").status_code == 200
    for page in ("/sell", "/orders/"):
        answer = bruno.get(page)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5"), page
        assert UNKNOWN_WHO[locale] in answer.text
        assert answer.headers["X-Request-ID"] in answer.text
    refused = bruno.api("GET", "/orders")
    assert (refused.status_code, refused.json["code"]) == (503, "accounts_unavailable")
    assert bruno.browser.get_cookie("bookstore_token") is not None

    split.heal()
    wait_until_called_again(split)
    assert [bruno.get(page).status_code for page in ("/sell", "/orders/")] == [200, 200]


def test_a_silent_accounts_does_not_slow_down_who_is_known(split: SplitShop, bruno: Person) -> None:
    """The keys are old, and whoever fetches them anew gets no answer."""
    known_everywhere(bruno)
    split.break_with(Fault(SILENT), "accounts")
    for service in ("orders", "catalog"):
        split.shops[service].app.extensions["bookstore.verifier"]._keys._fetched_at -= 1000
    begun = {name: verifier_of(split, name)._fetches_begun for name in ("orders", "catalog")}
    answers = [bruno.get(page).status_code for page in ("/orders/", "/sell") * 20]
    assert answers == [200] * 40
    # One fetch beside the requests, however many there are.
    for service, before in begun.items():
        assert verifier_of(split, service)._fetches_begun - before <= 1


@pytest.mark.parametrize("missing", ["accounts", "catalog"])
def test_ready_does_not_depend_on_neighbors(split: SplitShop, missing: str) -> None:
    split.break_with(AWAY, missing)
    for shop in split.shops.values():
        answer = shop.app.test_client().get("/readyz")
        assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_browsing_and_selling_never_ask_orders(split: SplitShop, ana: Person, bruno: Person) -> None:
    """The catalog has no address of orders, and its pages show the cart's count without asking."""
    assert list(split.shops["catalog"].neighbors) == ["accounts"]
    assert list(split.shops["accounts"].neighbors) == []
    listing = trading.offer(ana)
    trading.add_to_cart(bruno, listing)
    split.shops["orders"].databases["orders"].close()
    page = bruno.get("/books")
    assert page.status_code == 200
    assert bruno.browser.get_cookie("bookstore_cart_count").value == "1"
    assert ana.get("/sell").status_code == 200
    assert trading.offer(ana, "Rayuela") != listing


def test_the_request_id_is_the_same_on_both_sides(
    split: SplitShop, ana: Person, bruno: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flask import request

    seen: list[tuple[str | None, str | None]] = []
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    listing = trading.offer(ana)
    trading.add_to_cart(bruno, listing)
    quote = split.shops["catalog"].app.view_functions["catalog_internal.quote"]

    def watch(**values: Any) -> Any:
        seen.append((request.headers.get("X-Request-ID"), request.headers.get("traceparent")))
        return quote(**values)

    watch.__dict__.update(quote.__dict__)
    monkeypatch.setitem(split.shops["catalog"].app.view_functions, "catalog_internal.quote", watch)
    headers = {"X-Request-ID": "request-0815", "traceparent": trace}
    assert bruno.get("/orders/cart", headers=headers).headers["X-Request-ID"] == "request-0815"
    assert seen == [("request-0815", trace)]


def known_everywhere(*people: Person) -> None:
    for person in people:
        assert [person.get(page).status_code for page in ("/sell", "/orders/")] == [200, 200]


def expire_tokens(split: SplitShop, *people: Person) -> None:
    """Put tokens into the browsers and the programs that ended a minute ago, as time would."""
    for person in people:
        person.api_token = token_of(split, person, -60)
        person.browser.set_cookie("bookstore_token", person.api_token)


def with_fresh_api_token(person: Person, split: SplitShop) -> Person:
    person.api_token = token_of(split, person, 300)
    return person


def token_of(split: SplitShop, person: Person, seconds: int) -> str:
    from joserfc import jwt

    from bookstore.accounts import keys
    from bookstore.app import accounts_policy

    with split.databases["accounts"].writing() as session:
        key = keys.signing_key(session, accounts_policy(split.settings))
    claims = {
        "iss": "bookstore",
        "aud": "bookstore",
        "sub": person.user_id,
        "name": person.name,
        "email": person.email,
        "roles": ["user"],
        "locale": "en",
        "sid": "a session",
        "exp": int(time.time()) + seconds,
    }
    return jwt.encode({"alg": "Ed25519", "kid": key.kid}, claims, key, algorithms=["Ed25519"])


def verifier_of(split: SplitShop, service: str) -> Any:
    return split.shops[service].app.extensions["bookstore.verifier"]._keys


def wait_until_called_again(split: SplitShop) -> None:
    """An open circuit rests for a moment before it tries again."""
    time.sleep(split.settings.neighbor_rest_seconds + 0.1)
