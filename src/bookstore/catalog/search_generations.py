"""Where an index lies on disk: generations side by side, and the file CURRENT that names the one in use."""

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from bookstore.catalog.search_document import SCHEMA_VERSION

# An index that nobody has built yet. Rebuilding counts from there.
FIRST_GENERATION = "gen-000000"

_CURRENT = "CURRENT"


class IndexUnusable(Exception):
    """The index on disk is damaged, of another version or out of reach. Rebuild it: nothing else is lost."""


class RebuildRunning(Exception):
    """Another process is rebuilding this index right now."""


def current_generation(root: Path) -> str:
    """The name of the generation in use. Raises IndexUnusable when CURRENT does not name one we can read."""
    try:
        current = json.loads((root / _CURRENT).read_text())
        generation, schema = str(current["generation"]), current["schema"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise IndexUnusable(f"{_CURRENT} cannot be read: {error}") from error
    if schema != SCHEMA_VERSION:
        raise IndexUnusable(f"the index has schema {schema}, this program needs {SCHEMA_VERSION}")
    return generation


def use_first_generation(root: Path) -> None:
    """Name FIRST_GENERATION as current, unless CURRENT is there by now."""
    with _written_aside(root, FIRST_GENERATION) as aside, contextlib.suppress(FileExistsError):
        os.link(aside, root / _CURRENT)
    sync_directory(root)


def switch_to(root: Path, generation: str) -> None:
    """Put another generation into use, in one step that also survives a power cut."""
    with _written_aside(root, generation) as aside:
        os.replace(aside, root / _CURRENT)
    sync_directory(root)


def has_current(root: Path) -> bool:
    return (root / _CURRENT).exists()


def new_generation(root: Path) -> str:
    """Make the directory of a generation that comes after all others.

    Its name was never used before, not even in a folder that was deleted: whoever still has a writer there
    must not take the new generation for his own.
    """
    latest = max((int(path.name[4:]) for path in root.glob("gen-[0-9]*")), default=0)
    name = f"gen-{max(latest + 1, time.time_ns())}"
    (root / name).mkdir()
    return name


def remove_other_generations(root: Path, kept: str) -> None:
    """Also what killed rebuilds left. Readers that still have files of the others open can go on reading."""
    for path in root.glob("gen-[0-9]*"):
        if path.name != kept:
            shutil.rmtree(path, ignore_errors=True)
    for path in root.glob(f"{_CURRENT}.*"):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def rebuild_lock(root: Path) -> Iterator[None]:
    """Only one rebuild at a time; the lock ends with the process. Raises RebuildRunning."""
    with (root / "rebuild.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RebuildRunning from error
        yield


@contextlib.contextmanager
def _written_aside(root: Path, generation: str) -> Iterator[Path]:
    aside = root / f"{_CURRENT}.{os.getpid()}"
    with aside.open("w") as file:
        json.dump({"generation": generation, "schema": SCHEMA_VERSION}, file)
        file.flush()
        os.fsync(file.fileno())
    yield aside
    aside.unlink(missing_ok=True)


def sync_directory(root: Path) -> None:
    """Make the names in a directory as durable as the files."""
    descriptor = os.open(root, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
