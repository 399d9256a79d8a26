"""The next number that a table gives to a new row. It must outlive a move, for numbers never come back."""

import re

from sqlalchemy import Table, text
from sqlalchemy.engine import Connection


def last_number(connection: Connection, table: Table) -> int | None:
    """The highest number that the table has ever given; None where it keeps none."""
    if table.autoincrement_column is None:
        return None
    if connection.dialect.name == "sqlite":
        return _last_of_sqlite(connection, table)
    # Not from information_schema, which MySQL answers from a cache.
    _, statement = connection.execute(text(f"SHOW CREATE TABLE `{table.name}`")).one()
    found = re.search(r"\bAUTO_INCREMENT=(\d+)", statement)
    return int(found[1]) - 1 if found else None


def go_on_after(connection: Connection, table: Table, number: int) -> None:
    """Let the next new row have a higher number than this one. Rows that are there are respected."""
    if connection.dialect.name == "sqlite":
        if _keeps_numbers(table):
            _set_in_sqlite(connection, table, number)
        return
    connection.execute(text(f"ALTER TABLE `{table.name}` AUTO_INCREMENT = {number + 1:d}"))


def _keeps_numbers(table: Table) -> bool:
    return bool(table.dialect_options["sqlite"]["autoincrement"])


def _last_of_sqlite(connection: Connection, table: Table) -> int | None:
    if not _keeps_numbers(table):
        return None
    query = text("SELECT seq FROM sqlite_sequence WHERE name = :table")
    number: int | None = connection.scalar(query, {"table": table.name})
    return number


def _set_in_sqlite(connection: Connection, table: Table, number: int) -> None:
    """SQLite itself wrote the highest number that was copied; ours may be higher, never lower."""
    values = {"table": table.name, "number": number}
    raised = connection.execute(
        text("UPDATE sqlite_sequence SET seq = max(seq, :number) WHERE name = :table"), values
    )
    if raised.rowcount == 0:
        connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :number)"), values)
