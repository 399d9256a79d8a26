"""Replicas that end, nodes that are lost, and nodes that cannot reach one another."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from bookstore.chaos.game_day import Scene
from bookstore.chaos.on_the_lab import lab_of
from bookstore.deploying.stack import TOPOLOGIES
from bookstore.lab import cluster, wires
from bookstore.lab.open_shop import OpenShop
from bookstore.lab.plan import NODES, LabNode

NOTICE_SECONDS = 90


@contextmanager
def kill_replica(scene: Scene) -> Iterator[None]:
    scene.saw(f"killed: {', '.join(scene.shop.kill_replicas())}")
    # Until the engine has noticed, all seems to be well.
    waited = scene.wait_until(lambda: bool(scene.shop.missing()), "the loss is noticed", NOTICE_SECONDS)
    scene.saw(f"noticed after {waited:.0f} s")
    yield


@contextmanager
def kill_worker_node(scene: Scene) -> Iterator[None]:
    """The worker with the most replicas loses its network and its power."""
    lab = lab_of(scene)
    lost, *_ = _busiest(lab)
    _tell_what_runs_on(scene, lab, [lost])
    try:
        lab.lose(lost)
        _wait_until_taken_for_lost(scene, [lost])
        yield
    finally:
        lab.bring_back(lost)


@contextmanager
def kill_leader(scene: Scene) -> Iterator[None]:
    """The manager that decides loses its network and its power."""
    lab, lost = lab_of(scene), cluster.leader()
    _tell_what_runs_on(scene, lab, [lost], must=False)
    try:
        lab.lose(lost)
        waited = scene.wait_until(lambda: _leads_another(lost), "another manager leads", NOTICE_SECONDS)
        scene.saw(f"{cluster.leader().name} leads instead of {lost.name}, after {waited:.0f} s")
        _wait_until_taken_for_lost(scene, [lost])
        yield
    finally:
        lab.bring_back(lost)


@contextmanager
def partition(scene: Scene) -> Iterator[None]:
    """The two workers still reach one another, and nobody else."""
    lab = lab_of(scene)
    apart = _busiest(lab)
    _tell_what_runs_on(scene, lab, apart)
    try:
        wires.separate(apart)
        _wait_until_taken_for_lost(scene, apart)
        yield
    finally:
        wires.reunite()
        scene.wait_until(
            lambda: {cluster.state_of(node) for node in apart} == {"ready"}, "all are ready again"
        )


def _busiest(lab: OpenShop) -> list[LabNode]:
    """The workers, those with the most replicas first."""
    counts = _replicas(lab)
    return sorted((node for node in NODES if not node.is_manager), key=lambda node: -counts[node.name])


def _replicas(lab: OpenShop) -> Counter[str]:
    return Counter(node.name for service in TOPOLOGIES[lab.topology] for node, _ in lab.containers(service))


def _tell_what_runs_on(scene: Scene, lab: OpenShop, nodes: list[LabNode], *, must: bool = True) -> None:
    counts = _replicas(lab)
    running = sum(counts[node.name] for node in nodes)
    names = " and ".join(node.name for node in nodes)
    advice = "" if running else "; `bookstore deploy swarm rebalance` spreads them anew"
    scene.saw(f"{running} replicas run on {names}{advice}", holds=bool(running) or not must)


def _wait_until_taken_for_lost(scene: Scene, nodes: list[LabNode]) -> None:
    waited = scene.wait_until(
        lambda: {cluster.state_of(node) for node in nodes} == {"down"}, "the managers notice", NOTICE_SECONDS
    )
    scene.saw(f"the managers take {' and '.join(node.name for node in nodes)} for lost after {waited:.0f} s")


def _leads_another(lost: LabNode) -> bool:
    return cluster.has_leader() and cluster.leader() != lost
