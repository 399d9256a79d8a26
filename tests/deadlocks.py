"""Deadlocks on demand, on any database: the server undoes a transaction and says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

DEADLOCK = 1213


class Deadlocks:
    """Undoes each kind of transaction once, at its first change, by which its kind is told."""

    def __init__(self) -> None:
        self.met: set[str] = set()
        self._changing: set[int] = set()

    def begin(self, connection: Connection) -> None:
        self._changing.discard(id(connection))

    def change(self, connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.split()[0] not in {"INSERT", "UPDATE", "DELETE"} or id(connection) in self._changing:
            return
        self._changing.add(id(connection))
        if statement not in self.met:
            self.met.add(statement)
            raise OperationalError(statement, {}, Exception(DEADLOCK, "Deadlock found"))


@contextmanager
def deadlocks() -> Iterator[Deadlocks]:
    """In here each kind of transaction that changes something meets a deadlock once."""
    server = Deadlocks()
    event.listen(Engine, "begin", server.begin)
    event.listen(Engine, "before_cursor_execute", server.change)
    try:
        yield server
    finally:
        event.remove(Engine, "begin", server.begin)
        event.remove(Engine, "before_cursor_execute", server.change)
