"""An orders service of its own for each test, on SQLite files."""

import shutil
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from flask import Flask

from bookstore import orders
from bookstore.orders.gateways.sandbox import SandboxGateway
from bookstore.orders.runtime import EXTENSION, Runtime
from bookstore.shared import migrations
from bookstore.shared.database import Database
from bookstore.shared.edge import WebPolicy
from bookstore.shared.identity import TokenVerifier
from bookstore.shared.web import new_app
from tests.fakes.accounts import FakeAccounts
from tests.fakes.catalog import FakeCatalog
from tests.service.orders.api_caller import Caller
from tests.service.orders.stall import PATIENCE, STOCK, Stall

ACCOUNTS = FakeAccounts()


@pytest.fixture(scope="session")
def empty_orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database without orders, made once."""
    path = tmp_path_factory.mktemp("orders") / "orders.sqlite3"
    database = Database("orders", f"sqlite:///{path}")
    migrations.upgrade(database)
    database.close()
    return path


@pytest.fixture
def stall(tmp_path: Path, empty_orders: Path) -> Iterator[Stall]:
    """Ana sells listing 1 (3 copies at 12.50) and 2 (5 at 8.00), Carla sells 3 (2 at 20.00)."""
    shutil.copy(empty_orders, tmp_path / "orders.sqlite3")
    database = Database("orders", f"sqlite:///{tmp_path / 'orders.sqlite3'}")
    gateway = SandboxGateway(f"sqlite:///{tmp_path / 'gateway.sqlite3'}")
    catalog = FakeCatalog()
    catalog.offer(1, "Pedro Páramo", "12.50", STOCK[1])
    catalog.offer(2, "Rayuela", "8.00", STOCK[2])
    catalog.offer(3, "Sab", "20.00", STOCK[3], seller_id="carla", seller_name="Carla Strange")
    yield Stall(database, catalog, gateway)
    database.close()
    gateway.close()


@pytest.fixture(scope="session")
def api_app(empty_orders: Path) -> Flask:
    """The web app of orders, made once; each test puts its own stall behind it."""
    edge = WebPolicy(secret_key="a secret that only the tests know, 0123456789")
    translations = [Path(str(files("bookstore.orders"))) / "translations"]
    app = new_app(edge, TokenVerifier(ACCOUNTS), translations)
    database = Database("orders", f"sqlite:///{empty_orders}")
    orders.register(app, database, PATIENCE, FakeCatalog(), SandboxGateway("sqlite://"))
    app.testing = True
    return app


@pytest.fixture
def at_api(stall: Stall, api_app: Flask) -> Callable[[str | None], Caller]:
    """Gives anybody access to the API of this orders service."""
    api_app.extensions[EXTENSION] = Runtime(stall.database, stall.policy, stall.catalog, stall.gateway)
    return lambda name: Caller(api_app.test_client(), ACCOUNTS, name)
