"""What every test may ask for. The shop in a test is the whole shop on databases of its own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from jinja2 import FileSystemBytecodeCache
from werkzeug.routing import Rule

from bookstore.app import Shop
from bookstore.config import Settings
from tests.database_servers import running
from tests.empty_databases import (
    EmptyDatabases,
    EmptyFiles,
    EmptySchemas,
    chosen_product,
    database_settings,
)
from tests.people import PASSWORD, Person, join, log_in
from tests.topology import open_shop

hypothesis_settings.register_profile(
    "shared-machine",
    deadline=None,  # the machines are shared: a slow example says nothing about the code
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis_settings.load_profile("shared-machine")


# The tests here know no topology, so that the Makefile need not run them in each.
OF_ONE_SERVICE = {
    Path(__file__).parent / "service" / name for name in ("accounts", "catalog", "orders", "orders_pages")
}


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own settings must not reach the tests."""
    for name in list(os.environ):
        if name.startswith("BOOKSTORE_") and not name.startswith("BOOKSTORE_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def _compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Each test has an app of its own; the templates are compiled once for all of them."""
    cache = FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "jinja_options", {"bytecode_cache": cache})
        yield


@pytest.fixture(scope="session", autouse=True)
def _compiled_rules() -> Iterator[None]:
    """werkzeug makes and compiles a function for each route of each app, always the same ones."""
    compile_builder = Rule._compile_builder
    builders: dict[tuple[object, ...], Callable[..., tuple[str, str]]] = {}

    def compile_once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        key = (rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown)
        if key not in builders:
            builders[key] = compile_builder(rule, append_unknown)
        return builders[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", compile_once)
        yield


@pytest.fixture(scope="session")
def empty_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmptyDatabases]:
    """Databases of the product that BOOKSTORE_TEST_DATABASE names: SQLite, or a server of our own."""
    product = chosen_product()
    if product == "sqlite":
        yield EmptyFiles(tmp_path_factory.mktemp("migrated"))
        return
    with running(product) as server:
        yield EmptySchemas(server)


@pytest.fixture
def settings(tmp_path: Path, empty_databases: EmptyDatabases) -> Iterator[Settings]:
    """Settings of a whole shop in a folder of its own, with limits that no test meets by accident."""
    data = tmp_path / "data"
    with database_settings(empty_databases, data) as urls:
        yield Settings(
            data_dir=data,
            secret_key="a secret that only the tests know, 0123456789",
            service_token="what services show one another in the tests, 0123456789",
            registrations_per_address=10_000,
            resets_per_address=10_000,
            login_failures_per_address=10_000,
            neighbor_timeout_seconds=30,
            **urls,
        )


@pytest.fixture
def shop(settings: Settings, request: pytest.FixtureRequest) -> Iterator[Shop]:
    """The whole shop in this process, in the topology of this run."""
    assert OF_ONE_SERVICE.isdisjoint(request.path.parents), "the place of this test is tests/service itself"
    shop = open_shop(settings)
    shop.app.testing = True
    yield shop
    shop.close()


@pytest.fixture
def app(shop: Shop) -> Flask:
    return shop.app


@pytest.fixture
def visitor(app: Flask) -> FlaskClient:
    """A browser of somebody who is not logged in."""
    return app.test_client()


@pytest.fixture
def ana(app: Flask) -> Person:
    """She sells."""
    return join(app, "Ana Sells", "ana@example.com")


@pytest.fixture
def bruno(app: Flask) -> Person:
    """He buys."""
    return join(app, "Bruno Buys", "bruno@example.com")


@pytest.fixture
def carla(app: Flask) -> Person:
    """A stranger to the affairs of the others."""
    return join(app, "Carla Strange", "carla@example.com")


@pytest.fixture
def ada(app: Flask, shop: Shop) -> Person:
    """The admin."""
    from bookstore.accounts import users

    with shop.databases["accounts"].writing() as session:
        user = users.create_admin(session, "Ada Admin", "ada@example.com", PASSWORD)
    return log_in(app, "Ada Admin", "ada@example.com", user.id)
