"""How far a move has come: a table beside the moved ones, written in the transaction of each batch.

So a move that was killed goes on behind the last batch that was committed, and of two that run at once
only one comes to an end. The rows stay when the move is over: they say that the target was filled by it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    MetaData,
    String,
    Table,
    Text,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.engine import Connection

from bookstore.moving.content import Content, Key
from bookstore.moving.errors import AnotherMove


@dataclass(frozen=True)
class Position:
    """How far one table has come: the key of its last copied row, and what was copied so far."""

    table: str
    source: str
    key: Key | None
    copied: Content
    finished: bool
    verified: bool


class Progress:
    """The progress of one service's move in its target."""

    def __init__(self, service: str) -> None:
        self._table = Table(
            f"{service}_move",
            MetaData(),
            Column("table_name", String(64), primary_key=True),
            Column("source", Text, nullable=False),
            Column("position", Text),
            Column("copied", BigInteger, nullable=False),
            Column("checksum", String(64), nullable=False),
            Column("finished", Boolean, nullable=False),
            Column("verified", Boolean, nullable=False),
        )

    def positions(self, connection: Connection) -> dict[str, Position]:
        """Of each table; nothing when no move into this target has begun."""
        if not inspect(connection).has_table(self._table.name):
            return {}
        rows = connection.execute(select(self._table).order_by(self._table.c.table_name))
        return {
            row.table_name: Position(
                row.table_name,
                row.source,
                tuple(json.loads(row.position)) if row.position else None,
                Content(row.copied, int(row.checksum, 16)),
                row.finished,
                row.verified,
            )
            for row in rows
        }

    def create(self, connection: Connection) -> None:
        self._table.create(connection, checkfirst=True)

    def begin(self, connection: Connection, source: str, tables: Sequence[Table]) -> None:
        """Say that the move from this source has begun."""
        start = {"source": source, "copied": 0, "checksum": Content().digest, "finished": False}
        rows = [{"table_name": table.name, "verified": False, **start} for table in tables]
        connection.execute(insert(self._table), rows)

    def forget(self, connection: Connection) -> None:
        connection.execute(self._table.delete())

    def advance(self, connection: Connection, table: Table, before: Content, now: Content, key: Key) -> None:
        """Record a batch in its own transaction. Raises AnotherMove when somebody else has copied it."""
        unmoved = (self._table.c.table_name == table.name, self._table.c.copied == before.rows)
        values = {"position": json.dumps(key), "copied": now.rows, "checksum": now.digest}
        moved = connection.execute(update(self._table).where(*unmoved).values(values))
        if moved.rowcount != 1:
            raise AnotherMove(table=table.name)

    def finish(self, connection: Connection, table: Table) -> None:
        done = update(self._table).where(self._table.c.table_name == table.name)
        connection.execute(done.values(finished=True))

    def verify(self, connection: Connection) -> None:
        """Say that source and target were compared, and agree."""
        connection.execute(update(self._table).values(verified=True))
