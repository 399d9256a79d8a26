"""`bookstore deploy swarm init` over real sshds, with the engines of the lab behind them."""

import sys
from pathlib import Path

from bookstore.deploying.programs import run
from bookstore.lab import cluster, engines, programs
from bookstore.lab.plan import NODES, LabNode
from tests.deploy.ssh_hosts import ssh_hosts
from tests.swarm.running_lab import RunningLab
from tests.swarm.under_load import wait_until


def test_a_node_that_left_is_taken_in_again_and_the_others_stay(monolith: RunningLab, tmp_path: Path) -> None:
    left, leader = NODES[4], cluster.leader()
    engines.docker(left.engine, "swarm", "leave")
    wait_until(lambda: cluster.state_of(left) == "down")
    engines.docker(cluster.manager().engine, "node", "rm", left.name)
    before = _nodes()
    assert len(before) == len(NODES) - 1

    with ssh_hosts(tmp_path, {node.name: _docker_of(node, tmp_path) for node in NODES}) as hosts:
        print(_init("--ssh-config", str(hosts.config)))

    assert before < _nodes()
    assert cluster.leader() == leader
    wait_until(lambda: cluster.state_of(left) == "ready")
    # With its labels it gets an nginx again.
    wait_until(lambda: monolith.healthy("edge") == len(NODES))


def _init(*options: str) -> str:
    managers = ",".join(f"{node.name}={node.address}" for node in NODES if node.is_manager)
    workers = ",".join(f"{node.name}={node.address}" for node in NODES if not node.is_manager)
    command = [sys.executable, "-m", "bookstore.cli", "deploy", "swarm", "init"]
    return run([*command, "--managers", managers, "--workers", workers, *options])


def _nodes() -> set[str]:
    return set(engines.docker(cluster.manager().engine, "node", "ls", "--quiet").split())


def _docker_of(node: LabNode, folder: Path) -> Path:
    """A folder with a docker program that asks the engine of a node, as it would on the node itself."""
    place = folder / f"{node.name}-programs"
    place.mkdir()
    (place / "docker").write_text(
        f'#!/bin/sh\nPATH={programs.PLACES}\nexec env DOCKER_HOST={node.engine} docker "$@"\n'
    )
    (place / "docker").chmod(0o755)
    return place
