"""Making a backup: all databases at one instant, the media that they speak of, into one file."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from bookstore.backups.archive import ABOUT, MANIFEST, SECRET_KEY, ArchiveWriter, writing_archive
from bookstore.backups.copies import copy_to_file
from bookstore.backups.instant import Instant, one_instant
from bookstore.backups.leftovers import scratch_folder
from bookstore.backups.manifest import Manifest, MediaFile, Part
from bookstore.backups.media import HeldMedia, digest_of, held_media, photos_named
from bookstore.backups.parts import GATEWAY, opened_parts, tables_of_part
from bookstore.backups.shelf import name_of, new_file, shop_of
from bookstore.config import Settings
from bookstore.moving.content import count
from bookstore.shared import migrations
from bookstore.shared.database import Database

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Written:
    """A backup that is whole and in its place."""

    path: Path
    manifest: Manifest
    held_seconds: float


def write_backup(settings: Settings, report: Report = lambda done, total: None) -> Written:
    """Write a backup of the whole shop, which may go on selling, into the folder of the backups.

    `report` hears how many rows of how many are copied. Raises CannotBackUp, WritersNotHeld, OSError.
    """
    with ExitStack() as opened:
        new = opened.enter_context(new_file(settings.effective_backup_dir()))
        scratch = opened.enter_context(scratch_folder(settings.data_dir, "backup"))
        parts = opened.enter_context(opened_parts(settings))
        media = opened.enter_context(held_media(settings.effective_media_dir()))
        # Held before the instant, since a photo of then may be deleted a moment later; and after it, for
        # what came in between. So all that a row of the instant speaks of is there.
        media.hold()
        instant = opened.enter_context(one_instant(parts))
        media.hold()
        about = _about(parts, instant)
        with writing_archive(new.file, settings.backup_key, instant.moment.timestamp()) as archive:
            manifest = _Writing(settings, scratch, archive, instant, about, report).write(media)
        name = name_of(shop_of(settings), instant.moment, is_sealed=bool(settings.backup_key))
        return Written(new.keep_as(name), manifest, instant.held_seconds)


def _about(parts: Mapping[str, Database], instant: Instant) -> Manifest:
    revisions = {
        name: None if name == GATEWAY else migrations.needed_revision(database)
        for name, database in parts.items()
    }
    described = {name: Part(revision, instant.binlogs.get(name)) for name, revision in revisions.items()}
    return Manifest(secrets.token_hex(8), instant.moment, version("bookstore"), described)


@dataclass
class _Writing:
    """The members of one backup, in their order."""

    settings: Settings
    scratch: Path
    archive: ArchiveWriter
    instant: Instant
    manifest: Manifest
    report: Report

    def write(self, media: HeldMedia) -> Manifest:
        self.archive.add_manifest(ABOUT, self.manifest)
        named = photos_named(self.instant.connections["catalog"])
        self._add_databases()
        self._add_secret_key()
        files = self._add_media(media)
        missing = tuple(sorted(named - files.keys()))
        self.manifest = replace(self.manifest, media=files, missing=missing)
        self.archive.add_manifest(MANIFEST, self.manifest)
        return self.manifest

    def _add_databases(self) -> None:
        connections = self.instant.connections
        total = sum(
            count(connection, table)
            for name, connection in connections.items()
            for table in tables_of_part(name)
        )
        done = 0

        def more(rows: int) -> None:
            nonlocal done
            done += rows
            self.report(done, total)

        parts = {}
        for name, part in self.manifest.parts.items():
            path = self.scratch / f"{name}.sqlite3"
            tables = copy_to_file(connections[name], name, path, more)
            parts[name] = replace(part, sha256=digest_of(path), tables=tables)
            self.archive.add_database(name, path)
            path.unlink()
        self.manifest = replace(self.manifest, parts=parts)

    def _add_secret_key(self) -> None:
        """Only into a sealed backup: it opens what else is secret in the databases."""
        kept = self.settings.kept_secret_key()
        if self.settings.backup_key and not self.settings.secret_key and kept.is_file():
            self.archive.add_bytes(SECRET_KEY, kept.read_bytes())
            self.manifest = replace(self.manifest, has_secret_key=True)

    def _add_media(self, media: HeldMedia) -> dict[str, MediaFile]:
        """Where links are not possible, a photo may be deleted before its turn; it is named as missing."""
        files = {}
        for name, path in media.files():
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue
            with file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                files[name] = MediaFile(file.tell(), digest)
                file.seek(0)
                self.archive.add_media(name, file, files[name].bytes)
        return files
