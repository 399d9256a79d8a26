"""The lab, up once for all tests with the monolith on it, and gone afterwards."""

from collections.abc import Iterator

import pytest

from tests.swarm.running_lab import RunningLab, running_lab


@pytest.fixture(scope="session")
def lab() -> Iterator[RunningLab]:
    with running_lab() as lab:
        yield lab


@pytest.fixture
def monolith(lab: RunningLab) -> RunningLab:
    """The shop in one piece, version one, whole and spread over all five nodes."""
    lab.be_monolith()
    return lab


@pytest.fixture
def services(lab: RunningLab) -> RunningLab:
    """The shop as three services, version one."""
    lab.be_services()
    return lab
