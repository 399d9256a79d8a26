"""More of what happens to a cluster, under the same load."""

import asyncio
import socket
import ssl
import time
from contextlib import suppress

from bookstore.chaos.visitor import Visitors
from bookstore.lab import cluster, database, shop, wires
from bookstore.lab.plan import NODES, OUTSIDE, LabNode
from tests.swarm.running_lab import ONE, REPLICAS, SICK, RunningLab
from tests.swarm.under_load import under_load, wait_until

GOSSIP_PORT = 7946


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
    # What nodes tell one another of networks begins anew a little later; until then a task there reaches nobody.
    wait_until(lambda: all(is_listening(node) for node in apart))


def is_listening(node: LabNode) -> bool:
    """Whether the node hears what the others say of networks."""
    with suppress(OSError), socket.create_connection((node.address, GOSSIP_PORT), timeout=2):
        return True
    return False


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


def test_the_balancer_finds_the_two_that_are_left(monolith: RunningLab) -> None:
    """Asked fast for a file that each node has, again and again while three of five vanish and come back."""
    lost = NODES[:3]
    visitors = Visitors(OUTSIDE, ssl.create_default_context(cafile=str(monolith.authority)), 20)

    async def vanish_and_come_back() -> None:
        for _ in range(5):
            for node in lost:
                await asyncio.to_thread(wires.cut, node)
            await asyncio.sleep(4)
            for node in lost:
                await asyncio.to_thread(wires.mend, node)
            await asyncio.sleep(4)

    async def ask() -> int:
        return (await visitors.ask("GET", "/static/favicon.svg")).status

    async def whole() -> list[int]:
        asked: list[asyncio.Task[int]] = []
        vanishing = asyncio.create_task(vanish_and_come_back())
        while not vanishing.done():
            asked.append(asyncio.create_task(ask()))
            await asyncio.sleep(1 / 300)
        await vanishing
        return await asyncio.gather(*asked)

    try:
        answers = asyncio.run(whole())
    finally:
        for node in lost:
            wires.mend(node)
    wait_until(cluster.has_leader)
    monolith.wait_until_whole()
    print(f"\nthree of five vanish, five times: {len(answers)} requests")
    assert len(answers) > 1000
    assert set(answers) == {200}
