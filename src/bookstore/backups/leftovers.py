"""Files and folders that must not outlive the process that made them, even when it is killed.

Whoever makes one keeps a lock on it, which the kernel lets go of when the process ends. So the next one can
tell what was left behind from what is still in use.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def scratch_folder(parent: Path, purpose: str) -> Iterator[Path]:
    """A hidden folder in this one, readable by nobody else and removed afterwards. Raises OSError."""
    parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(parent, f".{purpose}-*")
    folder = Path(tempfile.mkdtemp(prefix=f".{purpose}-", dir=parent))
    try:
        with in_use(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def in_use(path: Path) -> Iterator[None]:
    """Keep others from taking this file or folder for a leftover."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Remove what processes that were killed have left here. What is in use stays."""
    for path in folder.glob(pattern):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            finally:
                os.close(descriptor)
