"""The pages of orders alone: a catalog in memory, the sandbox gateway, people with tokens."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

import bookstore
from bookstore import orders
from bookstore.orders.gateways.sandbox import SandboxGateway
from bookstore.orders.policy import Policy
from bookstore.shared import access
from bookstore.shared.edge import WebPolicy
from bookstore.shared.identity import ADMIN, Identity, TokenVerifier
from bookstore.shared.web import new_app
from tests.empty_databases import EmptyDatabases
from tests.fakes.accounts import FakeAccounts
from tests.fakes.catalog import FakeCatalog
from tests.service.orders.stall import STOCK, Stall
from tests.service.orders_pages.browser import Browser

PACKAGE = Path(bookstore.__file__).parent


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


@pytest.fixture
def accounts() -> FakeAccounts:
    return FakeAccounts()


@pytest.fixture
def app(stall: Stall, accounts: FakeAccounts) -> Flask:
    edge = WebPolicy(secret_key="a secret that only the tests know, 0123456789")
    translations = [PACKAGE / "shared" / "translations", PACKAGE / "orders" / "translations"]
    app = new_app(edge, TokenVerifier(accounts), translations)
    orders.register(app, stall.database, Policy(), stall.catalog, stall.gateway)
    access.require_audiences(app)
    app.testing = True
    return app


@pytest.fixture
def browser_of(app: Flask, accounts: FakeAccounts) -> Callable[..., Browser]:
    """A browser in which somebody is logged in."""

    def browser_of(name: str, locale: str = "en", admin: bool = False) -> Browser:
        roles = frozenset({ADMIN}) if admin else frozenset()
        who = Identity(name, name.title(), f"{name}@example.com", locale, f"session-of-{name}", roles)
        browser = Browser(app)
        browser.log_in(accounts.token(who))
        return browser

    return browser_of


@pytest.fixture
def visitor(app: Flask) -> Browser:
    return Browser(app)


@pytest.fixture
def bruno(browser_of: Callable[..., Browser]) -> Browser:
    """He buys."""
    return browser_of("bruno")


@pytest.fixture
def ana(browser_of: Callable[..., Browser]) -> Browser:
    """She sells."""
    return browser_of("ana")


@pytest.fixture
def carla(browser_of: Callable[..., Browser]) -> Browser:
    """A stranger to the orders of the others."""
    return browser_of("carla")


@pytest.fixture
def ada(browser_of: Callable[..., Browser]) -> Browser:
    """The admin."""
    return browser_of("ada", admin=True)
