"""A server that is told to stop lets the load balancers turn away first; nobody is refused meanwhile."""

import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.cluster.live_shop import ApiClient, LiveShop


def test_after_sigterm_the_server_is_not_ready_and_still_sells(tmp_path: Path) -> None:
    shop = LiveShop(tmp_path / "shop", {"BOOKSTORE_DRAIN_SECONDS": "4"}, options=[])
    shop.run("migrate")
    shop.start()
    try:
        ana, bruno = ApiClient(shop, "ana"), ApiClient(shop, "bruno")
        listing = ana.offer("Los ríos profundos", "10.00", 2)
        assert bruno.delivery() > 0

        shop.process.send_signal(signal.SIGTERM)
        while (readiness := httpx.get(f"{shop.url}/readyz")).status_code == 200:
            time.sleep(0.05)
        assert readiness.json() == {"status": "not ready", "missing": {"drain": "Draining"}}
        assert httpx.get(f"{shop.url}/livez").status_code == 200
        assert bruno.place_order(listing, "order-1").status_code == 201

        assert shop.process.wait(timeout=60) == 0
        shop.process = None
    finally:
        shop.close()
    assert "not ready" in shop.log_text()


def test_who_does_not_want_to_wait_signals_twice(tmp_path: Path) -> None:
    shop = LiveShop(tmp_path / "shop", {"BOOKSTORE_DRAIN_SECONDS": "300"}, options=[])
    shop.run("migrate")
    shop.start()
    try:
        shop.process.send_signal(signal.SIGTERM)
        while httpx.get(f"{shop.url}/readyz").status_code == 200:
            time.sleep(0.05)
        assert shop.stop() == 0
    finally:
        shop.close()


def test_whoever_is_connected_when_the_server_stops_is_answered(tmp_path: Path) -> None:
    """nginx may ask another replica for whoever is refused, not for whoever is dropped with an order in his hand."""
    shop = LiveShop(tmp_path / "shop", {"BOOKSTORE_THREADS": "2"}, options=[])
    shop.run("migrate")
    shop.start()
    try:
        answered: list[str] = []
        with ThreadPoolExecutor(12) as pool:
            visits = [pool.submit(visit_until_refused, shop.port, answered) for _ in range(12)]
            patience = time.monotonic() + 60
            while len(answered) <= 24 and time.monotonic() < patience:
                time.sleep(0.05)
            assert shop.stop() == 0
        assert [visit.result() for visit in visits] == ["refused"] * 12
    finally:
        shop.close()
    assert set(answered) == {"200"}
    assert len(answered) > 24


def visit_until_refused(port: int, answered: list[str]) -> str:
    """One connection after the other, each with one request; keeps what came of those that were let in."""
    while (outcome := visit(port)) != "refused":
        answered.append(outcome)
    return outcome


def visit(port: int) -> str:
    try:
        connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    except ConnectionRefusedError:
        return "refused"
    with connection:
        try:
            connection.sendall(b"GET /accounts/login HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
            answer = connection.makefile("rb").read()
        except OSError as error:
            return type(error).__name__
    return answer.split()[1].decode() if answer else "nothing"
