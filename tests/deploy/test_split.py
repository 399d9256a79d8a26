"""The split shop as a whole: what nginx lets through and what not, what dies and comes back, and the end of it."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest

from tests.cluster.live_shop import ApiClient, LiveShop, session_of

PATIENCE = 90
# More than the 500 who are promised; with the way to a service, each takes two connections of nginx.
BUYERS = 600
PARTS = {f"{name}-{number}" for name in ("accounts", "catalog", "orders") for number in (1, 2)}
TOKEN = "what services show one another, 0123456789"


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveShop]:
    """Two replicas of each service."""
    environ = {"BOOKSTORE_SERVICE_TOKEN": TOKEN, "BOOKSTORE_MAX_UPLOAD_KIB": "1024"}
    shop = LiveShop(tmp_path_factory.mktemp("split") / "shop", environ, ["--split", "--replicas", "2"])
    shop.run("migrate")
    shop.start()
    yield shop
    shop.close()


def wait_until_open(shop: LiveShop, path: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if httpx.get(f"{shop.url}{path}").status_code == 200:
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline, f"{path} did not come back:\n{shop.log_text()[-3000:]}"
        time.sleep(0.1)


def wait_for_another(shop: LiveShop, part: str, old: int) -> None:
    """Until the part runs again, under another process id."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if shop.pid_of(part) != old:
                return
        except (FileNotFoundError, ValueError):
            pass
        assert time.monotonic() < deadline, f"{part} was not started again"
        time.sleep(0.1)


@contextmanager
def away(shop: LiveShop, service: str) -> Iterator[None]:
    """No replica of the service runs, and for this while none is started again."""
    assert shop.process is not None
    os.kill(shop.process.pid, signal.SIGSTOP)
    try:
        for number in (1, 2):
            # Each part leads a process group of its own.
            os.killpg(shop.pid_of(f"{service}-{number}"), signal.SIGKILL)
        yield
    finally:
        os.kill(shop.process.pid, signal.SIGCONT)


@contextmanager
def paused(shop: LiveShop, parts: set[str]) -> Iterator[None]:
    """These parts accept connections and answer nothing."""
    groups = [shop.pid_of(part) for part in parts]
    for group in groups:
        os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        for group in groups:
            os.killpg(group, signal.SIGCONT)


def ask(shop: LiveShop, path: str) -> socket.socket:
    """A connection on which this page has been asked for."""
    connection = socket.create_connection(("127.0.0.1", shop.port), timeout=PATIENCE)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n".encode())
    return connection


def status_of(shop: LiveShop) -> dict[str, Any]:
    """What the shop tells its admin, through nginx."""
    who = {"email": "ada@example.com", "password": "correct horse battery"}
    shop.run("create-admin", "--name", "Ada", "--email", who["email"], "--password", who["password"])
    with httpx.Client(base_url=f"{shop.url}/api/v1", timeout=30) as client:
        token = client.post("/accounts/sessions", json=who).raise_for_status().json()["access_token"]
        answer = client.get("/status", headers={"Authorization": f"Bearer {token}"}).raise_for_status()
    status: dict[str, Any] = answer.json()
    return status


def test_each_part_runs_in_a_process_of_its_own(split: LiveShop) -> None:
    parts = {part: split.pid_of(part) for part in PARTS | {"nginx", "nginx-inside"}}
    assert len(set(parts.values())) == 8
    assert set(parts.values()) <= set(session_of(split.process.pid))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/accounts/login", 200),
        ("/orders/cart", 200),
        ("/api/docs", 200),
        ("/api/v1/accounts/docs", 200),
        ("/api/v1/catalog/docs", 200),
        ("/api/v1/orders/docs", 200),
        ("/.well-known/jwks.json", 200),
        ("/static/shop.css", 200),
        ("/api/v1/orders", 401),
        ("/ordersomething", 404),
        ("/api/v1/ordersomething", 404),
    ],
)
def test_each_address_has_its_service(split: LiveShop, path: str, status: int) -> None:
    assert httpx.get(f"{split.url}{path}").status_code == status


def test_each_answer_names_the_replica_that_gave_it(split: LiveShop) -> None:
    for service, path in (("accounts", "/accounts/login"), ("catalog", "/books"), ("orders", "/orders/cart")):
        # An address that nobody asked for before is not one that nginx has.
        pages = [httpx.get(f"{split.url}{path}?turn={turn}") for turn in range(20)]
        assert {page.headers["X-Served-By"] for page in pages} == {f"{service}/1", f"{service}/2"}
        for page in pages:
            number = page.headers["X-Served-By"].partition("/")[2]
            assert f"{service} · replica {number}</p>" in page.text


def test_the_status_page_knows_all_replicas_and_both_neighbors(split: LiveShop) -> None:
    status = status_of(split)
    assert status["topology"] == "services"
    assert status["answered_by"] in [
        {"services": ["catalog"], "replica": name} for name in ("catalog-1", "catalog-2")
    ]
    assert {
        part["service"]: [replica["name"] for replica in part["replicas"]] for part in status["services"]
    } == {name: [f"{name}-1", f"{name}-2"] for name in ("accounts", "catalog", "orders")}
    assert [(seen["service"], seen["answers"], seen["error"]) for seen in status["neighbors"]] == [
        ("accounts", True, None),
        ("orders", True, None),
    ]


def test_hundreds_who_wait_at_one_moment_are_all_served(split: LiveShop) -> None:
    with ExitStack() as ends:
        with paused(split, PARTS):
            waiting = [ends.enter_context(ask(split, "/books")) for _ in range(BUYERS)]
        statuses = [connection.makefile("rb").readline() for connection in waiting]
    assert statuses == [b"HTTP/1.1 200 OK\r\n"] * BUYERS


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/metrics/",
        "/internal",
        "/internal/catalog/quotes",
        "/internal/accounts/renewals",
        "/%69nternal/catalog/quotes",
        "/books/../internal/catalog/quotes",
        "/internal%2Fcatalog/quotes",
    ],
)
def test_what_is_inside_is_not_reached_from_outside(split: LiveShop, path: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept-Language": "es"}
    answer = httpx.post(f"{split.url}{path}", json={"listing_ids": []}, headers=headers)
    assert answer.status_code in {400, 404}
    answer = httpx.get(f"{split.url}{path}", headers=headers)
    assert answer.status_code == 404
    assert "Página no encontrada" in answer.text


def test_what_a_client_says_of_where_it_came_from_is_overwritten(split: LiveShop) -> None:
    lies = {
        "X-Forwarded-For": "198.51.100.7",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Request-ID": "request-of-the-liar",
    }
    page = httpx.get(f"{split.url}/api/docs", headers=lies)
    assert split.url in page.text
    assert "evil.example" not in page.text
    assert page.headers["X-Request-ID"] == "request-of-the-liar"
    [line] = [line for line in split.log_text().splitlines() if "request-of-the-liar" in line]
    assert "127.0.0.1" in line
    assert "198.51.100.7" not in split.log_text()


def test_a_request_id_that_is_none_is_replaced(split: LiveShop) -> None:
    answer = httpx.get(f"{split.url}/livez", headers={"X-Request-ID": "a b; rm"})
    assert len(answer.headers["X-Request-ID"]) == 32


@pytest.mark.parametrize("kib", [1500, 5000], ids=["the app refuses", "nginx refuses"])
def test_a_form_that_is_too_large_is_refused_with_a_page(split: LiveShop, kib: int) -> None:
    form = {"email": "x" * kib * 1024}
    for _ in range(5):
        page = httpx.post(f"{split.url}/accounts/login", data=form)
        assert (page.status_code, '<p class="error-status">413</p>' in page.text) == (413, True)


@pytest.mark.parametrize("kib", [1500, 5000], ids=["the app refuses", "nginx refuses"])
def test_what_is_too_large_is_refused_in_words(split: LiveShop, kib: int) -> None:
    body = b"x" * kib * 1024
    call = httpx.post(
        f"{split.url}/api/v1/accounts/sessions", content=body, headers={"Content-Type": "application/json"}
    )
    assert (call.status_code, call.json()["code"]) == (413, "too_large")
    assert call.headers["Content-Type"] == "application/problem+json"


def test_a_dead_replica_is_started_again_while_the_other_serves(split: LiveShop) -> None:
    pid = split.pid_of("catalog-1")
    os.kill(pid, signal.SIGKILL)
    answers = [httpx.get(f"{split.url}/books").status_code for _ in range(20)]
    assert answers == [200] * 20
    wait_for_another(split, "catalog-1", pid)
    assert "catalog-1 was ended by SIGKILL; it is started again in" in split.log_text()


@pytest.mark.parametrize("part", ["nginx", "nginx-inside"])
def test_a_dead_nginx_is_started_again(split: LiveShop, part: str) -> None:
    pid = split.pid_of(part)
    os.kill(pid, signal.SIGKILL)
    wait_for_another(split, part, pid)
    wait_until_open(split, "/")
    ana = ApiClient(split, f"ana-after-{part}")
    assert ana.http.get(f"/catalog/listings/{ana.offer('Nginx', '2.00', 1)}").json()["copies_available"] == 1


def test_a_service_that_is_away_says_so_and_the_others_go_on(split: LiveShop) -> None:
    with away(split, "orders"):
        page = httpx.get(f"{split.url}/orders/cart")
        form = httpx.post(f"{split.url}/orders/cart", data={"listing_id": "1"})
        call = httpx.post(f"{split.url}/api/v1/orders", json={}, headers={"Idempotency-Key": "one"})
        others = [httpx.get(f"{split.url}{path}").status_code for path in ("/", "/accounts/login")]
    assert page.status_code == form.status_code == call.status_code == 503
    for shown in (page, form):
        assert shown.headers["Content-Type"] == "text/html; charset=utf-8"
        assert shown.headers["Retry-After"] == "5"
        assert "A part of the shop is away" in shown.text
        assert "Una parte de la tienda no responde" in shown.text
    assert call.json()["code"] == "service_unavailable"
    assert call.headers["Retry-After"] == "5"
    assert others == [200, 200]
    wait_until_open(split, "/orders/cart")


def test_without_the_catalog_the_pages_of_others_keep_their_style(split: LiveShop) -> None:
    with away(split, "catalog"):
        statuses = [
            httpx.get(f"{split.url}{path}").status_code
            for path in (
                "/books?q=not-asked-before",
                "/accounts/login",
                "/static/shop.css",
                "/static/shop.js",
                "/api/docs",
            )
        ]
    assert statuses == [503, 200, 200, 200, 200]
    wait_until_open(split, "/books")


def test_a_stop_ends_everything_and_the_same_data_is_served_by_one_process(split: LiveShop) -> None:
    ana = ApiClient(split, "ana-before-the-stop")
    listing = ana.offer("El traslado", "4.00", 2)
    leader = split.process.pid
    assert split.stop() == 0
    assert session_of(leader) == []
    assert [path.name for path in (split.data_dir / "split").glob("*.pid")] == []

    whole = LiveShop(split.data_dir, split.environ, options=[], port=split.port)
    whole.start()
    try:
        ana.log_in()
        assert ana.http.get(f"/catalog/listings/{listing}").json()["copies_available"] == 2
    finally:
        whole.stop()
    split.start()
