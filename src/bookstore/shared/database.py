"""One service's database: engine, sessions, column types.

Each service has its own `Database`, even where three of them share one server or one file: the code
always behaves as if there were three. A use case opens its own transaction with `session.begin()`.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    DateTime,
    Dialect,
    Engine,
    MetaData,
    Table,
    TypeDecorator,
    create_engine,
    event,
    text,
)
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from bookstore.shared import mysql
from bookstore.shared.mysql import ServerOptions
from bookstore.shared.orm_states import make_room_in_states

make_room_in_states()

SQLITE_BUSY_SECONDS = 10
# What the engine raises when the database does not answer, not in time, or has no connection left.
DATABASE_AWAY = (OperationalError, InterfaceError, DisconnectionError, PoolTimeout)

# Alembic needs to know the names of constraints in order to change them later.
NAMING_CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def service_metadata() -> MetaData:
    """The metadata that a service's own DeclarativeBase carries."""
    return MetaData(naming_convention=NAMING_CONVENTION)


def table_of(model: type[Any]) -> Table:
    """The table of a mapped class, for statements of columns, which need nothing of its objects."""
    table = model.__table__
    assert isinstance(table, Table)
    return table


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware in Python, UTC without a zone in the database, to the microsecond."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be stored")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Database:
    """A service's database.

    `writing()` gives a session whose transactions may change rows: on SQLite they take the write lock
    at once, because a transaction that first reads and then writes there fails instead of waiting.
    `reading()` gives a session that never waits for a writer.
    """

    def __init__(
        self,
        service: str,
        url: str,
        server: ServerOptions | None = None,
        beside: Iterable["Database"] = (),
    ) -> None:
        """`beside` are other databases of this process, whose connections it shares at the same address."""
        self.service = service
        self._url = url
        self._server = server or ServerOptions()
        self.engine = _engine_of(beside, url) or _create_engine(url, self._server)
        self._writing = sessionmaker(self.engine, expire_on_commit=False)
        self._reading = sessionmaker(
            self.engine.execution_options(read_only=True), expire_on_commit=False, autoflush=False
        )

    def is_at(self, url: str) -> bool:
        """Whether this is its address."""
        return self._url == url

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with self._writing() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with self._reading() as session:
            yield session

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """A connection whose statements may take as long as they need."""
        if not mysql.is_mysql(self._url):
            with self.engine.connect() as connection:
                yield connection
            return
        engine = mysql.create_patient_engine(self._url, self._server)
        with engine.connect() as connection:
            yield connection

    def ping(self) -> None:
        """Raise SQLAlchemyError when the database does not answer."""
        with self.reading() as session:
            session.execute(text("SELECT 1"))

    def close(self) -> None:
        self.engine.dispose()


def _engine_of(beside: Iterable[Database], url: str) -> Engine | None:
    """A thread asks one service at a time, so that three pools would be three times as many as it needs."""
    if not mysql.is_mysql(url):
        return None
    return next((other.engine for other in beside if other.is_at(url)), None)


def _create_engine(url: str, server: ServerOptions) -> Engine:
    return mysql.create_pooled_engine(url, server) if mysql.is_mysql(url) else _create_sqlite_engine(url)


def _create_sqlite_engine(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": SQLITE_BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        # The driver would begin transactions by itself, and never as IMMEDIATE.
        connection.isolation_level = None
        cursor = connection.cursor()
        _use_write_ahead_log(cursor)
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _use_write_ahead_log(cursor: sqlite3.Cursor) -> None:
    """SQLite lets one of several change the mode of a new file; the others do not wait by themselves."""
    ends_at = time.monotonic() + SQLITE_BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > ends_at:
                raise
            time.sleep(0.01)
        else:
            return


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_microseconds(moment: datetime) -> int:
    """A moment as a whole number, for cursors and indexes: exact, unlike a float timestamp."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_microseconds(number: int) -> datetime:
    """The moment of this number; clipped to the moments that databases can hold."""
    return EPOCH + timedelta(microseconds=max(0, min(number, 253_402_300_799_000_000)))
