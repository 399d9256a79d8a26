"""Programs that go on in the background after the command that started them has ended.

Each leaves a note of its process. A process is ended only if it is still the one of the note: its number may
have gone to somebody else.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from bookstore.lab.errors import ProgramSilent

LOOK_EVERY = 0.1
LOG_CHARACTERS = 3000
# The programs of the system go first: Debian's docker and its engine fit together.
PLACES = os.pathsep.join(("/usr/sbin", "/usr/bin", os.environ.get("PATH", "")))


@dataclass(frozen=True)
class Note:
    """A process by its number and the moment of its start, which together nobody else has."""

    pid: int
    started: str


def start(folder: Path, name: str, command: Sequence[str], environ: Mapping[str, str] | None = None) -> int:
    """Start a program in a session of its own; what it says goes to a log. Its process id."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  # our own words, and no shell
            command,
            env={**os.environ, "PATH": PLACES, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    note = Note(process.pid, started_at(process.pid))
    (folder / f"{name}.json").write_text(json.dumps(asdict(note)))
    return process.pid


def running(folder: Path, name: str) -> int | None:
    """The process id of a program that was started and still runs."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    note = Note(**json.loads(path.read_text()))
    return note.pid if note.started and started_at(note.pid) == note.started else None


def stop(folder: Path, name: str, how: signal.Signals = signal.SIGTERM, seconds: float = 20) -> None:
    """End it, by force when it takes longer than this."""
    pid = running(folder, name)
    if pid is not None:
        _signal(pid, how)
        if not wait_until(lambda: running(folder, name) is None, seconds):
            _signal(pid, signal.SIGKILL)
            wait_until(lambda: running(folder, name) is None, seconds)
    (folder / f"{name}.json").unlink(missing_ok=True)


def require(folder: Path, name: str, answers: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until a program answers. Raises ProgramSilent when it ends or takes too long."""
    if not wait_until(lambda: running(folder, name) is None or answers(), seconds) or not answers():
        raise ProgramSilent(program=name, log=log_of(folder, name))


def log_of(folder: Path, name: str) -> str:
    return (folder / f"{name}.log").read_text(errors="replace")[-LOG_CHARACTERS:]


def wait_until(is_so: Callable[[], bool], seconds: float) -> bool:
    """Whether it became so in this time."""
    ends_at = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > ends_at:
            return False
        time.sleep(LOOK_EVERY)
    return True


def started_at(pid: int) -> str:
    """The moment at which a living process was started, in ticks of the machine; empty when it has ended."""
    with suppress(OSError, ChildProcessError):
        # One that we started and that has ended waits for us to take note.
        os.waitpid(pid, os.WNOHANG)
    with suppress(OSError):
        state, *others = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if state == "Z" else others[18]
    return ""


def _signal(pid: int, how: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, how)
