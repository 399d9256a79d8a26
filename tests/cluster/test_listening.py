"""A server that accepts a connection can answer: before it can, callers are refused and ask another replica."""

import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx

from tests.cluster.live_shop import START_SECONDS, LiveShop


def test_whoever_is_let_in_is_answered_at_once(tmp_path: Path) -> None:
    shop = LiveShop(tmp_path / "shop", {"BOOKSTORE_THREADS": "4"}, options=[])
    shop.run("migrate")
    with (tmp_path / "log").open("wb") as log:
        shop.process = subprocess.Popen(
            [sys.executable, "-m", "bookstore.cli", "serve"],
            env=shop._environ(),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        refused, waited = knock(shop.port)
        assert refused > 10
        answered_at = time.monotonic()
        assert httpx.get(f"{shop.url}/readyz", timeout=30).status_code == 200
        # Loading takes longer than an answer, on whatever machine: that wait was before the door.
        assert time.monotonic() - answered_at < waited
    finally:
        shop.close()


def knock(port: int) -> tuple[int, float]:
    """How often and how many seconds a caller was refused until the first connection."""
    began, refused = time.monotonic(), 0
    while time.monotonic() < began + START_SECONDS:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return refused, time.monotonic() - began
        refused += 1
        time.sleep(0.01)
    raise AssertionError("nobody listened")
