"""Accounts alone, on an SQLite file of its own, with the same people as everywhere."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from flask import Flask

from bookstore import accounts
from bookstore.accounts import users
from bookstore.accounts.policy import Policy
from bookstore.shared import access, web
from bookstore.shared.database import Database
from bookstore.shared.edge import WebPolicy
from bookstore.shared.identity import TokenVerifier
from bookstore.wiring import LocalAccounts
from tests.empty_databases import EmptyDatabases
from tests.people import PASSWORD, Person, join, log_in

SERVICE_TOKEN = "what services show one another, 0123456789"

NewApp = Callable[..., Flask]


@pytest.fixture
def database(tmp_path: Path, empty_databases: EmptyDatabases) -> Iterator[Database]:
    with empty_databases.opened("accounts", tmp_path) as database:
        yield database


@pytest.fixture
def policy() -> Policy:
    """Limits that no test meets by accident; a test of a limit states its own."""
    return Policy(
        secret_key="a secret that only the tests know, 0123456789",
        public_url="https://shop.example",
        failures_per_account=1000,
        failures_per_address=1000,
        registrations_per_address=1000,
        resets_per_address=1000,
    )


@pytest.fixture
def new_app(database: Database, policy: Policy) -> NewApp:
    """Makes one more replica of accounts on the same database, with some limits changed."""

    def make(**changed: object) -> Flask:
        own_policy = replace(policy, **changed)
        edge = WebPolicy(secret_key="signs the forms of the tests, 0123456789", service_token=SERVICE_TOKEN)
        translations = [
            Path(str(files(f"bookstore.{name}"))) / "translations" for name in ("shared", "accounts")
        ]
        app = web.new_app(edge, TokenVerifier(LocalAccounts(database, own_policy)), translations)
        app.testing = True
        accounts.register(app, database, own_policy)
        access.require_audiences(app)
        return app

    return make


@pytest.fixture
def app(new_app: NewApp) -> Flask:
    return new_app()


@pytest.fixture
def ada(app: Flask, database: Database) -> Person:
    with database.writing() as session:
        user = users.create_admin(session, "Ada Admin", "ada@example.com", PASSWORD)
    return log_in(app, "Ada Admin", "ada@example.com", user.id)


@pytest.fixture
def bea(app: Flask, database: Database) -> Person:
    """Another admin."""
    with database.writing() as session:
        user = users.create_admin(session, "Bea Admin", "bea@example.com", PASSWORD)
    return log_in(app, "Bea Admin", "bea@example.com", user.id)


@pytest.fixture
def ana(app: Flask) -> Person:
    return join(app, "Ana Sells", "ana@example.com")
