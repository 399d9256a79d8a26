"""Putting back what is beside the services' databases: the gateway's books, the secret key, media."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bookstore.backups.archive import SECRET_KEY
from bookstore.backups.copies import copy_rows
from bookstore.backups.errors import PlaceTaken, RestoredDiffers
from bookstore.backups.manifest import Manifest
from bookstore.backups.media import digest_of, files_in
from bookstore.backups.parts import (
    GATEWAY,
    file_database,
    gateway_books,
    has_books,
    make_tables,
    tables_of_part,
)
from bookstore.config import Settings
from bookstore.moving.content import content_of, count, reading
from bookstore.moving.places import shown
from bookstore.moving.targets import BATCH
from bookstore.wiring import gateway_url


@dataclass(frozen=True)
class Files:
    """The files of one restore: where they were unpacked to, and where they belong.

    `media_scratch` lies in the media folder, so that a file gets into its place by a rename.
    """

    settings: Settings
    scratch: Path
    media_scratch: Path

    def check_empty(self) -> None:
        """Raise PlaceTaken when something lies where they belong."""
        media = self.settings.effective_media_dir()
        if files_in(media):
            raise PlaceTaken(place=media, reason="holds files; move them away first")
        if has_books(self.settings) and _holds_payments(self.settings):
            place = shown(gateway_url(self.settings))
            raise PlaceTaken(place=place, reason="holds payments; move them away first")

    def check_secret_key(self, manifest: Manifest) -> None:
        """Raise PlaceTaken when there is another key, which would not open what the databases hold."""
        kept, saved = self.settings.kept_secret_key(), self.scratch / SECRET_KEY
        if manifest.has_secret_key and kept.is_file() and kept.read_bytes() != saved.read_bytes():
            reason = "is another secret key than that of the backup; move it away first"
            raise PlaceTaken(place=kept, reason=reason)

    def put_back(self, manifest: Manifest) -> None:
        """Put all of it into its place, and compare it there. Raises RestoredDiffers, OSError."""
        if GATEWAY in manifest.parts:
            self._put_back_gateway(manifest)
        self._put_back_secret_key(manifest)
        self._put_back_media(manifest)

    def _put_back_gateway(self, manifest: Manifest) -> None:
        """In one transaction: the books are back altogether or not at all."""
        books = gateway_books(self.settings)
        saved = file_database(GATEWAY, self.scratch / f"{GATEWAY}.sqlite3")
        try:
            make_tables(books)
            with reading(saved) as source, books.engine.begin() as target:
                for table in tables_of_part(GATEWAY):
                    copy_rows(source, target, table, lambda rows: None)
            found = {table.name: content_of(books, table, BATCH) for table in tables_of_part(GATEWAY)}
        finally:
            books.close()
            saved.close()
        require_same(manifest.parts[GATEWAY].tables, found)

    def _put_back_secret_key(self, manifest: Manifest) -> None:
        kept = self.settings.kept_secret_key()
        if manifest.has_secret_key and not kept.is_file():
            saved = self.scratch / SECRET_KEY
            saved.chmod(0o600)
            os.replace(saved, kept)

    def _put_back_media(self, manifest: Manifest) -> None:
        media = self.settings.effective_media_dir()
        for name in manifest.media:
            (media / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(self.media_scratch / name, media / name)
        os.sync()
        found = {name: digest_of(media / name) for name in files_in(media)}
        require_same({name: file.sha256 for name, file in manifest.media.items()}, found)


def require_same(expected: Mapping[str, object], found: Mapping[str, object]) -> None:
    """Raise RestoredDiffers naming what is not as the manifest has it."""
    names = sorted(expected.keys() | found.keys())
    differing = [name for name in names if expected.get(name) != found.get(name)]
    if differing:
        raise RestoredDiffers(changes=", ".join(differing))


def _holds_payments(settings: Settings) -> bool:
    books = gateway_books(settings)
    try:
        with reading(books) as connection:
            return any(count(connection, table) for table in tables_of_part(GATEWAY))
    finally:
        books.close()
