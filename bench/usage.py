"""What the programs of a shop take of the machine: processor time, memory, open files, statements."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from bench.production import Production

MEGABYTE = 1e6


@dataclass(frozen=True)
class Usage:
    """Of each program with all of its processes: seconds of processor time since their start, MB of memory
    (of what they share, each has its part), open files; what the database has been asked; and seconds for
    which the processors of the machine were busy, with whatever it was.
    """

    cpu: Mapping[str, float]
    memory: Mapping[str, float]
    files: Mapping[str, int]
    statements: int
    commits: int
    busy: float = 0.0

    @classmethod
    def of(cls, running: Production) -> Self:
        """As it is now."""
        processes = {name: family(pid) for name, pid in running.programs.items()}
        counted = dict(
            running.database.administer(
                "SHOW GLOBAL STATUS WHERE Variable_name IN ('Questions', 'Com_commit')"
            )
        )
        return cls(
            cpu={name: sum(map(cpu_seconds, some)) for name, some in processes.items()},
            memory={name: sum(map(megabytes, some)) for name, some in processes.items()},
            files={name: sum(map(files, some)) for name, some in processes.items()},
            statements=int(str(counted["Questions"])),
            commits=int(str(counted["Com_commit"])),
            busy=_busy_seconds(),
        )


@dataclass(frozen=True)
class Cost:
    """What requests have cost: seconds of processor time per 1,000 of them and MB of memory at the end, by
    program; MB that were added for 1,000 of them; statements and commits for each. `others` is how many
    processors were taken meanwhile by what is neither the shop nor the load.
    """

    cpu: Mapping[str, float]
    memory: Mapping[str, float]
    grown: Mapping[str, float]
    statements: float
    commits: float
    others: float


@dataclass(frozen=True)
class Idle:
    """What the shop does when nobody asks, in each second."""

    statements: float = 0.0
    commits: float = 0.0

    @classmethod
    def between(cls, before: Usage, after: Usage, seconds: float) -> Self:
        return cls(
            (after.statements - before.statements) / seconds, (after.commits - before.commits) / seconds
        )


def cost(
    before: Usage, after: Usage, idle: Idle, *, requests: int, seconds: float, generator: float = 0.0
) -> Cost:
    """What so many requests have cost in so many seconds, beyond the statements of an idle shop.

    `generator` is the generator's own processor time in seconds.
    """
    each = 1000 / max(1, requests)
    own = sum(after.cpu.values()) - sum(before.cpu.values()) + generator
    return Cost(
        cpu={name: (used - before.cpu[name]) * each for name, used in after.cpu.items()},
        memory=dict(after.memory),
        grown={name: (used - before.memory[name]) * each for name, used in after.memory.items()},
        statements=_more(before.statements, after.statements, idle.statements * seconds) * each / 1000,
        commits=_more(before.commits, after.commits, idle.commits * seconds) * each / 1000,
        others=max(0.0, after.busy - before.busy - own) / seconds,
    )


def _more(before: int, after: int, anyway: float) -> float:
    return max(0.0, after - before - anyway)


def family(pid: int) -> list[psutil.Process]:
    """A process and all that come from it; none if it is gone."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    return []


def megabytes(process: psutil.Process) -> float:
    """Memory of one process; what it shares with others is divided among them."""
    with suppress(psutil.NoSuchProcess):
        return float(process.memory_full_info().pss) / MEGABYTE
    return 0.0


def own_megabytes(process: psutil.Process) -> float:
    """Memory that one process has filled by itself. The files of an index that it has mapped are not in it:
    the system takes those back when it wants, and all processes share them.
    """
    with suppress(FileNotFoundError, ProcessLookupError):
        status = Path("/proc", str(process.pid), "status").read_text()
        [kilobytes] = [line.split()[1] for line in status.splitlines() if line.startswith("RssAnon:")]
        return int(kilobytes) * 1024 / MEGABYTE
    return 0.0


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(sum(times[:8]) - times.idle - times.iowait)


def cpu_seconds(process: psutil.Process) -> float:
    """Those of children that have ended are counted as well."""
    with suppress(psutil.NoSuchProcess):
        return float(sum(process.cpu_times()[:4]))
    return 0.0


def files(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        return int(process.num_fds())
    return 0
