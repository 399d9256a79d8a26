from collections.abc import Iterator
from pathlib import Path

import pytest

from bookstore.config import variable
from tests.cluster.live_shop import LiveShop
from tests.empty_databases import EmptyDatabases, database_settings


@pytest.fixture
def live_shop(tmp_path: Path, empty_databases: EmptyDatabases) -> Iterator[LiveShop]:
    """A migrated shop that is being served."""
    with database_settings(empty_databases, tmp_path / "live") as urls:
        shop = LiveShop(tmp_path / "live", {variable(name): url for name, url in urls.items()})
        shop.run("migrate")
        shop.start()
        yield shop
        shop.close()
