"""The catalog alone on a database of its own, with its three people and accounts faked."""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask

from bookstore import catalog
from bookstore.catalog.policy import Policy
from bookstore.catalog.runtime import photo_folder
from bookstore.catalog.search import Search
from bookstore.shared import access, web
from bookstore.shared.database import Database
from bookstore.shared.edge import WebPolicy
from bookstore.shared.identity import TokenVerifier
from tests.empty_databases import EmptyDatabases
from tests.people import Person
from tests.service.catalog.fake_accounts import FakeAccounts
from tests.service.catalog.stock import ANA, CARLA

SERVICE_TOKEN = "what services show one another in the tests, 0123456789"


@pytest.fixture
def database(tmp_path: Path, empty_databases: EmptyDatabases) -> Iterator[Database]:
    with empty_databases.opened("catalog", tmp_path) as database:
        yield database


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return Policy(media_dir=tmp_path / "media", max_upload_bytes=1024 * 1024)


@pytest.fixture
def accounts() -> FakeAccounts:
    return FakeAccounts()


@pytest.fixture
def app(database: Database, policy: Policy, accounts: FakeAccounts) -> Flask:
    """A web server that runs the catalog and nothing else."""
    translations = [Path(str(catalog.__file__)).parent / "translations"]
    edge = WebPolicy(secret_key="a secret that only the tests know", service_token=SERVICE_TOKEN)
    app = web.new_app(edge, TokenVerifier(accounts), translations)
    index = policy.media_dir.parent / "search"
    catalog.register(app, database, policy, Search(database, index, policy.currency))
    access.require_audiences(app)
    app.testing = True
    return app


@pytest.fixture
def ana(app: Flask, accounts: FakeAccounts) -> Person:
    """She sells."""
    return _person(app, accounts, ANA.id, ANA.name)


@pytest.fixture
def carla(app: Flask, accounts: FakeAccounts) -> Person:
    """A stranger to the affairs of the others."""
    return _person(app, accounts, CARLA.id, CARLA.name)


@dataclass
class Disk:
    """Whether there is room left on it."""

    is_full: bool


@dataclass(frozen=True)
class Media:
    """The folder of photos, as a test looks into it."""

    folder: Path

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()} if self.folder.exists() else set()


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch, policy: Policy) -> Disk:
    """The disk under the folder of photos, on which half of a file still fits."""
    disk, write = Disk(is_full=True), Path.write_bytes

    def write_what_fits(path: Path, data: bytes) -> int:
        if not disk.is_full or not path.is_relative_to(policy.media_dir):
            return write(path, data)
        write(path, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_bytes", write_what_fits)
    return disk


@pytest.fixture
def media(policy: Policy) -> Media:
    return Media(photo_folder(policy).folder)


def _person(app: Flask, accounts: FakeAccounts, user_id: str, name: str) -> Person:
    token = accounts.token(user_id, name)
    browser = app.test_client()
    browser.set_cookie("bookstore_token", token)
    return Person(name, f"{name.split()[0].lower()}@example.com", user_id, browser, token, app)
