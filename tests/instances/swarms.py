"""A Swarm of five instances behind a load balancer: what it promises, whatever runs on it."""

import json
from collections.abc import Mapping

import httpx

from bookstore.lab import programs
from tests.instances.cloud import Cloud
from tests.instances.images import TAG
from tests.instances.machine import Instance

MANAGERS, WORKERS = 3, 2
SECONDS_TO_FORGET, SECONDS_TO_SPREAD = 120, 240


def bring_up(cloud: Cloud, deployment: str, **settings: str) -> Cloud:
    """The account with the Swarm of this deployment in it, open to people."""
    cloud.open_account(**settings)
    cloud.bring_up(deployment, MANAGERS + WORKERS)
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


def replicas(swarm: Cloud) -> dict[str, str]:
    """How many of how many of each service of the shop are up."""
    told = managers(swarm)[0].run("docker", "service", "ls", "--format", "{{.Name}} {{.Replicas}}")
    found = [line.split()[:2] for line in told.splitlines()]
    return {name.removeprefix("bookstore_"): number for name, number in found}


def assert_whole(swarm: Cloud, expected: Mapping[str, int]) -> None:
    """All nodes are there, and so many replicas of each of these services."""
    found = nodes(swarm)
    assert set(found) == set(swarm.instances)
    assert {state for state, _ in found.values()} == {"Ready"}
    assert sorted(part for _, part in found.values()) == ["", "", "Leader", "Reachable", "Reachable"]
    wanted = {name: f"{number}/{number}" for name, number in expected.items()}
    programs.wait_until(lambda: wanted.items() <= replicas(swarm).items(), SECONDS_TO_SPREAD)
    assert wanted.items() <= replicas(swarm).items(), replicas(swarm)


def assert_deployed(swarm: Cloud, deployment: str, expected: Mapping[str, int]) -> None:
    """Three managers and two workers, the shop on all, migrated and deployed by one of them."""
    assert len(managers(swarm)) == MANAGERS
    assert_whole(swarm, expected)
    for one in swarm.instances.values():
        assert httpx.get(f"http://{one.address}/readyz", timeout=10).status_code == 200
    told = swarm.ask("parameters", f"/bookstore/{deployment}")
    assert told[f"/bookstore/{deployment}/deployed/{TAG}"] == "deployed"
    assert told[f"/bookstore/{deployment}/migrated/{TAG}"] == "migrated"


def assert_workers_have_no_secret(swarm: Cloud) -> None:
    workers = [one for one in swarm.instances.values() if one not in managers(swarm)]
    assert len(workers) == WORKERS
    for one in workers:
        assert not (one.root / "etc/bookstore/secrets").exists()


def lose_the_leader(swarm: Cloud, deployment: str, expected: Mapping[str, int]) -> None:
    """Another manager takes its place, and nobody remembers the one that is gone."""
    leader = next(name for name, (_, part) in nodes(swarm).items() if part == "Leader")
    lost = swarm.instances[leader]
    another = swarm.replace(lost)
    swarm.balance()

    assert another in managers(swarm)
    assert programs.wait_until(lambda: lost.name not in nodes(swarm), SECONDS_TO_FORGET)
    assert_whole(swarm, expected)
    told = swarm.ask("parameters", f"/bookstore/{deployment}/swarm/managers")
    assert {name.rpartition("/")[2] for name in told} == {one.name for one in managers(swarm)}
