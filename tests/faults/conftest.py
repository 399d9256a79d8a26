"""The shop as three services, and what people do in it."""

from collections.abc import Iterator

import pytest

from bookstore.config import Settings
from tests.faults.split_shop import SplitShop, split_shop


@pytest.fixture
def split(settings: Settings) -> Iterator[SplitShop]:
    with split_shop(settings) as shop:
        yield shop
