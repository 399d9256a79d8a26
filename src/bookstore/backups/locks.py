"""Holding all writers of several databases for the moment in which a picture of all of them is taken.

All are locked before anything else happens, in one fixed order, and within one bounded time that is shorter
than the shop's own patience: whoever wants to write meanwhile waits, and is not refused.
"""

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from bookstore.backups.errors import WritersNotHeld
from bookstore.backups.parts import tables_of_part
from bookstore.moving.places import shown
from bookstore.shared.database import Database

# In all. A sale waits for ten seconds on SQLite, and on a server for as long as the settings say.
HOLD_SECONDS = 4.0


@contextmanager
def writers_held(databases: Mapping[str, Database], seconds: float = HOLD_SECONDS) -> Iterator[None]:
    """Nobody writes to any of these databases inside of this, and what was being written is committed.

    Raises WritersNotHeld, naming the database, when it does not come about in so many seconds.
    """
    end = time.monotonic() + seconds
    with ExitStack() as held:
        for database in _in_order(databases):
            left = max(0.1, end - time.monotonic())
            is_file = database.engine.dialect.name == "sqlite"
            held.enter_context(_file_held(database, left) if is_file else _tables_held(database, left))
        yield


def _in_order(databases: Mapping[str, Database]) -> list[Database]:
    """Each file once, though several services may share it; on a server each service locks its own tables."""
    unique: dict[tuple[str, str], Database] = {}
    for name, database in databases.items():
        is_file = database.engine.dialect.name == "sqlite"
        unique.setdefault((_place(database), "" if is_file else name), database)
    return [unique[key] for key in sorted(unique)]


@contextmanager
def _file_held(database: Database, seconds: float) -> Iterator[None]:
    path = Path(database.engine.url.database or "").resolve()
    connection = sqlite3.connect(path, timeout=seconds, isolation_level=None)
    try:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise _not_held(database, str(error)) from error
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


@contextmanager
def _tables_held(database: Database, seconds: float) -> Iterator[None]:
    """LOCK TABLES waits for open transactions that have written, so what it sees is all committed."""
    tables = ", ".join(f"`{table.name}` READ" for table in tables_of_part(database.service))
    with database.engine.connect() as connection:
        connection.detach()  # its session has settings that nobody else should inherit
        try:
            connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {max(1, int(seconds))}")
            connection.exec_driver_sql(f"LOCK TABLES {tables}")
        except DBAPIError as error:
            raise _not_held(database, str(error.orig)) from error
        yield
        connection.exec_driver_sql("UNLOCK TABLES")


def _not_held(database: Database, reason: str) -> WritersNotHeld:
    return WritersNotHeld(service=database.service, place=_place(database), reason=reason)


def _place(database: Database) -> str:
    return shown(database.engine.url.render_as_string(hide_password=False))
