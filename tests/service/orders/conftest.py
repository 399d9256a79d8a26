"""An orders service of its own for each test, on databases of its own."""

from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from flask import Flask

from bookstore import orders
from bookstore.orders.gateways.sandbox import SandboxGateway
from bookstore.orders.runtime import EXTENSION, Runtime
from bookstore.shared.database import Database
from bookstore.shared.edge import WebPolicy
from bookstore.shared.identity import TokenVerifier
from bookstore.shared.web import new_app
from tests.empty_databases import EmptyDatabases
from tests.fakes.accounts import FakeAccounts
from tests.fakes.catalog import FakeCatalog
from tests.service.orders.api_caller import Caller
from tests.service.orders.stall import PATIENCE, STOCK, Stall

ACCOUNTS = FakeAccounts()


@pytest.fixture
def stall(tmp_path: Path, empty_databases: EmptyDatabases) -> Iterator[Stall]:
    """Ana sells listing 1 (3 copies at 12.50) and 2 (5 at 8.00), Carla sells 3 (2 at 20.00)."""
    gateway = SandboxGateway(f"sqlite:///{tmp_path / 'gateway.sqlite3'}")
    catalog = FakeCatalog()
    catalog.offer(1, "Pedro Páramo", "12.50", STOCK[1])
    catalog.offer(2, "Rayuela", "8.00", STOCK[2])
    catalog.offer(3, "Sab", "20.00", STOCK[3], seller_id="carla", seller_name="Carla Strange")
    with empty_databases.opened("orders", tmp_path) as database:
        yield Stall(database, catalog, gateway)
    gateway.close()


@pytest.fixture(scope="session")
def api_app() -> Flask:
    """The web app of orders, made once; each test puts its own stall behind it."""
    edge = WebPolicy(secret_key="a secret that only the tests know, 0123456789")
    translations = [Path(str(files("bookstore.orders"))) / "translations"]
    app = new_app(edge, TokenVerifier(ACCOUNTS), translations)
    orders.register(
        app, Database("orders", "sqlite://"), PATIENCE, FakeCatalog(), SandboxGateway("sqlite://")
    )
    app.testing = True
    return app


@pytest.fixture
def at_api(stall: Stall, api_app: Flask) -> Callable[[str | None], Caller]:
    """Gives anybody access to the API of this orders service."""
    api_app.extensions[EXTENSION] = Runtime(stall.database, stall.policy, stall.catalog, stall.gateway)
    return lambda name: Caller(api_app.test_client(), ACCOUNTS, name)
