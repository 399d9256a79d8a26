import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bookstore.app import create_shop
from bookstore.config import Settings
from bookstore.shared import migrations
from tests.database_servers import DatabaseServer, running
from tests.people import join
from tests.service.moving.busy_shop import Buying, keep_busy


@pytest.fixture(scope="session")
def mariadb() -> Iterator[DatabaseServer]:
    """A MariaDB server for the tests of this folder."""
    with running("mariadb") as server:
        yield server


@pytest.fixture(scope="session")
def busy_folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Buying]:
    """The data of a shop in which everything has happened that can, made once."""
    folder = tmp_path_factory.mktemp("busy") / "data"
    shop = create_shop(settings_of(folder))
    for database in shop.databases.values():
        migrations.upgrade(database)
    ana = join(shop.app, "Ana Sells", "ana@example.com")
    bruno = join(shop.app, "Bruno Buys", "bruno@example.com")
    bought = keep_busy(shop, ana, bruno)
    shop.close()
    return folder, bought


def settings_of(folder: Path) -> Settings:
    return Settings(
        data_dir=folder,
        secret_key="a secret that only the tests know, 0123456789",
        service_token="what services show one another in the tests, 0123456789",
    )


@pytest.fixture
def settings(tmp_path: Path, busy_folder: tuple[Path, Buying]) -> Settings:
    """The busy shop's own copy for each test."""
    shutil.copytree(busy_folder[0], tmp_path / "data")
    return settings_of(tmp_path / "data")


@pytest.fixture
def bought(busy_folder: tuple[Path, Buying]) -> Buying:
    return busy_folder[1]


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A folder that data are moved to."""
    return tmp_path / "there"
