"""More of what happens to a cluster, under the same load."""

import time

from bookstore.lab import cluster, database, shop, wires
from bookstore.lab.plan import NODES
from tests.swarm.running_lab import ONE, REPLICAS, SICK, RunningLab
from tests.swarm.under_load import under_load, wait_until


def test_a_version_that_is_never_ready_is_taken_back(monolith: RunningLab) -> None:
    # Its database needs no migration, and its job does not listen: only the replicas show that it is sick.
    said: list[str] = []
    under_load(monolith, "sick version", lambda: said.append(monolith.deploy(SICK, check=False)))
    assert "version sick was taken back" in said[0]
    assert said[0].endswith("exit 1\n")
    assert monolith.versions("app") == {ONE}


def test_another_nginx_and_the_way_back(monolith: RunningLab) -> None:
    under_load(monolith, "another nginx", monolith.replace_edge)
    assert monolith.versions("edge") == {"other"}

    back = ["rollback", "--edge", *monolith.visitor()]
    under_load(monolith, "rollback of nginx", lambda: print(monolith.command(*back)))
    assert monolith.versions("edge") != {"other"}


def test_a_node_is_emptied_and_taken_in_again(monolith: RunningLab) -> None:
    node = NODES[4]
    under_load(monolith, f"drain of {node.name}", lambda: print(monolith.command("drain", node.name)))
    assert [where for where, _ in monolith.containers("app") if where == node] == []
    monolith.activate(node)
    wait_until(lambda: monolith.healthy("edge") == len(NODES))

    under_load(monolith, "rebalance", lambda: print(monolith.command("rebalance")))
    assert [where for where, _ in monolith.containers("app") if where == node] != []


def test_a_worker_is_lost(monolith: RunningLab) -> None:
    lost = NODES[3]

    def lose_it() -> None:
        monolith.lose(lost)
        wait_until(lambda: cluster.state_of(lost) == "down")

    try:
        under_load(monolith, f"loss of a worker, {lost.name}", lose_it)
    finally:
        monolith.bring_back(lost)
    assert monolith.healthy() == REPLICAS


def test_the_password_of_the_database_and_the_signing_key_are_rotated(monolith: RunningLab) -> None:
    """Those who logged in with the old key go on buying: whoever is refused counts as a failure."""

    def rotate() -> None:
        old = monolith.new_database_user()
        print(shop.inside("app", "bookstore", "rotate-keys"))
        print(monolith.deploy(ONE))
        database.ask(f"DROP USER '{old}'@'%'")

    under_load(monolith, "rotation of secrets", rotate)
    assert monolith.versions("app") == {ONE}


def test_two_nodes_are_cut_off(monolith: RunningLab) -> None:
    apart = NODES[3:]

    def cut_off() -> None:
        wires.separate(apart)
        wait_until(lambda: {cluster.state_of(node) for node in apart} == {"down"})

    try:
        under_load(monolith, "partition of two workers", cut_off)
    finally:
        wires.reunite()
    wait_until(lambda: {cluster.state_of(node) for node in apart} == {"ready"})


def test_the_quorum_is_lost_and_comes_back(monolith: RunningLab) -> None:
    """Nobody decides anything meanwhile, and what runs goes on."""
    leader = cluster.leader()
    lost = [node for node in NODES if node.is_manager and node != leader]

    def lose_the_quorum() -> None:
        for node in lost:
            wires.cut(node)
        wait_until(lambda: not cluster.has_leader())
        time.sleep(10)
        for node in lost:
            wires.mend(node)
        wait_until(cluster.has_leader)
        wait_until(lambda: {cluster.state_of(node) for node in NODES} == {"ready"})

    under_load(monolith, "loss of the quorum", lose_the_quorum)
