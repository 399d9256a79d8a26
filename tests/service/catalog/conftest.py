"""The catalog alone on an SQLite file of its own, with its three people and accounts faked."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bookstore.shared import migrations
from bookstore.shared.database import Database


@pytest.fixture(scope="session")
def migrated_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated database file, made once and copied for each test."""
    path = tmp_path_factory.mktemp("catalog") / "catalog.sqlite3"
    database = Database("catalog", f"sqlite:///{path}")
    migrations.upgrade(database)
    database.close()
    return path


@pytest.fixture
def database(tmp_path: Path, migrated_catalog: Path) -> Iterator[Database]:
    path = tmp_path / "catalog.sqlite3"
    shutil.copyfile(migrated_catalog, path)
    database = Database("catalog", f"sqlite:///{path}")
    yield database
    database.close()
