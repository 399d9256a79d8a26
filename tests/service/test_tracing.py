"""Traces: one for a checkout across the services, none unless asked for, and nobody waits for a collector."""

import socket
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from bookstore.app import Shop, create_shop
from bookstore.config import Settings, SettingsError
from bookstore.orders import lookup
from bookstore.orders.saga_timeline import SagaStep, saga_timeline
from bookstore.shared.tracing import EXPORT_SECONDS
from bookstore.shared.worker import run_once
from tests.collector import Collector, Seen, collector
from tests.faults.split_shop import split_shop
from tests.faults.trading import ADDRESS, SERVIENTREGA, offer
from tests.people import Person, join

CHECKOUT, PAYMENT = "4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"
CALLER = "00f067aa0ba902b7"
# How the catalog's route spells it.
REFERENCE = "string(minlength=1, maxlength=64):reference"
# The shop gives the last traces two seconds; the rest is for a busy machine.
CLOSED_WITHIN = 4.0


@pytest.fixture
def collected() -> Iterator[Collector]:
    with collector() as seen:
        yield seen


@contextmanager
def monolith(settings: Settings, address: str) -> Iterator[Shop]:
    shop = create_shop(replace(settings, otlp_endpoint=address))
    yield shop
    shop.close()


def traceparent(trace_id: str) -> str:
    return f"00-{trace_id}-{CALLER}-01"


def order(buyer: Person, listing: int, trace_id: str = CHECKOUT) -> str:
    """Place an order as a program that has a trace of its own."""
    body = {
        "lines": [{"listing_id": listing, "quantity": 1}],
        "delivery": {"option_id": SERVIENTREGA, "address": ADDRESS},
    }
    known = {"Idempotency_Key": str(uuid.uuid4()), "traceparent": traceparent(trace_id)}
    answer = buyer.api("POST", "/orders", json=body, **known)
    assert answer.status_code == 201, answer.text
    return str(answer.json["reference"])


def pay(buyer: Person, reference: str, token: str = "tok_approved", trace_id: str = PAYMENT) -> int:
    known = {"Idempotency_Key": str(uuid.uuid4()), "traceparent": traceparent(trace_id)}
    body = {"method": "card", "token": token}
    return buyer.api("POST", f"/orders/{reference}/payments", json=body, **known).status_code


def timeline(database, reference: str) -> list[SagaStep]:
    with database.reading() as session:
        return saga_timeline(session, lookup.order_by_reference(session, reference))


def named(spans: list[Seen]) -> Counter[tuple[str, str]]:
    return Counter((span.service, span.name) for span in spans)


def test_one_trace_spans_the_services_of_a_checkout(settings: Settings, collected: Collector) -> None:
    with split_shop(settings, otlp_endpoint=f"{collected.address}/", neighbor_call_seconds=10) as split:
        ana = join(split, "Ana Sells", "ana@example.com")
        bruno = join(split, "Bruno Buys", "bruno@example.com")
        listing = offer(ana)
        reference = order(bruno, listing)
        assert pay(bruno, reference) == 201
        steps = timeline(split.databases["orders"], reference)

    assert collected.paths == {"/v1/traces"}
    placed = collected.of_trace(CHECKOUT)
    assert named(placed) == {
        ("bookstore-orders", "POST /api/v1/orders"): 1,
        ("bookstore-orders", "reserve"): 1,
        ("bookstore-orders", "GET"): 1,
        ("bookstore-orders", "PUT"): 1,
        ("bookstore-accounts", "GET /.well-known/jwks.json"): 1,
        ("bookstore-catalog", f"PUT /internal/catalog/reservations/<{REFERENCE}>"): 1,
    }
    assert {span.service for span in placed if span.parent_id == CALLER} == {"bookstore-orders"}
    ids = {span.span_id for span in placed} | {CALLER}
    assert {span.parent_id for span in placed} <= ids
    assert {(step.name, step.trace_id) for step in steps if step.name != "ship"} == {
        ("reserve", CHECKOUT),
        ("authorize", PAYMENT),
        ("commit", PAYMENT),
        ("capture", PAYMENT),
    }


def test_a_step_that_is_made_up_for_continues_its_trace(settings: Settings, collected: Collector) -> None:
    with monolith(settings, collected.address) as shop:
        ana = join(shop.app, "Ana Sells", "ana@example.com")
        bruno = join(shop.app, "Bruno Buys", "bruno@example.com")
        reference = order(bruno, offer(ana))
        assert pay(bruno, reference, "tok_timeout") == 503
        with shop.databases["orders"].writing() as session, session.begin():
            session.connection().exec_driver_sql("UPDATE payments SET claimed_until = '2020-01-01 00:00:00'")
        run_once([job for job in shop.jobs if job.name == "orders-recovery"])
        steps = timeline(shop.databases["orders"], reference)

    service = "bookstore-accounts-catalog-orders"
    assert named(collected.of_trace(PAYMENT)) == {
        (service, "POST /api/v1/orders/<reference>/payments"): 1,
        (service, "authorize"): 2,
        (service, "commit"): 1,
        (service, "capture"): 1,
    }
    assert {step.trace_id for step in steps if step.attempt} == {PAYMENT}


def test_idle_jobs_and_probes_are_no_traces(settings: Settings, collected: Collector) -> None:
    with monolith(settings, collected.address) as shop:
        run_once(shop.jobs)
        client = shop.app.test_client()
        statuses = [client.get(page).status_code for page in ("/livez", "/metrics", "/accounts/reset/s3cret")]
        assert statuses == [200, 200, 302]
        assert client.get("/accounts/login").status_code == 200

    assert [span.name for span in collected.spans] == ["GET /accounts/login"]


def test_two_shops_of_a_process_keep_their_traces_apart(settings: Settings, collected: Collector) -> None:
    quiet = create_shop(settings)
    with collector() as others, monolith(settings, collected.address) as one:
        with monolith(settings, others.address) as other:
            other.app.test_client().get("/accounts/login")
            quiet.app.test_client().get("/accounts/register")
            one.app.test_client().get("/accounts/reset")
        assert [span.name for span in others.spans] == ["GET /accounts/login"]
    quiet.close()

    assert [span.name for span in collected.spans] == ["GET /accounts/reset"]


def test_without_an_address_there_are_no_traces(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, collected: Collector
) -> None:
    # Even with the standard variable in the environment: a shop goes by its settings.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collected.address)
    shop = create_shop(settings)
    bruno = join(shop.app, "Bruno Buys", "bruno@example.com")
    assert bruno.get("/orders/").status_code == 200
    shop.close()

    assert shop.tracing is None
    assert collected.paths == set()


def test_the_standard_variable_stands_in_for_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://standard.example:4318")
    assert Settings.from_environ().otlp_endpoint == "http://standard.example:4318"
    monkeypatch.setenv("BOOKSTORE_OTLP_ENDPOINT", "http://ours.example:4318")
    assert Settings.from_environ().otlp_endpoint == "http://ours.example:4318"


def test_an_address_without_the_extra_stops_the_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(SettingsError, match=r"BOOKSTORE_OTLP_ENDPOINT.*bookstore\[tracing\]"):
        create_shop(replace(settings, otlp_endpoint="http://127.0.0.1:4318"))


@pytest.fixture(params=["dead", "silent"])
def absent(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a collector that refuses connections, or takes them and never answers."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=50)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    if request.param == "dead":
        listener.close()
    yield address
    listener.close()


def test_nobody_waits_for_a_collector(settings: Settings, absent: str) -> None:
    shop = create_shop(replace(settings, otlp_endpoint=absent))
    client = shop.app.test_client()
    began = time.monotonic()
    # More than one parcel of spans, so that the sender starts at once and still has some at the end.
    statuses = Counter(client.get("/api/v1/orders").status_code for _ in range(1500))
    answered = time.monotonic() - began
    ended = time.monotonic()
    shop.close()

    assert statuses == {401: 1500}
    # Had each waited for the collector as long as the sender does, it would be ten times as much; on any machine.
    assert answered < 1500 * EXPORT_SECONDS / 10
    assert time.monotonic() - ended < CLOSED_WITHIN
