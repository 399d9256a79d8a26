"""An orders service of its own for each test, on SQLite files."""

import shutil
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from bookstore import orders
from bookstore.orders.gateways.sandbox import SandboxGateway
from bookstore.shared import migrations
from bookstore.shared.database import Database
from bookstore.shared.edge import WebPolicy
from bookstore.shared.identity import TokenVerifier
from bookstore.shared.web import new_app
from tests.fakes.accounts import FakeAccounts
from tests.fakes.catalog import FakeCatalog
from tests.service.orders.api_caller import Caller
from tests.service.orders.stall import STOCK, Stall


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


@pytest.fixture
def at_api(stall: Stall) -> Callable[[str | None], Caller]:
    """Gives anybody access to the API of this orders service."""
    accounts = FakeAccounts()
    edge = WebPolicy(secret_key="a secret that only the tests know, 0123456789")
    translations = [Path(str(files("bookstore.orders"))) / "translations"]
    app = new_app(edge, TokenVerifier(accounts), translations)
    orders.register(app, stall.database, stall.policy, stall.catalog, stall.gateway)
    app.testing = True
    return lambda name: Caller(app.test_client(), accounts, name)
