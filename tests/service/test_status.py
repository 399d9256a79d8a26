"""The status page: what it says of this process and of the neighbors, and who may read it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
import time_machine
from prometheus_client import REGISTRY
from sqlalchemy import select, text
from werkzeug.serving import make_server

from bookstore.app import Shop, create_shop
from bookstore.catalog.models import Replica
from bookstore.config import Settings
from bookstore.shared import neighbor, replicas
from bookstore.shared.clock import utcnow
from bookstore.shared.neighbor import NeighborUnavailable
from bookstore.shared.process import Process
from bookstore.shared.status_neighbors import Neighbors
from bookstore.shared.worker import run_once
from tests.empty_databases import chosen_product
from tests.faults.fault_proxy import DOWN, Fault, FaultProxy
from tests.people import Person, log_in


@contextmanager
def served(shop: Shop) -> Iterator[str]:
    """The address of a process that serves this shop."""
    server = make_server("127.0.0.1", 0, shop.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()
    shop.close()


def parts_of(admin: Person) -> dict[str, dict]:
    answer = admin.api("GET", "/status")
    assert answer.status_code == 200
    return {part["service"]: part for part in answer.get_json()["services"]}


def test_it_tells_about_the_three_services(shop: Shop, ada: Person) -> None:
    run_once(shop.vital_signs)

    answer = ada.api("GET", "/status").get_json()

    parts = {part["service"]: part for part in answer["services"]}
    assert list(parts) == ["accounts", "catalog", "orders"]
    catalog = parts["catalog"]
    assert catalog["schema"]["current"] == catalog["schema"]["needed"]
    roles = {"sqlite": "embedded", "mariadb": "primary", "mysql": "primary"}
    kind = chosen_product()
    assert catalog["database"] == {"kind": kind, "role": roles[kind], "lag_seconds": None}
    assert [replica["name"] for replica in catalog["replicas"]] == [answer["answered_by"]["replica"]]
    assert catalog["commit"] == "unknown"
    assert catalog["facts"] == {"search_ready": False}
    queues = {part: [queue["name"] for queue in parts[part]["queues"]] for part in parts}
    assert queues == {
        "accounts": ["mails", "mails_given_up"],
        "catalog": ["reservations", "reserved_copies", "search_changes"],
        "orders": ["mails", "mails_given_up", "payments_moving", "copies_returning", "orders_overdue"],
    }


def test_the_monolith_has_no_neighbors_to_ask(settings: Settings, ada: Person) -> None:
    shop = create_shop(settings)

    answer = _as_admin(shop, ada, "/api/v1/status").get_json()
    shop.close()

    assert (answer["topology"], answer["neighbors"]) == ("monolith", [])
    assert answer["answered_by"]["services"] == ["accounts", "catalog", "orders"]


def test_the_page_says_it_in_both_languages(shop: Shop, ada: Person) -> None:
    run_once(shop.vital_signs)

    english = ada.get("/status").get_data(as_text=True)
    ada.post("/language", {"locale": "es", "next": "/status"})
    spanish = ada.get("/status").get_data(as_text=True)

    assert "Payments between two steps" in english
    assert "Pagos entre dos pasos" in spanish


@pytest.mark.parametrize("path", ["/status", "/api/v1/status"])
def test_it_is_not_for_others(path: str, app, ana: Person, visitor) -> None:
    if path == "/status":
        assert visitor.get(path).headers["Location"].startswith("/accounts/login")
        assert ana.get(path).status_code == 403
    else:
        assert visitor.get(path).status_code == 401
        assert ana.api("GET", "/status").status_code == 403


def test_the_internal_part_is_for_services_only(settings: Settings, ada: Person) -> None:
    shop = create_shop(settings)
    client = shop.app.test_client()
    as_admin = client.get("/internal/status", headers={"Authorization": f"Bearer {ada.api_token}"})
    as_service = client.get(
        "/internal/status", headers={"Authorization": f"Bearer {shop.settings.service_token}"}
    )

    shop.close()
    assert as_admin.status_code == 403
    assert [part["service"] for part in as_service.get_json()["services"]] == [
        "accounts",
        "catalog",
        "orders",
    ]


def test_queues_count_what_waits_and_since_when(shop: Shop, ada: Person, bruno: Person) -> None:
    moment = utcnow()
    with time_machine.travel(moment - timedelta(minutes=10), tick=False):
        bruno.post("/accounts/reset", {"email": bruno.email})
    with time_machine.travel(moment, tick=False):
        mails = parts_of(log_in(shop.app, ada.name, ada.email, ada.user_id))["accounts"]["queues"][0]
        run_once(shop.vital_signs)

    assert mails == {"name": "mails", "length": 1, "oldest_seconds": 600.0}
    labels = {"service": "accounts", "queue": "mails"}
    assert REGISTRY.get_sample_value("bookstore_queue_length", labels) == 1
    assert REGISTRY.get_sample_value("bookstore_queue_oldest_seconds", labels) == 600


def test_a_schema_that_is_behind_is_said_and_the_page_opens(shop: Shop, ada: Person) -> None:
    with shop.databases["orders"].writing() as session, session.begin():
        session.execute(text("UPDATE orders_schema SET version_num = '0001'"))

    parts = parts_of(ada)

    assert (parts["orders"]["error"], parts["orders"]["schema"]["current"]) == ("schema_behind", "0001")
    assert "error" not in parts["catalog"]
    assert "bookstore migrate" in ada.get("/status").get_data(as_text=True)


def test_replicas_are_seen_for_a_minute_and_forgotten_after_an_hour(shop: Shop) -> None:
    database = shop.databases["catalog"]
    began = utcnow()
    with time_machine.travel(began, tick=False) as clock:
        replicas.beat(database, Replica, Process(replica="host-1"))
        clock.shift(timedelta(seconds=45))
        replicas.beat(database, Replica, Process(replica="host-1"))
        replicas.beat(database, Replica, Process(replica="host-2"))
        clock.shift(timedelta(seconds=60))
        replicas.beat(database, Replica, Process(replica="host-2"))
        clock.shift(timedelta(seconds=1))
        with database.reading() as session:
            assert [replica.name for replica in replicas.seen_lately(session, Replica)] == ["host-2"]
        clock.shift(timedelta(minutes=59))
        replicas.beat(database, Replica, Process(replica="host-3"))
    with database.reading() as session:
        known = session.scalars(select(Replica).order_by(Replica.name)).all()
    assert [(replica.name, replica.started_at) for replica in known] == [
        ("host-2", began + timedelta(seconds=45)),
        ("host-3", began + timedelta(seconds=45 + 60 + 1 + 59 * 60)),
    ]


def test_a_replica_that_comes_back_as_another_release_says_so(shop: Shop) -> None:
    database = shop.databases["catalog"]
    for commit in ("a1b2c3", "d4e5f6"):
        replicas.beat(database, Replica, Process(replica="catalog-1", commit=commit))
    with database.reading() as session:
        known = session.scalars(select(Replica)).all()
    assert [(replica.name, replica.built_from) for replica in known] == [("catalog-1", "d4e5f6")]


def test_footer_and_header_say_who_answered(settings: Settings) -> None:
    shop = create_shop(replace(settings, replica="ourhost-3f2a"))
    browser = shop.app.test_client()

    for path, service in (("/", "catalog"), ("/accounts/login", "accounts"), ("/orders/cart", "orders")):
        page = browser.get(path)
        assert page.headers["X-Served-By"] == f"{service}/3f2a"
        assert f"{service} · replica 3f2a" in page.get_data(as_text=True)
        assert "ourhost" not in page.get_data(as_text=True)
    assert browser.get("/livez").headers["X-Served-By"] == "shop/3f2a"
    shop.close()


def test_a_service_collects_its_neighbors(settings: Settings, ada: Person) -> None:
    with served(
        create_shop(replace(settings, services=("accounts",), catalog_url="http://127.0.0.1:1"))
    ) as url:
        split = replace(settings, services=("catalog",), accounts_url=url, orders_url="http://127.0.0.1:1")
        shop = create_shop(split)
        answer = _as_admin(shop, ada, "/api/v1/status").get_json()
        page = ada.browser.get("/status")
        assert page.status_code == 200
        shop.close()

    assert answer["topology"] == "services"
    assert [part["service"] for part in answer["services"]] == ["accounts", "catalog"]
    accounts, orders = answer["neighbors"]
    assert (accounts["answers"], accounts["error"]) == (True, None)
    assert accounts["latency_ms"] > 0
    assert (orders["answers"], orders["error"]) == (False, "ConnectError")


def test_a_neighbor_shows_the_circuit_of_this_process(settings: Settings, ada: Person) -> None:
    accounts = create_shop(replace(settings, services=("accounts",)))
    limits = {"neighbor_failures": 2, "neighbor_rest_seconds": 300}
    with served(accounts) as url, FaultProxy(int(url.rpartition(":")[2])) as wire:
        urls = {"accounts_url": f"http://127.0.0.1:{wire.port}", "orders_url": url}
        shop = create_shop(replace(settings, services=("catalog",), **urls, **limits))
        assert _circuits(shop, ada) == {"accounts": "closed", "orders": None}
        wire.break_with(Fault(DOWN))
        for _ in range(2):
            with pytest.raises(NeighborUnavailable):
                shop.neighbors["accounts"].call("GET", "/livez", repeatable=False)
        wire.heal()
        # That it answers the status page does not close the circuit.
        assert _circuits(shop, ada) == {"accounts": "open", "orders": None}
        page = _as_admin_in_a_browser(shop, ada)
        shop.close()

    assert page.status_code == 200
    assert "<td>open: it is left alone</td>" in page.get_data(as_text=True)


def test_a_missing_address_is_named(settings: Settings, ada: Person) -> None:
    shop = create_shop(replace(settings, services=("accounts",)))

    answer = _as_admin(shop, ada, "/api/v1/status").get_json()

    assert [seen["error"] for seen in answer["neighbors"]] == [
        "BOOKSTORE_CATALOG_URL is missing",
        "BOOKSTORE_ORDERS_URL is missing",
    ]
    shop.close()


def test_a_silent_neighbor_does_not_keep_the_page_waiting() -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("silent", request=request)

    neighbors = Neighbors({"orders": "http://orders"}, "token", transport=httpx.MockTransport(silent))

    assert neighbors.look()[0]["error"] == "ReadTimeout"


def test_a_neighbor_that_tells_nonsense_is_said_to() -> None:
    def nonsense(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=["surprise"])

    neighbors = Neighbors({"orders": "http://orders"}, "token", transport=httpx.MockTransport(nonsense))

    seen = neighbors.look()[0]
    assert (seen["answers"], seen["part"], seen["error"]) == (True, None, "TypeError")


def _as_admin(shop: Shop, ada: Person, path: str):
    return shop.app.test_client().get(path, headers={"Authorization": f"Bearer {ada.api_token}"})


def test_the_neighbors_that_requests_ask_are_not_those_of_the_status_page(settings: Settings) -> None:
    elsewhere = {"accounts_url": "http://127.0.0.1:9", "catalog_url": "http://127.0.0.1:9"}
    shop = create_shop(replace(settings, services=("orders",), **elsewhere))

    with shop.app.app_context():
        names = sorted(health.name for health in neighbor.health())
    shop.close()

    assert names == ["accounts", "catalog"]


def _as_admin_in_a_browser(shop: Shop, ada: Person):
    """Her cookie is good for every service."""
    browser = shop.app.test_client()
    browser.set_cookie("bookstore_token", ada.browser.get_cookie("bookstore_token").value)
    return browser.get("/status")


def _circuits(shop: Shop, ada: Person) -> dict[str, str | None]:
    neighbors = _as_admin(shop, ada, "/api/v1/status").get_json()["neighbors"]
    return {seen["service"]: seen["circuit"] for seen in neighbors}
