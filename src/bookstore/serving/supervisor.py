"""Keeps programs running: starts them, restarts whichever dies, and ends all of them in order.

Each program leads a process group of its own, so that Ctrl-C reaches only us, who then ask them to finish
one after the other; and when we are killed ourselves, the kernel asks them to finish.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STABLE_SECONDS = 60
LOOK_EVERY = 0.1
PR_SET_PDEATHSIG = 1


class ProgramEnded(Exception):
    """A program that should go on has ended by itself."""


@dataclass(frozen=True)
class Program:
    """Something to keep running: its name, how it is started, and which signal asks it to finish."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    finish: signal.Signals = signal.SIGTERM


@dataclass
class _Running:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE
    restart_at: float = field(default=float("inf"))


class Supervisor:
    """Runs programs. Only what it started itself is ever ended, by its id.

    `say` is told what happens; `folder` gets a file with the process id of each program.
    """

    def __init__(self, folder: Path, grace_seconds: float, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._grace = grace_seconds
        self._say = say
        self._all: dict[str, _Running] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, program: Program) -> None:
        """Start a program and keep it running from now on."""
        self._all[program.name] = running = _Running(program)
        self._launch(running)

    def require_alive(self) -> None:
        """Raise ProgramEnded when one of the programs has ended: what ends at once would do so again."""
        for name, running in self._all.items():
            if running.process is None or _has_ended(running.process):
                raise ProgramEnded(f"{name} ended while starting")

    def restart_dead(self) -> None:
        """Look once at every program: notice who died, and start again those whose pause is over."""
        for running in self._all.values():
            if running.process is not None and _has_ended(running.process):
                self._bury(running)
            elif running.process is None and time.monotonic() >= running.restart_at:
                self._launch(running)

    def finish(self, names: Iterable[str]) -> None:
        """Ask these programs to finish and wait until they have; what outstays its time is killed."""
        chosen = [self._all[name] for name in names if name in self._all]
        living = [(running, running.process) for running in chosen if running.process is not None]
        for running, process in living:
            if not _has_ended(process):
                process.send_signal(running.program.finish)
        deadline = time.monotonic() + self._grace
        for running, process in living:
            while not _has_ended(process) and time.monotonic() < deadline:
                time.sleep(LOOK_EVERY)
            if not _has_ended(process):
                self._say(f"{running.program.name} does not finish and is killed")
            self._reap(running, process)
        for running in chosen:
            del self._all[running.program.name]

    def _launch(self, running: _Running) -> None:
        program = running.program
        running.process = subprocess.Popen(  # noqa: S603  # programs are ours, and no shell reads them
            program.command,
            env=dict(program.environ),
            stdin=subprocess.DEVNULL,
            process_group=0,
            preexec_fn=_finish_with_parent,
        )
        running.started = time.monotonic()
        running.restart_at = float("inf")
        self._pid_file(program.name).write_text(f"{running.process.pid}\n")

    def _bury(self, running: _Running) -> None:
        process = running.process
        assert process is not None
        if time.monotonic() - running.started > STABLE_SECONDS:
            running.pause = FIRST_PAUSE
        code = self._reap(running, process)
        self._say(f"{running.program.name} {_how(code)}; it is started again in {running.pause:g} s")
        running.restart_at = time.monotonic() + running.pause
        running.pause = min(running.pause * 2, LONGEST_PAUSE)

    def _reap(self, running: _Running, process: subprocess.Popen[bytes]) -> int:
        """End what a dead program has left behind (workers that hold its port), and take note of its end."""
        # While the leader has not been waited for, nobody else can have its id or that of its group.
        os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
        running.process = None
        self._pid_file(running.program.name).unlink(missing_ok=True)
        return code

    def _pid_file(self, name: str) -> Path:
        return self._folder / f"{name}.pid"


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the process has ended, without taking note of it: its id stays taken."""
    if process.returncode is not None:
        return True
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _how(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"


def _finish_with_parent() -> None:
    """When the supervisor itself is killed, the kernel asks its programs to finish (on Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
