from collections.abc import Iterator
from pathlib import Path

import pytest

from bookstore.app import Shop
from tests.people import Person
from tests.service.moving.busy_shop import Buying, keep_busy
from tests.service.moving.mariadb import MariaDb, running


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    """A MariaDB server for the tests of this folder."""
    with running(tmp_path_factory.mktemp("mariadb") / "server") as server:
        yield server


@pytest.fixture
def bought(shop: Shop, ana: Person, bruno: Person) -> Buying:
    """A shop in which everything has happened that can."""
    return keep_busy(shop, ana, bruno)


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A folder that data are moved to."""
    return tmp_path / "there"
