from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.live_shop import LiveShop


@pytest.fixture
def live_shop(tmp_path: Path) -> Iterator[LiveShop]:
    """A migrated shop that is being served."""
    shop = LiveShop(tmp_path / "live")
    shop.run("migrate")
    shop.start()
    yield shop
    shop.close()
