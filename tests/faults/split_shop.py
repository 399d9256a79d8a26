"""The shop as three services in this process, each with a server of its own, and a faulty wire between them."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask
from werkzeug.serving import make_server
from werkzeug.test import Client

from bookstore.app import Shop, create_shop
from bookstore.config import Settings
from bookstore.shared.worker import Job
from tests.faults.fault_proxy import Fault, FaultProxy

# Small, so that waiting for somebody who does not answer does not take the tests long.
SHORT = {
    "neighbor_connect_timeout_seconds": 0.5,
    "neighbor_timeout_seconds": 1.5,
    "neighbor_call_seconds": 3.0,
    "neighbor_rest_seconds": 0.3,
}


@dataclass
class SplitShop:
    """Three services; `proxies` stand before accounts and the catalog, on the way of their neighbors."""

    settings: Settings
    shops: dict[str, Shop]
    proxies: dict[str, FaultProxy]

    def break_with(self, fault: Fault, *services: str) -> None:
        for service in services or self.proxies:
            self.proxies[service].break_with(fault)

    def heal(self) -> None:
        for proxy in self.proxies.values():
            proxy.heal()

    @property
    def jobs(self) -> list[Job]:
        return [job for shop in self.shops.values() for job in shop.jobs]

    @property
    def databases(self) -> dict[str, Any]:
        return {service: shop.databases[service] for service, shop in self.shops.items()}

    def app_of(self, path: str) -> Flask:
        """Which service answers this path, as the reverse proxy decides it."""
        for service in ("accounts", "orders"):
            if path.startswith((f"/{service}/", f"/api/v1/{service}", f"/internal/{service}")):
                return self.shops[service].app
        return self.shops["accounts" if path.startswith("/.well-known/") else "catalog"].app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        return self.app_of(environ["PATH_INFO"])(environ, start_response)

    def test_client(self) -> Client:
        """A browser that sees one shop."""
        return Client(self)


@contextmanager
def split_shop(settings: Settings, **changed: Any) -> Iterator[SplitShop]:
    """The three services over the databases of `settings`."""
    settings = replace(settings, **{**SHORT, **changed})
    with ExitStack() as ends:
        shops: dict[str, Shop] = {}
        proxies: dict[str, FaultProxy] = {}
        for service in ("accounts", "catalog", "orders"):
            urls = {f"{name}_url": f"http://127.0.0.1:{proxy.port}" for name, proxy in proxies.items()}
            shops[service] = create_shop(replace(settings, services=(service,), **urls))
            ends.callback(shops[service].close)
            if service != "orders":
                proxies[service] = ends.enter_context(FaultProxy(_serve(shops[service].app, ends)))
        yield SplitShop(settings, shops, proxies)


def _serve(app: Flask, ends: ExitStack) -> int:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads = True  # type: ignore[attr-defined]
    server.block_on_close = False  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)

    ends.callback(stop)
    return server.server_port
