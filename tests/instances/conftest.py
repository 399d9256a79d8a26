"""One deployment at a time on a stand-in for AWS, each from nothing."""

from collections.abc import Iterator

import pytest

from tests.instances.cloud import Cloud, running_cloud


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running_cloud("monolith") as cloud:
        yield cloud
