"""What is broken, as far as it can be broken without a cluster, and that it is put right in any case."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bookstore.chaos import clock, databases, replicas_and_nodes, shared_folder
from bookstore.chaos.errors import TroubleFailed
from bookstore.chaos.game_day import Scene
from bookstore.lab import cluster, engines, media, wires
from bookstore.lab.errors import LabNeeds
from bookstore.lab.open_shop import OpenShop
from bookstore.lab.plan import NODES, LabNode, Plan
from tests.unit.chaos_fakes import AT_ONCE, FakeLoad


class Lab(OpenShop):
    """Two replicas on each node; writes down what happens to these."""

    happened: list[str]

    def containers(self, service: str) -> list[tuple[LabNode, str]]:
        return [(node, f"{node.name}-{number}") for node in NODES for number in (1, 2)]

    def missing(self) -> str:
        return ""

    def lose(self, node: LabNode) -> None:
        self.happened.append(f"lost {node.name}")

    def bring_back(self, node: LabNode) -> None:
        self.happened.append(f"brought back {node.name}")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(Plan(tmp_path))
    lab.happened = []
    lab.plan.state.mkdir(parents=True)
    return lab


@pytest.fixture
def scene(lab: Lab) -> Scene:
    load: Any = FakeLoad()
    return Scene(lab, load, AT_ONCE, lambda news: None)


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the managers think of the nodes."""
    states = {node.name: "down" for node in NODES}
    monkeypatch.setattr(cluster, "state_of", lambda node: states[node.name])
    return states


def test_a_node_that_is_lost_comes_back_also_when_nobody_notices(
    scene: Scene, lab: Lab, states: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas_and_nodes, "NOTICE_SECONDS", 0.01)
    states["node4"] = "ready"
    with (
        pytest.raises(TroubleFailed, match="the managers notice"),
        replicas_and_nodes.kill_worker_node(scene),
    ):
        pass
    assert lab.happened == ["lost node4", "brought back node4"]


def test_the_leader_is_the_one_that_is_lost(
    scene: Scene, lab: Lab, states: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "has_leader", lambda: True)
    monkeypatch.setattr(cluster, "leader", lambda: NODES[0] if "lost node2" in lab.happened else NODES[1])
    with replicas_and_nodes.kill_leader(scene):
        assert lab.happened == ["lost node2"]
    assert lab.happened == ["lost node2", "brought back node2"]
    assert any("node1 leads instead of node2" in fact.what for fact in scene.facts)


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_workers_that_were_apart_are_reunited(
    scene: Scene, states: dict[str, str], monkeypatch: pytest.MonkeyPatch, error: type[BaseException] | None
) -> None:
    happened: list[str] = []

    def reunite() -> None:
        happened.append("reunited")
        states.update({node.name: "ready" for node in NODES})

    monkeypatch.setattr(wires, "separate", lambda nodes: happened.append(" ".join(n.name for n in nodes)))
    monkeypatch.setattr(wires, "reunite", reunite)
    try:
        with replicas_and_nodes.partition(scene):
            if error is not None:
                raise error
    except KeyboardInterrupt:
        pass
    assert happened == ["node4 node5", "reunited"]


def test_an_empty_node_teaches_nothing(
    scene: Scene, lab: Lab, states: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lab, "containers", lambda self, service: [])
    with replicas_and_nodes.kill_worker_node(scene):
        pass
    [empty] = [fact for fact in scene.facts if not fact.holds]
    assert empty.what.startswith("0 replicas run on node4; `bookstore deploy swarm rebalance`")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """A program in the place of the database server; its answers take as long as it stands still."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        monkeypatch.setattr(databases.programs, "running", lambda folder, name: process.pid)
        monkeypatch.setattr(databases.database, "ask", lambda statement: _wait_while_stopped(process.pid))
        yield process
        process.kill()


def _wait_while_stopped(pid: int) -> str:
    while state_of_process(pid) == "T":
        time.sleep(0.001)
    return "1"


def state_of_process(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_slow_database_is_slow_and_then_goes_on(
    scene: Scene, server: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it answers faster than a question can be put until it stands still for the first time."""
    monkeypatch.setattr(databases, "WATCHED_SECONDS", 2 * databases.WORK_SECONDS + databases.STALL_SECONDS)
    with pytest.raises(ZeroDivisionError), databases.slow_database(scene):
        raise ZeroDivisionError
    assert [fact.holds for fact in scene.facts] == [True]
    assert state_of_process(server.pid) in {"S", "R"}


def test_a_database_that_does_not_become_slow_is_said_to_be_none(
    scene: Scene, server: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "WATCHED_SECONDS", 0.5)
    monkeypatch.setattr(databases, "WORK_SECONDS", 60)
    with databases.slow_database(scene):
        pass
    assert [fact.holds for fact in scene.facts] == [False]


def test_a_failover_ends_with_a_server_that_takes_changes(
    scene: Scene, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases.database, "ask", lambda statement: lab.happened.append(statement))
    monkeypatch.setattr(databases.database, "start", lambda plan: lab.happened.append("start"))
    monkeypatch.setattr(databases.programs, "stop", lambda *how: lab.happened.append("kill"))
    monkeypatch.setattr(databases, "READ_ONLY_SECONDS", 0)
    monkeypatch.setattr(databases, "AWAY_SECONDS", 0)
    with pytest.raises(ZeroDivisionError), databases.database_failover(scene):
        raise ZeroDivisionError
    assert lab.happened == ["SET GLOBAL read_only = ON", "kill", "start", "SET GLOBAL read_only = OFF"]


def test_the_books_of_the_sandbox_are_held_back_until_the_end_and_no_longer(
    scene: Scene, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(databases.database, "ask", lambda statement: lab.happened.append(statement))
    with databases.slow_payments(scene):
        while not lab.happened:
            time.sleep(0.001)
        scene.load.paid.add("BS-2")
    assert "trouble" not in {thread.name for thread in threading.enumerate()}
    assert set(lab.happened) == {"LOCK TABLES bookstore.gateway_answers WRITE; DO SLEEP(2.0); UNLOCK TABLES"}
    assert [fact.holds for fact in scene.facts] == [True, True]


def test_a_shared_folder_without_a_disk_of_its_own_is_not_filled(scene: Scene, lab: Lab) -> None:
    """What would be full is the disk of the machine."""
    lab.plan.media.mkdir()
    with pytest.raises(LabNeeds, match="loop device"), shared_folder.fill_disk(scene):
        pass
    assert list(lab.plan.media.iterdir()) == []


@pytest.fixture
def full_after(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes fit; the writer of the ballast meets the end of them."""
    room, fsync = [5_000_123], os.fsync

    def refuse_what_does_not_fit(file: int) -> None:
        if os.fstat(file).st_size > room[0]:
            os.ftruncate(file, room[0])
            os.lseek(file, room[0], os.SEEK_SET)
            raise OSError(28, "No space left on device")
        fsync(file)

    monkeypatch.setattr(shared_folder.os, "fsync", refuse_what_does_not_fit)
    return room


def test_the_disk_is_filled_to_the_last_byte_and_emptied_again(
    scene: Scene, lab: Lab, full_after: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.plan.media.mkdir()
    ballast = lab.plan.media / shared_folder.BALLAST
    monkeypatch.setattr(Path, "is_mount", lambda path: path == lab.plan.media)
    monkeypatch.setattr(
        shared_folder, "_upload", lambda scene: "507 storage_full" if ballast.exists() else "200"
    )
    with shared_folder.fill_disk(scene):
        assert ballast.stat().st_size == full_after[0]
    assert not ballast.exists()
    assert [fact.holds for fact in scene.facts] == [True, True, True]


def test_an_upload_that_is_not_refused_by_name_refutes(
    scene: Scene, lab: Lab, full_after: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.plan.media.mkdir()
    monkeypatch.setattr(Path, "is_mount", lambda path: path == lab.plan.media)
    monkeypatch.setattr(shared_folder, "_upload", lambda scene: "500 internal_error")
    with shared_folder.fill_disk(scene):
        pass
    assert [fact.holds for fact in scene.facts] == [True, False, False]


def test_a_clock_that_is_ahead_leaves_waits_as_they_are(tmp_path: Path) -> None:
    library = clock._make_library(tmp_path / "clock")
    program = (
        "import threading, time, datetime\n"
        "print(time.time(), datetime.datetime.now(datetime.UTC).timestamp())\n"
        "began = time.monotonic()\n"
        "time.sleep(0.05)\n"
        "threading.Event().wait(0.05)\n"
        "print(time.monotonic() - began)\n"
    )
    environ = {**os.environ, "LD_PRELOAD": str(library)}
    said = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    now, also_now, waited = map(float, said.stdout.split())
    assert now - time.time() == pytest.approx(clock.AHEAD_SECONDS, abs=5)
    assert also_now - now == pytest.approx(0, abs=1)
    assert 0.1 <= waited < 5


def test_one_replica_more_has_another_clock_and_the_same_name() -> None:
    networks = [{"Target": "shop", "Aliases": ["app"]}]
    container = {"Image": "bookstore:one", "Env": ["A=1"], "Mounts": [], "Labels": {"stack": "bookstore"}}
    spec = {
        "Name": "bookstore_app",
        "Labels": {"com.docker.stack.namespace": "bookstore", "bookstore.part": "shop"},
        "TaskTemplate": {"ContainerSpec": container, "Networks": networks},
        "Mode": {"Replicated": {"Replicas": 8}},
    }
    made = clock.skewed(spec, Path("/state/clock/clock_ahead.so"))
    assert (made["Name"], made["Labels"]) == ("bookstore_skewed", {})
    assert made["Mode"] == {"Replicated": {"Replicas": 1}}
    assert made["TaskTemplate"]["Networks"] == networks
    own = made["TaskTemplate"]["ContainerSpec"]
    assert own["Image"] == "bookstore:one"
    assert own["Env"] == ["A=1", "LD_PRELOAD=/clock/clock_ahead.so"]
    assert [mount["Source"] for mount in own["Mounts"]] == ["/state/clock"]
    assert container["Env"] == ["A=1"]


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_the_replica_with_that_clock_is_removed(
    scene: Scene, lab: Lab, monkeypatch: pytest.MonkeyPatch, error: type[BaseException] | None
) -> None:
    monkeypatch.setattr(clock, "_spec", lambda lab: {"TaskTemplate": {"ContainerSpec": {}}})
    monkeypatch.setattr(clock, "_create", lambda spec: lab.happened.append(f"created {spec['Name']}"))
    monkeypatch.setattr(clock, "_orders_ahead", lambda lab: 3)
    monkeypatch.setattr(cluster, "manager", lambda: NODES[0])

    def docker(engine: str, *words: str) -> str:
        if words[0] == "service":
            lab.happened.append(" ".join(words))
        return "" if any("service rm" in what for what in lab.happened) else "a-container"

    monkeypatch.setattr(engines, "docker", docker)
    try:
        with clock.clock_skew(scene):
            if error is not None:
                raise error
    except KeyboardInterrupt:
        pass
    assert lab.happened == ["created bookstore_skewed", "service rm bookstore_skewed"]


def test_photos_of_a_lab_from_before_it_had_a_disk_stay(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted: list[Plan] = []
    monkeypatch.setattr(media, "_mount", mounted.append)
    monkeypatch.setattr(media.os, "chown", lambda *owner: None)
    media.prepare(lab.plan)
    assert mounted == [lab.plan]
    (lab.plan.media / "photo.jpg").write_bytes(b"a photo")
    media.prepare(lab.plan)
    assert mounted == [lab.plan]
