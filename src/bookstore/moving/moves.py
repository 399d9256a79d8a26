"""Moving a stopped shop: copy each table, then compare source and target with what was copied.

May be repeated: a move that was cut off goes on, and one that was finished is compared once more.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Table, insert
from sqlalchemy.exc import DBAPIError

from bookstore.moving.content import (
    Content,
    batches,
    content_of,
    count,
    key_of,
    reading,
    tables_of,
    values_of,
)
from bookstore.moving.errors import CopyDiffers, RowRefused, StillWritten
from bookstore.moving.numbering import go_on_after, last_number
from bookstore.moving.places import Place, open_place, shown
from bookstore.moving.progress import Position, Progress
from bookstore.moving.targets import BATCH, check_source, check_target, prepare
from bookstore.shared.database import Database
from bookstore.shared.mysql import ServerOptions

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class MovedTable:
    """A table whose content is the same in source and target."""

    service: str
    table: str
    content: Content


@dataclass(frozen=True)
class _Service:
    """One service's part of the move."""

    name: str
    source: Database
    target: Database

    def tables(self) -> list[Table]:
        return tables_of(self.name)

    def positions(self) -> dict[str, Position]:
        with reading(self.target) as connection:
            return Progress(self.name).positions(connection)


def move(
    sources: Place,
    targets: Place,
    *,
    start_over: bool = False,
    batch: int = BATCH,
    server: ServerOptions | None = None,
    report: Report = lambda done, total: None,
) -> list[MovedTable]:
    """Copy the data of each service from its source to its target, and verify it.

    `server` says how to reach a database server; `report` hears how many rows of how many are there. Raises
    NotMovable, TargetTaken before anything is changed; AnotherMove, RowRefused while copying; StillWritten,
    CopyDiffers at the end.
    """
    opened_sources, opened_targets = open_place(sources, server), open_place(targets, server)
    try:
        for name, source in opened_sources.items():
            check_source(source, sources[name])
        for name, target in opened_targets.items():
            check_target(target, targets[name], shown(sources[name]), start_over=start_over)
        for name, target in opened_targets.items():
            prepare(target, shown(sources[name]), start_over=start_over)
        services = [_Service(name, opened_sources[name], opened_targets[name]) for name in sources]
        _copy_all(services, batch, report)
        return _verified(services, batch)
    finally:
        for database in (*opened_sources.values(), *opened_targets.values()):
            database.close()


def _copy_all(services: list[_Service], batch: int, report: Report) -> None:
    total = sum(_rows(service) for service in services)
    done = 0
    for service in services:
        positions = service.positions()
        for table in service.tables():
            position = positions[table.name]
            done += position.copied.rows
            report(done, total)
            if not position.finished:
                for copied in _copy(service, table, position, batch):
                    done += copied
                    report(done, total)


def _rows(service: _Service) -> int:
    with reading(service.source) as connection:
        return sum(count(connection, table) for table in service.tables())


def _copy(service: _Service, table: Table, position: Position, size: int) -> Iterator[int]:
    """Copy the rest of a table, each batch in a transaction with its position; how many rows each time."""
    progress, copied = Progress(service.name), position.copied
    with reading(service.source) as source:
        for rows in batches(source, table, position.key, size):
            now = copied.plus(rows)
            try:
                with service.target.engine.begin() as target:
                    target.execute(insert(table), values_of(table, rows))
                    progress.advance(target, table, copied, now, key_of(table, rows[-1]))
            except DBAPIError as error:
                first, last = key_of(table, rows[0]), key_of(table, rows[-1])
                reason = f"the target does not take the rows {first} to {last}: {error.orig}"
                raise RowRefused(table=table.name, reason=reason) from error
            copied = now
            yield len(rows)
        number = last_number(source, table)
    with service.target.engine.begin() as target:
        if number is not None:
            go_on_after(target, table, number)
        progress.finish(target, table)


def _verified(services: list[_Service], size: int) -> list[MovedTable]:
    """Compare what was copied with the target and, once more, with the source."""
    moved, differing, changed = [], [], []
    for service in services:
        positions = service.positions()
        for table in service.tables():
            copied = positions[table.name].copied
            there, source = content_of(service.target, table, size), content_of(service.source, table, size)
            if there != copied:
                differing.append(_difference(table, copied, there))
            if source != copied:
                changed.append(_difference(table, copied, source))
            moved.append(MovedTable(service.name, table.name, there))
    if changed:
        raise StillWritten(changes="; ".join(changed))
    if differing:
        raise CopyDiffers(changes="; ".join(differing))
    for service in services:
        with service.target.engine.begin() as connection:
            Progress(service.name).verify(connection)
    return moved


def _difference(table: Table, copied: Content, now: Content) -> str:
    if copied.rows != now.rows:
        return f"{table.name} has {now.rows:,} rows, {copied.rows:,} were copied"
    return f"rows of {table.name} have another content"
