"""Programs of this machine that a deployment asks: docker, git."""

import os
import subprocess
from collections.abc import Mapping, Sequence

from bookstore.deploying.errors import CommandFailed

COMMAND_SECONDS = 900


def run(command: Sequence[str], settings: Mapping[str, str] | None = None, *, shown: bool = False) -> str:
    """What a program prints; with `shown` the operator sees it at once instead. Raises CommandFailed."""
    done = subprocess.run(  # noqa: S603  # our own words, and no shell
        command,
        env={**os.environ, **(settings or {})},
        stdout=None if shown else subprocess.PIPE,
        stderr=None if shown else subprocess.PIPE,
        text=True,
        timeout=None if shown else COMMAND_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        said = "" if shown else f"{done.stdout}{done.stderr}".strip()
        raise CommandFailed(command=f"{' '.join(command)} ({_ending(done.returncode)})", said=said)
    return done.stdout or ""


def _ending(code: int) -> str:
    return f"exit {code}" if code >= 0 else f"ended by signal {-code}"


def run_briefly(command: Sequence[str], seconds: float) -> str:
    """What a program has printed by then, both ways, whether it ended or not."""
    try:
        done = subprocess.run(  # noqa: S603  # our own words, and no shell
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as over:
        return (over.stdout or b"").decode(errors="replace")
    return done.stdout.decode(errors="replace")
