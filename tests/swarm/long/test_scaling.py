"""More replicas do more, and the autoscaler has as many of them run as there is work."""

import json
from collections.abc import Iterator

import pytest

from bookstore.lab import engines, shop
from tests.swarm.crowd import Crowd
from tests.swarm.running_lab import ONE, REPLICAS, RunningLab
from tests.swarm.under_load import wait_until

# All nodes share the processors of one machine: with more than this the machine would be measured, not the replicas.
CPU_SHARE = "0.12"
COUNTS = (8, 4, 2, 1)
PEOPLE = 24
CROWD = 40
WARM_UP_SECONDS, MEASURED_SECONDS = 5, 15
FEWEST, MOST = 2, 6
# Short periods, so that the ramp takes minutes.
AUTOSCALED = {
    "AUTOSCALE_MIN": str(FEWEST),
    "AUTOSCALE_MAX": str(MOST),
    "AUTOSCALE_TARGET": "2",
    "AUTOSCALE_P95": "20",
    "BOOKSTORE_AUTOSCALE_EVERY_SECONDS": "2",
    "BOOKSTORE_AUTOSCALE_UP_SECONDS": "6",
    "BOOKSTORE_AUTOSCALE_DOWN_SECONDS": "14",
}
SERVICE = f"{shop.STACK}_app"
PATIENCE_SECONDS = 240


def test_more_replicas_do_more(monolith: RunningLab) -> None:
    rates = {}
    try:
        monolith.wait_until_whole()
        _hold(monolith, CPU_SHARE)
        with Crowd(monolith.url, monolith.authority, PEOPLE) as crowd:
            for count in COUNTS:
                monolith.command("scale", f"app={count}")
                _wait_for(monolith, count)
                crowd.rate(WARM_UP_SECONDS)
                rates[count] = crowd.rate(MEASURED_SECONDS)
    finally:
        _hold(monolith, "1.0")
        monolith.command("scale", f"app={REPLICAS}")
    print(f"\n{CPU_SHARE} of a processor each: ", end="")
    print(", ".join(f"{count} replicas {rates[count]:.0f} pages/s" for count in sorted(rates)))
    assert crowd.failures == []
    assert rates[2] > 1.3 * rates[1]
    assert rates[4] > 1.3 * rates[2]
    assert rates[8] > 3 * rates[1]


@pytest.fixture
def autoscaled(monolith: RunningLab, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningLab]:
    """The shop with the autoscaler beside it; afterwards without, and as many replicas as before."""
    for name, value in AUTOSCALED.items():
        monkeypatch.setenv(name, value)
    try:
        print(monolith.deploy(ONE, "--autoscale"))
        yield monolith
    finally:
        monolith.deploy(ONE, "--no-autoscale")
        monolith.wait_until_whole()


def test_the_autoscaler_follows_the_load_between_its_bounds(autoscaled: RunningLab) -> None:
    lab = autoscaled
    # Eight are more than it may have, and six are more than an idle shop needs.
    wait_until(lambda: _wanted(lab) == FEWEST, PATIENCE_SECONDS)
    _wait_for(lab, FEWEST)
    stayed = {container for _, container in lab.containers("app")}
    with Crowd(lab.url, lab.authority, 1) as crowd:
        crowd.rate(WARM_UP_SECONDS)
        crowd.people = CROWD
        wait_until(lambda: lab.healthy() == MOST, PATIENCE_SECONDS)
        assert stayed < {container for _, container in lab.containers("app")}, "a replica was replaced"

        print(lab.deploy(ONE))
        assert _wanted(lab) == MOST, "the deployment did not keep the number"

        crowd.people = 1
        wait_until(lambda: _wanted(lab) == FEWEST, PATIENCE_SECONDS)
    changes = _changes(lab)
    for one in changes:
        print(f"{one['timestamp']} {one['action']} {one['replicas']} -> {one['wanted']}: {one['reason']}")
    print(f"{crowd.answered} pages, {len(crowd.failures)} failed")
    assert crowd.failures == []
    assert changes[0]["why"] == "bounds"
    numbers = [one["wanted"] for one in changes]
    fewest, most = numbers.index(FEWEST), numbers.index(MOST, 1)
    up = numbers[fewest : most + 1]
    assert up == sorted(up)
    one_at_a_time = list(range(MOST, FEWEST - 1, -1))
    assert numbers[: fewest + 1] == one_at_a_time
    assert numbers[most:] == one_at_a_time


def _hold(lab: RunningLab, cpus: str) -> None:
    """Give each replica that runs this share of a processor. The Swarm knows nothing of it."""
    for node, container in lab.containers("app"):
        engines.docker(node.engine, "update", "--cpus", cpus, container)


def _wait_for(lab: RunningLab, count: int) -> None:
    """Until so many replicas run, and those that are too many have finished what they had."""
    wait_until(lambda: len(lab.containers("app")) == count, PATIENCE_SECONDS)


def _wanted(lab: RunningLab) -> int:
    [service] = [one for one in lab.sight().services if one.name == SERVICE]
    assert service.replicas is not None
    return service.replicas


def _changes(lab: RunningLab) -> list[dict[str, object]]:
    """The decisions of the autoscaler that changed something, in the order of their time."""
    lines = [
        json.loads(line)
        for line in lab.command("logs", "autoscaler", "--tail", "1000").splitlines()
        if "{" in line
    ]
    changes = [line for line in lines if line.get("service") == SERVICE and line["action"] in {"up", "down"}]
    return sorted(changes, key=lambda line: str(line["timestamp"]))
