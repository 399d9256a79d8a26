"""What whoever types `bookstore lab` reads, also where there can be no lab."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from bookstore.cli import main
from bookstore.lab import commands, machine
from bookstore.lab.plan import NODES, Plan

ROOT = Path(__file__).parents[2]


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that can have a lab and has none; where it is noted whose lab is up."""
    monkeypatch.setattr(machine.os, "geteuid", lambda: 0)
    monkeypatch.setattr(machine.shutil, "which", lambda name, path: f"/usr/bin/{name}")
    monkeypatch.setattr(machine, "OWNER", tmp_path / "checkout")
    monkeypatch.setattr(commands, "manager", lambda: NODES[0])
    return tmp_path / "checkout"


def lab(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["lab", *arguments])
    return done.exit_code, done.output


def coming_up(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None] = lambda: None) -> None:
    def up(plan: Plan, topology: str, tag: str, tell: machine.Tell) -> None:
        tell("network")
        act()

    monkeypatch.setattr(machine, "up", up)


@pytest.mark.parametrize("topology", ["monolith", "services"])
def test_it_tells_each_step_and_where_the_shop_is(
    owner: Path, monkeypatch: pytest.MonkeyPatch, topology: str
) -> None:
    coming_up(monkeypatch)
    code, said = lab("up", "--checkout", str(ROOT), "--tag", "v1", "--topology", topology)
    assert code == 0, said
    lines = said.splitlines()
    assert lines[0] == "network ..."
    certificate = ROOT / ".docker-lab/state/shop.crt"
    assert lines[1] == f"the shop is open on https://10.77.0.254 (certificate to trust: {certificate})"
    assert lines[-1] == "to ask the cluster: export DOCKER_HOST=unix:///run/bookstore-lab/node1.sock"
    assert ("it has no books yet: register, and sell some" in lines) == (topology == "services")


def test_stopped_half_way_it_says_how_to_go_on_and_how_to_end_it(
    owner: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press_control_c() -> None:
        raise KeyboardInterrupt

    coming_up(monkeypatch, press_control_c)
    code, said = lab("up", "--tag", "v1")
    assert code == 1
    assert "`make lab` goes on from here; `make lab-down` ends what was started" in said


@pytest.mark.parametrize("command", ["up", "down"])
def test_without_root_nothing_is_tried(owner: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setattr(machine.os, "geteuid", lambda: 1000)
    code, said = lab(command)
    assert code == 1
    assert said == "Error: the lab needs root: it makes networks and starts Docker engines\n"


def test_a_program_that_is_missing_is_named_with_its_package(
    owner: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def which(name: str, path: str) -> str | None:
        return None if name in {"dockerd", "haproxy"} else name

    monkeypatch.setattr(machine.shutil, "which", which)
    code, said = lab("up")
    assert code == 1
    expected = "the lab needs dockerd, haproxy: scripts/ensure-cluster installs docker.io, haproxy"
    assert expected in said


def test_the_lab_of_another_checkout_stays_as_it_is(owner: Path) -> None:
    owner.write_text("/home/ana/bookstore")
    code, said = lab("up", "--checkout", str(ROOT))
    assert code == 1
    assert "the one of /home/ana/bookstore to end first" in said
    code, said = lab("down", "--checkout", str(ROOT))
    assert code == 1
    assert "`make lab-down` in /home/ana/bookstore" in said


def test_a_lab_that_is_up_already_is_no_obstacle(owner: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner.write_text(str(ROOT))
    coming_up(monkeypatch)
    assert lab("up", "--checkout", str(ROOT), "--tag", "v1")[0] == 0


def test_each_program_that_it_runs_is_one_that_it_asks_for_first() -> None:
    """One that is not on the list would end in a traceback where it is missing."""
    sources = "".join(path.read_text() for path in (ROOT / "src/bookstore/lab").glob("*.py"))
    started = set(re.findall(r'(?:run|start)\([^\[\]]*\["([a-z-]+)"', sources))
    assert {"docker", "docker-registry", "haproxy", "ip", "iptables"} <= started
    assert started <= set(machine.PROGRAMS)


@pytest.mark.parametrize("name", ["lab.md", "lab.es.md"])
def test_what_the_walk_names_is_what_there_is(name: str) -> None:
    text = (ROOT / "docs" / name).read_text()
    assert NODES[0].engine in text
    assert {NODES[3].cable, NODES[4].cable} <= set(text.replace(";", " ").replace("`", " ").split())
    assert str(Plan(ROOT).backups.relative_to(ROOT)) in text
