"""Disks that outlive their machines, as volumes of EBS do: files of this machine behind loop devices."""

from contextlib import suppress
from pathlib import Path

from bookstore.deploying.errors import CommandFailed
from bookstore.deploying.programs import run

# The file takes as much room as is written to it.
SIZE = 8 * 1024**3


def plug_in(file: Path) -> Path:
    """The device behind which this file is; a new one is empty, without a file system."""
    if not file.exists():
        with file.open("wb") as new:
            new.truncate(SIZE)
    return Path(run(["losetup", "--find", "--show", str(file)]).strip())


def unplug(device: Path) -> None:
    with suppress(CommandFailed):
        run(["losetup", "--detach", str(device)])
