"""Putting a backup into an empty place: unpack and prove it, move the rows, put the files back, audit.

Nothing of the place is touched before the whole backup is unpacked and proved. A restore that was cut off
goes on when it is repeated: the scratch folder that it leaves, named for the backup, says that it had begun.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bookstore.auditing import Finding, audit_shop
from bookstore.backups.archive import read_about
from bookstore.backups.errors import OtherVersion, PlaceTaken
from bookstore.backups.files import Files, require_same
from bookstore.backups.manifest import Manifest
from bookstore.backups.media import SEARCH_COPIES
from bookstore.backups.unpacking import unpack
from bookstore.catalog.search_copies import IndexCopies
from bookstore.config import SERVICES, Settings
from bookstore.moving.content import reading
from bookstore.moving.moves import MovedTable, move
from bookstore.moving.places import Place, is_missing_file, open_place, shown
from bookstore.moving.progress import Progress
from bookstore.moving.targets import check_target
from bookstore.shared import migrations
from bookstore.shared.database import Database
from bookstore.wiring import server_options

# In the scratch folder: this restore puts files back too, and has found no others in their places.
FILES_BEGUN = "files-begun"

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Restored:
    """What is back and was compared with the manifest. `findings` are of the audit as of the backup's moment.

    If not `is_whole`, files were left alone, and there was no audit, since they are of another time.
    """

    manifest: Manifest
    tables: list[MovedTable]
    is_whole: bool
    findings: list[Finding] = field(default_factory=list)


def restore(
    settings: Settings,
    path: Path,
    *,
    databases_only: bool = False,
    report: Report = lambda done, total: None,
) -> Restored:
    """Restore a backup into the databases and folders of these settings, which must hold nothing.

    With `databases_only` the photos, the gateway's books and the secret key of the place stay as they are.
    Raises NotABackup, WrongKey, DamagedBackup, OtherVersion, PlaceTaken and TargetTaken before anything is
    changed; RowRefused, AnotherMove while rows are moved, CopyDiffers and RestoredDiffers at the end.
    """
    about = read_about(path, settings.backup_key)
    _check_versions(path, about)
    restoring = _Restoring(settings, path, about.id, databases_only, report)
    restoring.check_place()
    return restoring.run()


def _check_versions(path: Path, about: Manifest) -> None:
    """Raise OtherVersion unless each schema is this program's."""
    for service in SERVICES:
        needed, found = _needed_revision(service), about.parts[service].revision
        if found != needed:
            reason = (
                f"its {service} schema is at {found}, this program needs {needed}; restore it with the "
                f"version that made it ({about.program}), then run `bookstore migrate` of this one"
            )
            raise OtherVersion(path=path, reason=reason)


def _needed_revision(service: str) -> str:
    database = Database(service, "sqlite://")
    try:
        return migrations.needed_revision(database)
    finally:
        database.close()


class _Restoring:
    """One restore into one place."""

    def __init__(
        self, settings: Settings, path: Path, backup_id: str, databases_only: bool, report: Report
    ) -> None:
        self.settings = settings
        self.path = path
        self.databases_only = databases_only
        self.report = report
        self.scratch = settings.data_dir.resolve() / f"restoring-{backup_id}"
        self.media_scratch = settings.effective_media_dir() / f".restoring-{backup_id}"
        self.files = Files(settings, self.scratch, self.media_scratch)
        self.has_begun = self.scratch.is_dir()
        self.sources: Place = {
            service: f"sqlite:///{self.scratch / f'{service}.sqlite3'}" for service in SERVICES
        }
        self.targets: Place = {service: settings.database_url_of(service) for service in SERVICES}

    def check_place(self) -> None:
        """Raise TargetTaken or PlaceTaken unless it is empty, or holds what this restore has put there."""
        with self._opened_targets() as databases:
            for service, database in databases.items():
                source = shown(self.sources[service])
                if not self.has_begun and _is_filled(database, self.targets[service], source):
                    place = shown(self.targets[service])
                    raise PlaceTaken(place=place, reason="was restored from this very backup already")
                check_target(database, self.targets[service], source, start_over=False)
        if not self.databases_only and not (self.scratch / FILES_BEGUN).exists():
            self.files.check_empty()

    def run(self) -> Restored:
        manifest = self._unpacked()
        options = server_options(self.settings)
        tables = move(self.sources, self.targets, server=options, report=self.report)
        _prove(manifest, tables)
        if not self.databases_only:
            self.files.put_back(manifest)
        findings = self._audit(manifest)
        for folder in (self.scratch, self.media_scratch, self.settings.data_dir / "search"):
            shutil.rmtree(folder, ignore_errors=True)
        self._disown_indexes()
        return Restored(manifest, tables, not self.databases_only, findings)

    def _unpacked(self) -> Manifest:
        """The whole backup in the scratch folders; they are gone again when it turns out unsound."""
        media = None if self.databases_only else self.media_scratch
        try:
            self._make_scratch()
            manifest = unpack(self.path, self.settings.backup_key, self.scratch, media)
            if not self.databases_only:
                self.files.check_secret_key(manifest)
        except BaseException:
            shutil.rmtree(self.media_scratch, ignore_errors=True)
            if not self.has_begun:
                shutil.rmtree(self.scratch, ignore_errors=True)
            raise
        return manifest

    def _make_scratch(self) -> None:
        """Folders without what an earlier run has unpacked; that it had begun is remembered."""
        shutil.rmtree(self.media_scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True, mode=0o700, exist_ok=True)
        for path in self.scratch.iterdir():
            if path.name != FILES_BEGUN:
                path.unlink()
        if not self.databases_only:
            (self.scratch / FILES_BEGUN).touch()
            self.media_scratch.mkdir(parents=True, mode=0o700)

    def _audit(self, manifest: Manifest) -> list[Finding]:
        if self.databases_only:
            return []
        with self._opened_targets() as databases:
            return audit_shop(self.settings, databases, manifest.moment)

    def _disown_indexes(self) -> None:
        """Copies of a search index may know what the databases have lost.

        Comes last, since it changes a row that was proved.
        """
        with self._opened_targets() as databases:
            IndexCopies(databases["catalog"], self.settings.effective_media_dir() / SEARCH_COPIES).disown()

    @contextmanager
    def _opened_targets(self) -> Iterator[dict[str, Database]]:
        databases = open_place(self.targets, server_options(self.settings))
        try:
            yield databases
        finally:
            for database in databases.values():
                database.close()


def _is_filled(database: Database, url: str, source: str) -> bool:
    """Whether an earlier restore of this backup came to its end here."""
    if is_missing_file(url):
        return False
    with reading(database) as connection:
        positions = Progress(database.service).positions(connection).values()
    return any(position.source == source and position.verified for position in positions)


def _prove(manifest: Manifest, tables: list[MovedTable]) -> None:
    expected = {
        f"{service}.{table}": content
        for service in SERVICES
        for table, content in manifest.parts[service].tables.items()
    }
    require_same(expected, {f"{table.service}.{table.table}": table.content for table in tables})
