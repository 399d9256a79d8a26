"""The two shops that game days know: what counts as missing, what is killed, who audits."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from bookstore.chaos import foreign_shop, on_the_lab
from bookstore.chaos.errors import NotTheLab
from bookstore.chaos.foreign_shop import ForeignShop
from bookstore.deploying.errors import CommandFailed
from bookstore.deploying.swarm.convergence import Sight
from bookstore.deploying.swarm.services import Service, Task
from bookstore.lab import engines, open_shop, shop, wires
from bookstore.lab.errors import LabNeeds
from bookstore.lab.open_shop import OpenShop
from bookstore.lab.plan import NODES, Plan


def service(name: str = "bookstore_app", part: str = "shop", replicas: int = 2) -> Service:
    return Service(name, part, "bookstore:one", "", replicas, "", "", "", {})


def replica(node: str) -> Task:
    return Task("id", "bookstore_app.1", node, "bookstore:one", "running", "running", "")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenShop:
    """Two replicas, on nodes 1 and 4, and all nodes there."""
    sight = Sight([service()], [replica("node1"), replica("node4")])
    monkeypatch.setattr(open_shop, "look", lambda stack: sight)
    monkeypatch.setattr(shop, "at_a_manager", nullcontext)
    monkeypatch.setattr(engines, "pid_of", lambda plan, name: 1)
    monkeypatch.setattr(wires, "is_plugged_in", lambda node: True)
    return OpenShop(Plan(tmp_path))


def test_nothing_is_missing_where_all_replicas_are_on_nodes_that_are_there(lab: OpenShop) -> None:
    assert (lab.missing(), lab.healthy()) == ("", 2)


def test_what_is_on_a_node_without_power_is_missing(lab: OpenShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also before the managers have noticed."""
    monkeypatch.setattr(engines, "pid_of", lambda plan, name: None if name == "node4" else 1)
    assert (lab.missing(), lab.healthy()) == ("bookstore_app: 1 up", 1)


def test_what_is_on_a_node_that_is_cut_off_is_missing(lab: OpenShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wires, "is_plugged_in", lambda node: node.name != "node1")
    assert (lab.missing(), lab.healthy()) == ("bookstore_app: 1 up", 1)


@pytest.mark.parametrize(
    "error", [CommandFailed(command="docker", said="no leader"), LabNeeds(what="a leader")]
)
def test_a_cluster_without_a_leader_is_not_whole(
    lab: OpenShop, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def nobody_decides(stack: str) -> Sight:
        raise error

    monkeypatch.setattr(open_shop, "look", nobody_decides)
    assert "leader" in lab.missing()
    assert lab.healthy() == 0


@pytest.mark.parametrize(
    ("topology", "killed"),
    [
        ("monolith", ["app on node1"]),
        ("services", ["accounts on node1", "catalog on node1", "orders on node1"]),
    ],
)
def test_one_replica_of_each_service_is_killed(
    lab: OpenShop, monkeypatch: pytest.MonkeyPatch, topology: str, killed: list[str]
) -> None:
    said: list[tuple[str, ...]] = []

    def docker(engine: str, *words: str) -> str:
        said.append((engine, *words))
        return f"container-{words[-1].rpartition('_')[2]}" if words[0] == "ps" else ""

    monkeypatch.setattr(engines, "docker", docker)
    lab.topology = topology
    assert lab.kill_replicas() == killed
    kills = [words for words in said if words[1] == "kill"]
    names = [what.partition(" ")[0] for what in killed]
    assert kills == [(NODES[0].engine, "kill", f"container-{name}") for name in names]


@pytest.mark.parametrize(
    ("master", "state", "is_in"),
    [
        ("bookstore-lab", "up", True),
        ("bookstore-lab", "down", False),
        ("bookstore-apart", "up", False),
    ],
)
def test_a_cable_is_in_when_it_is_up_and_in_the_bridge_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, master: str, state: str, is_in: bool
) -> None:
    cable = tmp_path / "sys/class/net" / NODES[3].cable
    cable.mkdir(parents=True)
    (cable / "operstate").write_text(f"{state}\n")
    (cable / "master").symlink_to(tmp_path / master)
    monkeypatch.setattr(wires, "Path", lambda path: tmp_path / str(path).lstrip("/"))
    assert wires.is_plugged_in(NODES[3]) is is_in
    assert not wires.is_plugged_in(NODES[4])


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """What docker was told, on an engine with one replica of the shop and one of its worker."""
    told: list[list[str]] = []

    def run(command: list[str]) -> str:
        told.append(command)
        return "a-replica\n" if command[1] == "ps" and "town_app" in " ".join(command) else ""

    monkeypatch.setattr(foreign_shop, "run", run)
    services = [service("town_app"), service("town_worker", part="worker")]
    monkeypatch.setattr(foreign_shop, "services_of", lambda stack: services)
    return told


def test_elsewhere_a_replica_of_the_engines_own_node_is_killed(said: list[list[str]]) -> None:
    assert ForeignShop("town").kill_replicas() == ["town_app"]
    assert said[-1] == ["docker", "kill", "a-replica"]


def test_elsewhere_a_replica_audits(said: list[list[str]]) -> None:
    ForeignShop("town").audit()
    assert said[-1] == ["docker", "exec", "a-replica", "bookstore", "audit"]


def test_elsewhere_nothing_is_killed_where_no_replica_runs(
    said: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign_shop, "services_of", lambda stack: [service("village_app")])
    with pytest.raises(NotTheLab, match="no replica of village runs on the node"):
        ForeignShop("village").kill_replicas()
    with pytest.raises(CommandFailed, match="no replica of the monolith runs on this node"):
        ForeignShop("village").audit()
    assert all("kill" not in command for command in said)


@pytest.mark.parametrize(
    ("names", "topology"),
    [
        (["bookstore_app", "bookstore_edge", "bookstore_worker"], "monolith"),
        (["bookstore_accounts", "bookstore_catalog", "bookstore_edge", "bookstore_orders"], "services"),
    ],
)
def test_the_lab_tells_its_topology(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], topology: str
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(engines, "pid_of", lambda plan, name: 1)
    monkeypatch.setattr(shop, "at_a_manager", nullcontext)
    monkeypatch.setattr(on_the_lab, "services_of", lambda stack: [service(name) for name in names])
    monkeypatch.setattr(on_the_lab.machine, "require_able", lambda plan: None)
    assert on_the_lab.find_lab(tmp_path).topology == topology


def test_who_is_not_root_breaks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(engines, "pid_of", lambda plan, name: 1)
    monkeypatch.setattr(shop, "at_a_manager", nullcontext)
    monkeypatch.setattr(on_the_lab, "services_of", lambda stack: [service()])
    monkeypatch.setattr(on_the_lab.machine.os, "geteuid", lambda: 1000)
    with pytest.raises(LabNeeds, match="root"):
        on_the_lab.find_lab(tmp_path)


def test_a_lab_without_a_shop_is_no_place_for_a_game_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(engines, "pid_of", lambda plan, name: 1)
    monkeypatch.setattr(shop, "at_a_manager", nullcontext)
    monkeypatch.setattr(on_the_lab, "services_of", lambda stack: [])
    with pytest.raises(NotTheLab, match="there is no shop on it"):
        on_the_lab.find_lab(tmp_path)
