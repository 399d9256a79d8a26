"""Five instances make a Swarm of themselves and deploy the shop on it; a manager is lost and another takes its place."""

import json
import time

import httpx
import pytest

from bookstore.lab import programs
from tests.instances.cloud import TAG, Cloud
from tests.instances.machine import Instance

MANAGERS, WORKERS, REPLICAS = 3, 2, 8
SECONDS_TO_FORGET = 120


@pytest.fixture(scope="module")
def swarm(cloud: Cloud) -> Cloud:
    cloud.open_account()
    print(cloud.operate("swarm", "apply"))
    cloud.let_the_operator_in()
    began = time.monotonic()
    instances = cloud.start_new_instances()
    assert len(instances) == MANAGERS + WORKERS
    cloud.wait_until_ready(instances)
    print(
        f"\nfive instances are a Swarm with the shop on it {time.monotonic() - began:.0f} s after their start"
    )
    cloud.balance()
    return cloud


def managers(swarm: Cloud) -> list[Instance]:
    """Those whose user data says that they are."""
    return [
        one
        for one in swarm.instances.values()
        if "NODE_KIND='manager'" in (one.root / "etc/bookstore/instance.env").read_text()
    ]


def nodes(swarm: Cloud) -> dict[str, tuple[str, str]]:
    """The state and the part in deciding of each node, as a manager sees it."""
    told = managers(swarm)[0].run("docker", "node", "ls", "--format", "{{json .}}")
    found = [json.loads(line) for line in told.splitlines()]
    return {one["Hostname"]: (one["Status"], one["ManagerStatus"]) for one in found}


def replicas(swarm: Cloud, service: str) -> str:
    name = f"bookstore_{service}"
    format = ["--filter", f"name={name}", "--format", "{{.Name}} {{.Replicas}}"]
    told = managers(swarm)[0].run("docker", "service", "ls", *format).split("\n")
    (line,) = [line for line in told if line.startswith(f"{name} ")]
    return line.split()[1]


def assert_whole(swarm: Cloud) -> None:
    found = nodes(swarm)
    assert set(found) == set(swarm.instances)
    assert {state for state, _ in found.values()} == {"Ready"}
    parts = sorted(part for _, part in found.values())
    assert parts == ["", "", "Leader", "Reachable", "Reachable"]
    assert programs.wait_until(lambda: replicas(swarm, "app") == f"{REPLICAS}/{REPLICAS}", 120)
    assert programs.wait_until(lambda: replicas(swarm, "edge") == "5/5", 120)


def test_it_has_three_managers_and_two_workers_and_the_shop_on_all(swarm: Cloud) -> None:
    assert len(managers(swarm)) == MANAGERS
    assert_whole(swarm)
    for one in swarm.instances.values():
        assert httpx.get(f"http://{one.address}/readyz", timeout=10).status_code == 200
    told = swarm.ask("parameters", "/bookstore/swarm")
    assert told[f"/bookstore/swarm/deployed/{TAG}"] == "deployed"
    assert told[f"/bookstore/swarm/migrated/{TAG}"] == "migrated"


def test_workers_have_no_secret_of_the_shop(swarm: Cloud) -> None:
    workers = [one for one in swarm.instances.values() if one not in managers(swarm)]
    assert len(workers) == WORKERS
    for one in workers:
        assert not (one.root / "etc/bookstore/secrets").exists()


def test_a_manager_is_lost_and_another_takes_its_place(swarm: Cloud) -> None:
    leader = next(name for name, (_, part) in nodes(swarm).items() if part == "Leader")
    lost = swarm.instances[leader]
    began = time.monotonic()
    swarm.break_down(lost)
    (another,) = swarm.start_new_instances()
    swarm.wait_until_ready([another])
    swarm.balance()
    print(f"\nanother manager is in the Swarm and serves {time.monotonic() - began:.0f} s after the loss")

    assert another in managers(swarm)
    assert programs.wait_until(lambda: lost.name not in nodes(swarm), SECONDS_TO_FORGET)
    assert_whole(swarm)
    told = swarm.ask("parameters", "/bookstore/swarm/swarm/managers")
    assert {name.rpartition("/")[2] for name in told} == {one.name for one in managers(swarm)}
