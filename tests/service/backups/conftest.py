from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bookstore.config import Settings
from bookstore.shared import migrations
from bookstore.shared.database import Database
from tests.database_servers import DatabaseServer, running
from tests.service.moving.conftest import bought, busy_folder, settings

__all__ = ["bought", "busy_folder", "settings"]

KEY = "a key of backups that only the tests know, 42"


@pytest.fixture(scope="session")
def mariadb() -> Iterator[DatabaseServer]:
    """A MariaDB server for the tests of this folder."""
    with running("mariadb") as server:
        yield server


@pytest.fixture
def place(settings: Settings, tmp_path: Path) -> Settings:
    """An empty place to restore to."""
    return replace(settings, data_dir=tmp_path / "place")


@pytest.fixture
def sealed(settings: Settings) -> Settings:
    """The busy shop with a key for its backups."""
    return replace(settings, backup_key=KEY)


def on_server(settings: Settings, server: DatabaseServer, name: str) -> Settings:
    """These settings with an empty, migrated schema for each service."""
    urls = {}
    for service in settings.services:
        url = server.create_schema(f"{name}_{service}")
        database = Database(service, url)
        migrations.upgrade(database)
        database.close()
        urls[f"{service}_database_url"] = url
    return replace(settings, **urls)
