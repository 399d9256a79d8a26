"""The media folder: photos, which are written once under names that never come back, and may be deleted.

Copies of the search index, which lie there too, are not copied: they are made anew.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.engine import Connection

from bookstore.backups.leftovers import scratch_folder
from bookstore.catalog.models import Listing
from bookstore.catalog.photos import large_file, small_file

SEARCH_COPIES = "search"
BLOCK = 1024 * 1024
# What a file system says that knows no second names, or does not let us make any.
NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.EACCES, errno.EROFS, errno.EMLINK, errno.ENOSYS})


def files_in(folder: Path) -> list[str]:
    """The names of all files, with slashes, without hidden ones and copies of the search index."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in name.parts)
        if not hidden and name.parts[0] != SEARCH_COPIES and path.is_file():
            found.append(name.as_posix())
    return found


class HeldMedia:
    """The media for a backup. What the shop deletes meanwhile stays, where links are possible."""

    def __init__(self, folder: Path, held: Path | None) -> None:
        self._folder = folder
        self._held = held

    def hold(self) -> None:
        """Give every file a second name. May be done again for those that came since."""
        for name in files_in(self._folder) if self._held else ():
            if not self._link(name):
                self._held = None
                return

    def files(self) -> list[tuple[str, Path]]:
        """Name and path of each file."""
        root = self._held or self._folder
        return [(name, root / name) for name in files_in(root)]

    def _link(self, name: str) -> bool:
        """Whether this file system knows links; a file that is gone is no reason that it does not."""
        assert self._held is not None
        target = self._held / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(self._folder / name, target)
        except (FileExistsError, FileNotFoundError):
            return True
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            return False
        return True


@contextmanager
def held_media(folder: Path) -> Iterator[HeldMedia]:
    """The media, of which none is lost to a backup until the end of this, however quickly it is deleted."""
    with ExitStack() as kept:
        held = None
        if folder.is_dir():
            with suppress(OSError):  # a folder that we may only read
                held = kept.enter_context(scratch_folder(folder, "backup"))
        yield HeldMedia(folder, held)


def photos_named(connection: Connection) -> set[str]:
    """The files that the catalog's rows speak of."""
    names = connection.scalars(select(Listing.photo).where(Listing.photo.is_not(None)))
    return {file for name in names if name for file in (large_file(name), small_file(name))}


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
