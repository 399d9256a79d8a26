"""The OpenAPI documents are true: schemathesis sends what they allow and what they do not, to every operation."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from bookstore.accounts import users
from bookstore.app import Shop
from bookstore.config import Settings
from tests.empty_databases import EmptyDatabases, database_settings
from tests.people import PASSWORD, Person, join, log_in
from tests.topology import open_shop

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
EXAMPLES = 25
SERVICES = ["accounts", "catalog", "orders"]


def new_shop(folder: Path, **urls: str) -> Shop:
    return open_shop(
        Settings(
            data_dir=folder,
            secret_key="a secret that only the tests know, 0123456789",
            registrations_per_address=100_000,
            login_failures_per_address=100_000,
            login_failures_per_account=100_000,
            **urls,
        )
    )


class Served:
    """What the tests call: one shop shows its documents, another one with a database runs the calls."""

    app: Flask

    def __call__(self, environ, start_response):
        return self.app(environ, start_response)


SERVED = Served()

# Tests are made from the documents while pytest collects, so the first shop is there before any fixture.
with tempfile.TemporaryDirectory(prefix="bookstore-openapi-") as name:
    SHOWN = new_shop(Path(name))
    SERVED.app = SHOWN.app
    DOCUMENTS = {
        service: schemathesis.openapi.from_wsgi(f"/api/v1/{service}/openapi.json", SERVED)
        for service in SERVICES
    }
    SHOWN.close()


@pytest.fixture(scope="module")
def api_shop(empty_databases: EmptyDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("openapi")
    with database_settings(empty_databases, folder) as urls:
        shop = new_shop(folder, **urls)
        SERVED.app = shop.app
        yield shop
        shop.close()


@pytest.fixture(scope="module")
def caller(api_shop: Shop) -> Person:
    """An admin with a listing, so that every operation has something to work on."""
    with api_shop.databases["accounts"].writing() as session:
        user = users.create_admin(session, "Ada Admin", "ada@example.com", PASSWORD)
    ada = log_in(api_shop.app, "Ada Admin", "ada@example.com", user.id)
    ana = join(api_shop.app, "Ana Sells", "ana@example.com")
    listing = {
        "book": {"title": "Ficciones", "authors": "Jorge Luis Borges", "language": "es"},
        "condition": "good",
        "price": {"amount": "9.50", "currency": "USD"},
        "copies": 100,
    }
    for seller in (ana, ada):
        assert seller.api("POST", "/catalog/listings", listing).status_code == 201
    return ada


quickly = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def _check(case, caller: Person) -> None:
    case.headers["Authorization"] = f"Bearer {caller.api_token}"
    case.call_and_validate(checks=CHECKS)


# Logging out would end the caller's own session in the middle.
@DOCUMENTS["accounts"].exclude(path_regex="/sessions/current$").parametrize()
@quickly
def test_accounts_api(case, caller):
    _check(case, caller)


@DOCUMENTS["catalog"].parametrize()
@quickly
def test_catalog_api(case, caller):
    _check(case, caller)


@DOCUMENTS["orders"].parametrize()
@quickly
def test_orders_api(case, caller):
    _check(case, caller)


@pytest.mark.parametrize("service", SERVICES)
def test_the_document_is_openapi_3_1_and_describes_every_operation(api_shop: Shop, service: str) -> None:
    document = api_shop.app.test_client().get(f"/api/v1/{service}/openapi.json").get_json()
    assert document["openapi"] == "3.1.0"
    operations = [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in {"get", "post", "put", "patch", "delete"}
    ]
    assert len(operations) >= 5
    assert [where for *where, operation in operations if not operation.get("summary")] == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_documentation_shows_every_operation(api_shop: Shop, service: str) -> None:
    client = api_shop.app.test_client()
    document = client.get(f"/api/v1/{service}/openapi.json").get_json()
    page = client.get(f"/api/v1/{service}/docs").get_data(as_text=True)
    assert [path for path in document["paths"] if path not in page] == []
    assert f"/api/v1/{service}/docs" in client.get("/api/docs").get_data(as_text=True)
