"""All that a backup must bring back, to be compared."""

from pathlib import Path
from typing import Any

from bookstore.backups.media import files_in
from bookstore.backups.parts import GATEWAY, gateway_books, tables_of_part
from bookstore.config import Settings
from bookstore.moving.content import content_of
from bookstore.moving.targets import BATCH
from bookstore.wiring import open_databases
from tests.service.moving.busy_shop import dump

# Its one row names the database for copies of the search index, and a restored one has a new name.
NEW_NAME = "catalog.search_snapshot_turn"


def rows_of(settings: Settings) -> dict[str, list[str]]:
    """All rows of all services, as the databases write them."""
    databases = open_databases(settings)
    try:
        found = dump(databases)
    finally:
        for database in databases.values():
            database.close()
    assert len(found.pop(NEW_NAME)) == 1
    return found


def checksums_of(settings: Settings) -> dict[str, tuple[int, str]]:
    """Rows and checksum of each table, which are the same whatever the database is."""
    databases = open_databases(settings)
    found = {}
    for service, database in databases.items():
        for table in tables_of_part(service):
            content = content_of(database, table, BATCH)
            found[f"{service}.{table.name}"] = (content.rows, content.digest)
        database.close()
    found.pop(NEW_NAME)
    return found


def gateway_of(settings: Settings) -> dict[str, Any]:
    books = gateway_books(settings)
    try:
        return {table.name: content_of(books, table, BATCH) for table in tables_of_part(GATEWAY)}
    finally:
        books.close()


def media_of(settings: Settings) -> dict[str, bytes]:
    folder = settings.effective_media_dir()
    return {name: (folder / name).read_bytes() for name in files_in(folder)}


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones too; what SQLite keeps beside an open file is none."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }
