"""Several databases at one instant: a reading transaction in each, all begun while nobody writes."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from bookstore.backups.locks import writers_held
from bookstore.backups.manifest import BinlogPosition
from bookstore.shared import mysql
from bookstore.shared.clock import utcnow
from bookstore.shared.database import Database

# A server forgets an idle connection; that of a small database is idle while a large one is copied.
IDLE_SECONDS = 24 * 3600
# "You may not ask this", and "this is no statement of mine": MySQL 8.4 gave it another name.
ACCESS_DENIED, SYNTAX_ERROR = 1227, 1064


@dataclass(frozen=True)
class Instant:
    """All databases at one moment: whatever is read through these connections is of it.

    `held_seconds` is how long writers waited for it; `binlogs` has the position of each server's binary log
    where there is one that may be asked for.
    """

    moment: datetime
    held_seconds: float
    connections: dict[str, Connection]
    binlogs: dict[str, BinlogPosition]


@contextmanager
def one_instant(databases: Mapping[str, Database]) -> Iterator[Instant]:
    """All of these databases as they are at one instant, while the shop goes on. Raises WritersNotHeld."""
    with ExitStack() as opened:
        # Connected before anybody is held, since that takes longer than all the rest.
        connections = {
            name: opened.enter_context(_connected(database)) for name, database in databases.items()
        }
        started = time.monotonic()
        with writers_held(databases):
            for connection in connections.values():
                _begin(connection)
            moment = utcnow()
            binlogs = {name: _binlog(connection) for name, connection in connections.items()}
        held = time.monotonic() - started
        known = {name: position for name, position in binlogs.items() if position}
        yield Instant(moment, held, connections, known)


def _connected(database: Database) -> Connection:
    if database.engine.dialect.name == "sqlite":
        return database.engine.execution_options(read_only=True).connect()
    connection = database.engine.connect()
    connection.detach()
    mysql.never_let_go(connection, IDLE_SECONDS)
    connection.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    return connection


def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        # The transaction begins, as a reading one, with the first statement, and sees what is there by then.
        connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()
    else:
        connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")


def _binlog(connection: Connection) -> BinlogPosition | None:
    if connection.dialect.name == "sqlite":
        return None
    if getattr(connection.dialect, "is_mariadb", False):
        return _binlog_of_mariadb(connection)
    for statement in ("SHOW BINARY LOG STATUS", "SHOW MASTER STATUS"):
        try:
            row = connection.exec_driver_sql(statement).first()
        except DBAPIError as error:
            if mysql.error_number(error.orig) not in {ACCESS_DENIED, SYNTAX_ERROR}:
                raise
            continue
        return BinlogPosition(row[0], int(row[1])) if row else None
    return None


def _binlog_of_mariadb(connection: Connection) -> BinlogPosition | None:
    """MariaDB tells everybody the position that belongs to his own snapshot."""
    rows = connection.exec_driver_sql("SHOW STATUS LIKE 'binlog_snapshot_%%'")
    status = {name.lower(): value for name, value in rows}
    file = status.get("binlog_snapshot_file")
    return BinlogPosition(file, int(status["binlog_snapshot_position"])) if file else None
