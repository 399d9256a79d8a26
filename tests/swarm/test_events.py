"""What happens to a cluster, each under a steady load of which nothing may fail.

Every run prints its requests, its failures, and the seconds until all replicas are healthy again.
"""

import os
import signal
import time

from bookstore.lab import cluster, engines
from tests.swarm.running_lab import BROKEN, ONE, REPLICAS, TWO, RunningLab
from tests.swarm.under_load import under_load, wait_until


def test_another_version_and_the_way_back(monolith: RunningLab) -> None:
    under_load(monolith, "rolling update", lambda: print(monolith.deploy(TWO)))
    assert monolith.versions("app") == monolith.versions("worker") == {TWO}

    under_load(monolith, "rollback", lambda: print(monolith.command("rollback", *monolith.visitor())))
    assert monolith.versions("app") == monolith.versions("worker") == {ONE}


def test_a_version_that_ends_at_once_is_taken_back(monolith: RunningLab) -> None:
    said: list[str] = []
    under_load(monolith, "broken version", lambda: said.append(monolith.deploy(BROKEN, check=False)))
    print(said[0])
    assert "version broken was taken back" in said[0]
    assert "broken beyond repair" in said[0]
    assert said[0].endswith("exit 1\n")
    assert monolith.versions("app") == monolith.versions("worker") == {ONE}


def test_replicas_that_are_killed(monolith: RunningLab) -> None:
    def kill_three() -> None:
        for node, container in monolith.containers("app")[:3]:
            pid = engines.docker(node.engine, "inspect", "--format", "{{.State.Pid}}", container)
            os.kill(int(pid), signal.SIGKILL)
        # Until the engines have noticed, all seem to be well.
        wait_until(lambda: monolith.healthy() < REPLICAS)

    under_load(monolith, "kill -9 of three replicas", kill_three)


def test_the_leader_is_lost(monolith: RunningLab) -> None:
    lost = cluster.leader()

    def lose_the_leader() -> None:
        monolith.lose(lost)
        began = time.monotonic()
        wait_until(lambda: cluster.leader() != lost)
        print(f"\na new leader after {time.monotonic() - began:.0f} s")
        wait_until(lambda: cluster.state_of(lost) == "down")
        print(f"{lost.name} taken for lost after {time.monotonic() - began:.0f} s")

    try:
        under_load(monolith, f"loss of the leader, {lost.name}", lose_the_leader)
    finally:
        monolith.bring_back(lost)
    assert cluster.state_of(lost) == "ready"
