"""The parts of a backup: the database of each service, and the payment sandbox's books, if any."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Table, inspect

from bookstore.backups.errors import CannotBackUp
from bookstore.config import SERVICES, Settings
from bookstore.moving.content import tables_of
from bookstore.moving.places import is_missing_file, shown
from bookstore.shared import migrations
from bookstore.shared.database import Database
from bookstore.wiring import gateway_url, open_databases, server_options

GATEWAY = "gateway"


def tables_of_part(part: str) -> list[Table]:
    """The tables, each after those that it refers to."""
    if part != GATEWAY:
        return tables_of(part)
    from bookstore.orders.gateways.sandbox import Base

    return list(Base.metadata.sorted_tables)


def make_tables(database: Database) -> None:
    """The tables of a part in an empty database, without the rows that migrations put there."""
    if database.service != GATEWAY:
        migrations.upgrade(database)
    tables = tables_of_part(database.service)
    with database.engine.begin() as connection:
        for table in tables:
            table.create(connection, checkfirst=True)
        for table in reversed(tables):
            connection.execute(table.delete())


def gateway_books(settings: Settings) -> Database:
    """The books of the payment sandbox."""
    return Database(GATEWAY, gateway_url(settings), server_options(settings))


def has_books(settings: Settings) -> bool:
    """Whether the payment sandbox has ever kept any, in a file or on a server."""
    if is_missing_file(gateway_url(settings)):
        return False
    books = gateway_books(settings)
    try:
        tables = set(inspect(books.engine).get_table_names())
    finally:
        books.close()
    return tables >= {table.name for table in tables_of_part(GATEWAY)}


def file_database(part: str, path: Path) -> Database:
    return Database(part, f"sqlite:///{path}")


@contextmanager
def opened_parts(settings: Settings) -> Iterator[dict[str, Database]]:
    """All databases of the shop, each at this version's schema. Raises CannotBackUp."""
    for service in SERVICES:
        url = settings.database_url_of(service)
        if is_missing_file(url):
            raise CannotBackUp(service=service, place=shown(url), reason="there is no such file")
    parts = open_databases(settings)
    if has_books(settings):
        parts[GATEWAY] = gateway_books(settings)
    try:
        for service in SERVICES:
            _check_schema(parts[service], settings.database_url_of(service))
        yield parts
    finally:
        for database in parts.values():
            database.close()


def _check_schema(database: Database, url: str) -> None:
    found, needed = migrations.current_revision(database), migrations.needed_revision(database)
    if found != needed:
        reason = f"its schema is at {found}, this program needs {needed}; run `bookstore migrate` first"
        raise CannotBackUp(service=database.service, place=shown(url), reason=reason)
