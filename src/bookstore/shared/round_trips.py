"""What a pooled connection need not say to the server: most of its words are about nothing.

A pool that asks the server before each use of a connection whether it is there, and rolls back after each,
does so also when a COMMIT was answered just now. An order has fifteen transactions. See ADR 37.
"""

import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry, PoolResetState

# Whoever was answered a moment ago need not ask. No server restarts in less: MariaDB was seen to take 0.4 s.
TRUSTED_SECONDS = 0.1
_RESTING, _USED_AT = "bookstore.resting", "bookstore.used_at"


def save(engine: Engine) -> None:
    """Leave out what says nothing. The engine's pool must neither ping nor reset by itself."""
    event.listen(engine, "begin", _begin)
    event.listen(engine, "commit", _end)
    event.listen(engine, "rollback", _end)
    event.listen(engine, "checkout", _ping_unless_trusted)
    event.listen(engine, "checkin", _remember_use)
    event.listen(engine, "reset", _undo_what_is_open)


def is_resting(record: ConnectionPoolEntry) -> bool:
    """Whether the last transaction of this connection was ended in words, and none has begun since."""
    return bool(record.info.get(_RESTING))


def _begin(connection: Connection) -> None:
    connection.info.pop(_RESTING, None)


def _end(connection: Connection) -> None:
    # Before the word is sent: should it fail, SQLAlchemy rolls back or gives the connection up.
    if not connection.invalidated:
        connection.info[_RESTING] = True


def _ping_unless_trusted(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    used_at = record.info.get(_USED_AT)
    if used_at is None or time.monotonic() - used_at < TRUSTED_SECONDS:
        return
    try:
        connection.ping()
    except connection.Error as error:
        raise InvalidatePoolError from error


def _remember_use(connection: Any, record: ConnectionPoolEntry) -> None:
    # None: it was given up.
    if connection is not None:
        record.info[_USED_AT] = time.monotonic()


def _undo_what_is_open(connection: Any, record: ConnectionPoolEntry, state: PoolResetState) -> None:
    if not state.transaction_was_reset and not is_resting(record):
        connection.rollback()
