"""Connections that say nothing keep nobody waiting."""

import socket
from contextlib import ExitStack, closing

import httpx

from tests.cluster.live_shop import LiveShop

SILENT = 100


def test_silent_connections_keep_nobody_waiting(live_shop: LiveShop) -> None:
    with ExitStack() as open_connections:
        silent = [
            open_connections.enter_context(closing(socket.create_connection(("127.0.0.1", live_shop.port))))
            for _ in range(SILENT)
        ]
        # A thread that waits for each of them in turn would take half a minute for these.
        for _ in range(20):
            assert httpx.get(f"{live_shop.url}/livez", timeout=10).status_code == 200

        silent[-1].sendall(b"GET /livez HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
        silent[-1].settimeout(10)
        assert silent[-1].recv(100).startswith(b"HTTP/1.1 200 OK")
