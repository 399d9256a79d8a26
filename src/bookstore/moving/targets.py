"""Whether a source may be moved into a target, and making the target ready for it."""

from sqlalchemy import Table, inspect
from sqlalchemy.engine import Connection

from bookstore.moving.content import Content, content_of, count, reading, tables_of
from bookstore.moving.errors import NotMovable, TargetTaken
from bookstore.moving.places import is_missing_file, make_folder, shown
from bookstore.moving.progress import Position, Progress
from bookstore.shared import migrations
from bookstore.shared.database import Database

BATCH = 500
# A migration gives each new database an identity of its own there, so that no two new ones are alike.
IDENTITIES = frozenset({"search_snapshot_turn"})


def check_source(database: Database, url: str) -> None:
    """Raise NotMovable when there is no such data, or another version of the program wrote it."""

    def refuse(reason: str) -> None:
        raise NotMovable(service=database.service, place=shown(url), reason=reason)

    if is_missing_file(url):
        refuse("there is no such file")
    found, needed = migrations.current_revision(database), migrations.needed_revision(database)
    if found is None:
        refuse("there are no tables of the shop")
    if found != needed:
        refuse(f"its schema is at {found}, this program needs {needed}; run `bookstore migrate` first")


def check_target(database: Database, url: str, source: str, *, start_over: bool) -> None:
    """Raise TargetTaken unless it is empty, or holds what an earlier run of this very move has put there."""

    def refuse(reason: str) -> None:
        raise TargetTaken(service=database.service, place=shown(url), reason=reason)

    if shown(url) == source:
        refuse("it is the source itself")
    if is_missing_file(url):
        return
    with reading(database) as connection:
        positions = Progress(database.service).positions(connection)
        present = _present(connection, database.service)
    if not positions:
        if present and migrations.current_revision(database) is None:
            refuse("it has tables of that name that the shop did not make")
        if present and not _is_fresh(database):
            refuse("it already holds data")
    elif start_over and _is_verified(positions):
        refuse("a move into it was finished; it may be in use")
    elif not start_over and any(position.source != source for position in positions.values()):
        refuse("it holds a move from another source; --start-over empties it")


def prepare(database: Database, source: str, *, start_over: bool) -> None:
    """Make the tables, and say that the move has begun. What was copied before stays, unless told not to."""
    make_folder(database)
    migrations.upgrade(database)
    progress, tables = Progress(database.service), tables_of(database.service)
    with database.engine.begin() as connection:
        progress.create(connection)
    with database.engine.begin() as connection:
        begun = bool(progress.positions(connection))
        if begun and not start_over:
            return
        # Also of a new target: migrations put rows into some tables, and the source has its own.
        for table in reversed(tables):
            connection.execute(table.delete())
        progress.forget(connection)
        progress.begin(connection, source, tables)


def _is_verified(positions: dict[str, Position]) -> bool:
    return all(position.verified for position in positions.values())


def _present(connection: Connection, service: str) -> bool:
    there = set(inspect(connection).get_table_names())
    return any(table.name in there for table in tables_of(service))


def _is_fresh(database: Database) -> bool:
    """Whether it holds nothing but what migrations put into a new database."""
    new = Database(database.service, "sqlite://")
    try:
        migrations.upgrade(new)
        return all(_is_as_new(database, new, table) for table in tables_of(database.service))
    finally:
        new.close()


def _is_as_new(database: Database, new: Database, table: Table) -> bool:
    expected: Content = content_of(new, table, BATCH)
    with reading(database) as connection:
        if count(connection, table) != expected.rows:
            return False
    return table.name in IDENTITIES or content_of(database, table, BATCH) == expected
