"""The supervisor starts again whatever dies, leaves nothing behind, and ends things in order."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bookstore.serving.supervisor import FIRST_PAUSE, Program, ProgramEnded, Supervisor

PATIENCE = 30
# Leaves a child of its own behind when it dies, as a server does whose workers hold its port.
WITH_CHILD = """
import os, sys, time
child = os.fork()
if child:
    with open(sys.argv[1], "a") as file:
        file.write(f"{child}\\n")
time.sleep(600)
"""
STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").close()
time.sleep(600)
"""


class Stage:
    """A supervisor with programs, and what it has said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.supervisor = Supervisor(folder / "pids", grace_seconds=1, say=self.said.append)

    def start(self, name: str, code: str) -> Path:
        """Start a Python program; the path that it was given."""
        told = self.folder / f"{name}.told"
        self.supervisor.start(Program(name, [sys.executable, "-c", code, str(told)], os.environ))
        return told

    def pid(self, name: str) -> int:
        return int((self.folder / "pids" / f"{name}.pid").read_text())

    def look_until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not done():
            self.supervisor.restart_dead()
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.supervisor.finish(["one", "two"])


def is_alive(pid: int) -> bool:
    """Whether it runs; what has died and was not yet waited for by its new parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_dies_is_started_again_and_leaves_no_workers(stage: Stage) -> None:
    told = stage.start("one", WITH_CHILD)
    stage.look_until(lambda: told.exists() and told.read_text().endswith("\n"))
    first, orphan = stage.pid("one"), int(told.read_text())

    os.kill(first, signal.SIGKILL)
    stage.look_until(lambda: told.read_text().count("\n") == 2)

    assert stage.pid("one") != first
    stage.look_until(lambda: not is_alive(orphan))
    assert stage.said == [f"one was ended by SIGKILL; it is started again in {FIRST_PAUSE:g} s"]


def test_the_pauses_grow_while_it_dies_at_once(stage: Stage) -> None:
    stage.start("one", "raise SystemExit(3)")
    stage.look_until(lambda: len(stage.said) == 3)
    assert stage.said == [
        f"one ended with 3; it is started again in {pause} s" for pause in ("0.5", "1", "2")
    ]


def test_while_starting_a_death_is_an_error(stage: Stage) -> None:
    stage.start("one", "import time; time.sleep(600)")
    stage.supervisor.require_alive()
    os.kill(stage.pid("one"), signal.SIGKILL)
    with pytest.raises(ProgramEnded, match="one ended while starting"):  # noqa: PT012
        for _ in range(PATIENCE * 10):
            stage.supervisor.require_alive()
            time.sleep(0.1)


def test_what_is_asked_to_finish_finishes_and_the_rest_runs_on(stage: Stage) -> None:
    for name in ("one", "two"):
        stage.start(name, "import time; time.sleep(600)")
    one, two = stage.pid("one"), stage.pid("two")
    stage.supervisor.finish(["one"])
    assert (is_alive(one), is_alive(two)) == (False, True)
    assert [path.name for path in (stage.folder / "pids").iterdir()] == ["two.pid"]
    assert stage.said == []


def test_what_does_not_finish_is_killed(stage: Stage) -> None:
    told = stage.start("one", STUBBORN)
    stage.look_until(told.exists)
    pid = stage.pid("one")
    stage.supervisor.finish(["one"])
    assert not is_alive(pid)
    assert stage.said == ["one does not finish and is killed"]
