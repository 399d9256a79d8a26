"""The rows of one part of a backup, between its database and a portable SQLite file."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Table, insert
from sqlalchemy.engine import Connection

from bookstore.backups.parts import file_database, make_tables, tables_of_part
from bookstore.moving.content import Content, batches, values_of
from bookstore.moving.numbering import go_on_after, last_number
from bookstore.moving.targets import BATCH

Report = Callable[[int], None]


def copy_to_file(source: Connection, part: str, path: Path, report: Report) -> dict[str, Content]:
    """Write all rows that this connection sees into a new SQLite file; what each table holds."""
    target = file_database(part, path)
    try:
        make_tables(target)
        contents = {}
        for table in tables_of_part(part):
            with target.engine.begin() as connection:
                contents[table.name] = copy_rows(source, connection, table, report)
        return contents
    finally:
        target.close()


def copy_rows(source: Connection, target: Connection, table: Table, report: Report) -> Content:
    """Copy a table in the target's transaction; what was copied."""
    content = Content()
    for rows in batches(source, table, None, BATCH):
        target.execute(insert(table), values_of(table, rows))
        content = content.plus(rows)
        report(len(rows))
    number = last_number(source, table)
    if number is not None:
        go_on_after(target, table, number)
    return content
