"""How this run of the tests puts the shop together: BOOKSTORE_TEST_TOPOLOGY is `monolith` or `services`.

A test asks for a shop and does not know. In `services` it gets three apps with one service each, which reach
one another over sockets and know no more of one another than processes would; whatever the test sends goes to
the one that nginx would choose.
"""

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from bookstore.app import Shop, create_shop
from bookstore.config import SERVICES, Settings

TOPOLOGIES = ("monolith", "services")
PREFIXES = {
    "accounts": ("/accounts/", "/api/v1/accounts/", "/.well-known/jwks.json", "/internal/accounts/"),
    "orders": ("/orders/", "/api/v1/orders/", "/internal/orders/"),
}


def topology() -> str:
    """The topology of this run. Raises ValueError for one that does not exist."""
    chosen = os.environ.get("BOOKSTORE_TEST_TOPOLOGY", "monolith")
    if chosen not in TOPOLOGIES:
        raise ValueError(f"BOOKSTORE_TEST_TOPOLOGY is {chosen!r}; it may be {' or '.join(TOPOLOGIES)}")
    return chosen


def open_shop(settings: Settings) -> Shop:
    """The whole shop with these settings, in this process, in the topology of this run."""
    return create_shop(settings) if topology() == "monolith" else _open_services(settings)


def service_of(path: str) -> str:
    """Which service nginx would send this to; neighbors, who do not pass nginx, ask the one they name."""
    found = (name for name, prefixes in PREFIXES.items() if f"{path}/".startswith(prefixes))
    return next(found, "catalog")


@dataclass(frozen=True)
class ServicesShop(Shop):
    """Three apps that look like one."""

    servers: list[BaseWSGIServer]
    shops: list[Shop]

    def close(self) -> None:
        for server in self.servers:
            server.shutdown()
            server.server_close()
        for shop in self.shops:
            shop.close()


def _open_services(settings: Settings) -> Shop:
    apps: dict[str, Flask] = {}
    servers = {name: _serve(apps, name) for name in SERVICES}
    ports = {name: server.server_port for name, server in servers.items()}
    shops = [create_shop(_alone(settings, name, ports)) for name in SERVICES]
    apps |= {shop.settings.services[0]: shop.app for shop in shops}

    def like_nginx(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return apps[service_of(environ["PATH_INFO"])].wsgi_app(environ, start_response)

    front = _looks_like_one(list(apps.values()))
    front.wsgi_app = like_nginx  # type: ignore[method-assign]
    return ServicesShop(
        settings=settings,
        app=front,
        databases={name: database for shop in shops for name, database in shop.databases.items()},
        jobs=[job for shop in shops for job in shop.jobs],
        neighbors={},
        vital_signs=[sign for shop in shops for sign in shop.vital_signs],
        tracing=None,
        servers=list(servers.values()),
        shops=shops,
    )


def _serve(apps: Mapping[str, Flask], name: str) -> BaseWSGIServer:
    """The address where its neighbors reach this service, which is opened when all addresses are known."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return apps[name].wsgi_app(environ, start_response)

    server = make_server("127.0.0.1", 0, answer, threaded=True, request_handler=_Silent)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


def _alone(settings: Settings, service: str, ports: Mapping[str, int]) -> Settings:
    """The settings of one service: no database but its own, and its neighbors at an address."""
    others = [name for name in SERVICES if name != service]
    urls = {f"{name}_url": f"http://127.0.0.1:{ports[name]}" for name in others}
    databases = {f"{name}_database_url": "" for name in others}
    token = settings.service_token or "what services show one another in the tests, 0123456789"
    public_url = settings.effective_public_url()
    known = {"services": (service,), "service_token": token, "public_url": public_url}
    return replace(settings, **known, **urls, **databases)


def _looks_like_one(apps: list[Flask]) -> Flask:
    """An app with the routes and the registries of all of them."""
    front = Flask("bookstore.shared", static_folder=None)
    for app in apps:
        front.config.update(app.config)
        front.extensions.update(app.extensions)
        known = {(rule.rule, rule.endpoint) for rule in front.url_map.iter_rules()}
        for rule in app.url_map.iter_rules():
            if (rule.rule, rule.endpoint) not in known:
                front.url_map.add(rule.empty())
        front.view_functions.update(app.view_functions)
    return front


class _Silent(WSGIRequestHandler):
    """The services log their requests themselves."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass
