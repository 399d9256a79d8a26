"""What a service's tables hold: rows in the order of their keys, and a checksum that is the same everywhere.

The checksum is the sum of the hashes of the rows. So it does not depend on an order, which differs between
databases with their collations, and it can be added up batch by batch, however often a move is cut off.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from importlib import import_module
from typing import Any

from sqlalchemy import ColumnElement, MetaData, Row, Table, and_, func, or_, select
from sqlalchemy.engine import Connection

from bookstore.moving.errors import RowRefused
from bookstore.shared.database import Database

Key = tuple[Any, ...]
MODULUS = 2**256


@dataclass(frozen=True)
class Content:
    """How many rows, and the sum of their hashes."""

    rows: int = 0
    checksum: int = 0

    def plus(self, batch: Sequence[Row[Any]]) -> "Content":
        total = sum(int.from_bytes(_hash(row)) for row in batch)
        return Content(self.rows + len(batch), (self.checksum + total) % MODULUS)

    @property
    def digest(self) -> str:
        return f"{self.checksum:064x}"


def tables_of(service: str) -> list[Table]:
    """The service's tables, each after those that it refers to."""
    import_module(f"bookstore.{service}")  # with all modules that have tables
    metadata: MetaData = import_module(f"bookstore.{service}.models").Base.metadata
    return list(metadata.sorted_tables)


def batches(connection: Connection, table: Table, after: Key | None, size: int) -> Iterator[list[Row[Any]]]:
    """The rows behind this key, in the order of the keys, so many at a time. Raises RowRefused."""
    while rows := _batch(connection, table, after, size):
        yield rows
        after = key_of(table, rows[-1])


def key_of(table: Table, row: Row[Any]) -> Key:
    return tuple(row._mapping[column] for column in table.primary_key)


def values_of(table: Table, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """The rows as they are inserted into a table of the same columns."""
    return [{column.name: row._mapping[column] for column in table.columns} for row in rows]


def count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def content_of(database: Database, table: Table, size: int) -> Content:
    """What the table holds now, in one transaction, read in batches."""
    content = Content()
    with reading(database) as connection:
        for batch in batches(connection, table, None, size):
            content = content.plus(batch)
    return content


def reading(database: Database) -> Connection:
    """A connection whose transaction does not wait for writers."""
    return database.engine.execution_options(read_only=True).connect()


def _batch(connection: Connection, table: Table, after: Key | None, size: int) -> list[Row[Any]]:
    keys = list(table.primary_key)
    query = select(table).order_by(*keys).limit(size)
    if after is not None:
        query = query.where(_behind(keys, after))
    try:
        return list(connection.execute(query))
    except (LookupError, ValueError) as error:
        raise RowRefused(
            table=table.name, reason=f"a value behind key {after} cannot be read: {error}"
        ) from error


def _behind(columns: Sequence[ColumnElement[Any]], key: Key) -> ColumnElement[bool]:
    """Written out, because MySQL finds no index for a comparison of tuples."""
    alternatives = []
    for place, column in enumerate(columns):
        same = [earlier == value for earlier, value in zip(columns[:place], key, strict=False)]
        alternatives.append(and_(*same, column > key[place]))
    return or_(*alternatives)


def _hash(row: Row[Any]) -> bytes:
    return hashlib.sha256(json.dumps([_canonical(value) for value in row]).encode()).digest()


def _canonical(value: Any) -> Any:
    """The value in a form that all databases agree on, with its kind where another one looks like it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return {"moment": value.isoformat(timespec="microseconds")}
    if isinstance(value, Decimal):
        return {"decimal": format(value.normalize(), "f")}
    if isinstance(value, bytes | bytearray | memoryview):
        return {"bytes": bytes(value).hex()}
    if isinstance(value, dict | list):
        return {"json": json.dumps(value, sort_keys=True)}
    return value
