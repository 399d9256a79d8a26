"""One deployment at a time on a stand-in for AWS, each from nothing."""

from collections.abc import Iterator

import pytest

from tests.instances.cloud import Cloud, running_cloud


@pytest.fixture(scope="module")
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """With the images of the module's TOPOLOGY, which is one piece where it says nothing else."""
    with running_cloud(getattr(request.module, "TOPOLOGY", "monolith")) as cloud:
        yield cloud
