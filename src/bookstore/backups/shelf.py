"""The folder of the backups: what they are called, how one appears in it, and which ones go."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from bookstore.backups.leftovers import in_use, remove_leftovers
from bookstore.config import SERVICES, Settings
from bookstore.moving.places import shown

MOMENT = "%Y%m%dT%H%M%S.%fZ"
NAME = re.compile(
    r"bookstore-(?P<shop>[0-9a-f]{8})-(?P<moment>\d{8}T\d{6}\.\d{6}Z)\.tar(?P<sealed>\.sealed)?"
)


@dataclass(frozen=True)
class Backup:
    """A whole backup in the folder."""

    path: Path
    shop: str
    moment: datetime
    is_sealed: bool

    @property
    def bytes(self) -> int:
        return self.path.stat().st_size


def shop_of(settings: Settings) -> str:
    """A mark that follows from the places of its databases: several shops may share a folder of backups."""
    places = [shown(settings.database_url_of(service)) for service in SERVICES]
    return hashlib.sha256("\n".join(places).encode()).hexdigest()[:8]


def name_of(shop: str, moment: datetime, *, is_sealed: bool) -> str:
    return f"bookstore-{shop}-{moment.astimezone(UTC).strftime(MOMENT)}.tar{'.sealed' if is_sealed else ''}"


def backups_in(folder: Path) -> list[Backup]:
    """The whole backups of all shops, oldest first. Whatever has another name is none of ours."""
    found = []
    for path in folder.glob("bookstore-*") if folder.is_dir() else ():
        if (match := NAME.fullmatch(path.name)) and path.is_file():
            moment = datetime.strptime(match["moment"], MOMENT).replace(tzinfo=UTC)
            found.append(Backup(path, match["shop"], moment, bool(match["sealed"])))
    return sorted(found, key=lambda backup: backup.moment)


@contextmanager
def new_file(folder: Path) -> Iterator["NewFile"]:
    """A file that appears in the folder under its name once it is whole and on disk, or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder, ".bookstore-*.partial")
    partial = folder / f".bookstore-{os.getpid()}-{os.urandom(4).hex()}.partial"
    descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file, in_use(partial):
            new = NewFile(folder, partial, file)
            yield new
    finally:
        partial.unlink(missing_ok=True)


@dataclass
class NewFile:
    """A backup that is being written."""

    folder: Path
    partial: Path
    file: BinaryIO

    def keep_as(self, name: str) -> Path:
        """Let the finished file appear under this name."""
        self.file.flush()
        os.fsync(self.file.fileno())
        final = self.folder / name
        self.partial.rename(final)
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return final


def rotate(folder: Path, shop: str, keep: int) -> list[Path]:
    """Remove the oldest whole backups of this shop but so many; which ones went."""
    ours = [backup.path for backup in backups_in(folder) if backup.shop == shop]
    superfluous = ours[: max(0, len(ours) - keep)]
    for path in superfluous:
        path.unlink()
    return superfluous


def set_aside(path: Path) -> Path:
    """Give a backup that turned out useless a name by which nobody takes it for a good one."""
    return path.rename(path.with_name(f"{path.name}.unsound"))
