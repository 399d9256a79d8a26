"""Sessions, tables, locks and time-outs on real MariaDB and MySQL servers."""

import os
import signal
import threading
import time
from collections import Counter

import pytest
from sqlalchemy import Update, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from bookstore.catalog.models import Book, BookChange
from bookstore.shared import migrations
from bookstore.shared.database import Database
from bookstore.shared.migrations import MigrationLocked
from bookstore.shared.mysql import SQL_MODE, ServerOptions
from bookstore.shared.round_trips import TRUSTED_SECONDS
from tests.database_servers import DatabaseServer

SERVICES = ("accounts", "catalog", "orders")


def test_a_session_is_strict_in_utc_and_reads_what_is_committed(database: Database) -> None:
    with database.engine.connect() as connection:
        isolation = "@@tx_isolation" if connection.dialect.is_mariadb else "@@transaction_isolation"
        seen = connection.execute(
            text(
                f"SELECT @@sql_mode, @@time_zone, {isolation}, @@character_set_client,"
                " @@innodb_lock_wait_timeout"
            )
        ).one()
    assert set(seen[0].split(",")) == set(SQL_MODE.split(","))
    assert tuple(seen[1:]) == ("+00:00", "READ-COMMITTED", "utf8mb4", 2)


@pytest.mark.parametrize("service", SERVICES)
def test_every_table_is_transactional_and_compares_exactly(server: DatabaseServer, service: str) -> None:
    url = server.create_schema("tables")
    # As an administrator may have made it, and as old servers make it by themselves.
    server.administer("ALTER DATABASE tables CHARACTER SET latin1")
    database = Database(service, url)
    migrations.upgrade(database)
    database.close()

    tables = server.administer(
        "SELECT table_name, engine, table_collation FROM information_schema.tables"
        " WHERE table_schema = 'tables'"
    )
    assert len(tables) >= 5
    assert {engine for _, engine, _ in tables} == {"InnoDB"}
    assert {str(collation) for _, _, collation in tables} <= {"utf8mb4_0900_bin", "utf8mb4_nopad_bin"}
    strange = server.administer(
        "SELECT table_name, column_name, collation_name FROM information_schema.columns"
        " WHERE table_schema = 'tables' AND character_set_name IS NOT NULL"
        " AND collation_name NOT IN ('utf8mb4_0900_bin', 'utf8mb4_nopad_bin', 'utf8mb4_bin')"
    )
    assert strange == []


def test_what_looks_alike_does_not_meet_in_a_unique_key(database: Database) -> None:
    migrations.upgrade(database)
    alike = ["📚", "📖", "ana", "Ana", "ána", "ana ", "ana\u00a0", "aña"]
    with database.writing() as session, session.begin():
        session.add_all([Book(identity=name, title=name) for name in alike])

    with database.reading() as session:
        for name in alike:
            found = session.query(Book.identity).filter(Book.identity == name).all()
            assert [row.identity for row in found] == [name]
    with pytest.raises(IntegrityError), database.writing() as session, session.begin():
        session.add(Book(identity="📚", title="once more"))


def test_whoever_vanishes_in_a_transaction_lets_go_of_its_rows(server: DatabaseServer) -> None:
    """As a machine does whose cable was pulled: its connection stays, and not a word comes from it."""
    options = ServerOptions(pool_size=2, connect_seconds=2, answer_seconds=2)
    database = Database("catalog", server.create_schema("vanished"), options)
    migrations.upgrade(database)
    with database.writing() as session, session.begin():
        session.add(Book(identity="wanted", title="Rayuela"))
    rename = update(Book).where(Book.identity == "wanted").values(title="Ficciones")

    with database.writing() as vanished:
        vanished.execute(update(Book).where(Book.identity == "wanted").values(title="Nobody's"))
        patience = time.monotonic() + 60
        while not _could(database, rename):
            assert time.monotonic() < patience, "the row is still held"
        with pytest.raises(OperationalError):
            vanished.execute(select(Book.id))
        vanished.invalidate()
    with database.reading() as session:
        assert session.scalar(select(Book.title)) == "Ficciones"
    database.close()


def _could(database: Database, change: Update) -> bool:
    """Whether the change was made; who has to wait for a row too long is told so."""
    try:
        with database.writing() as session, session.begin():
            session.execute(change)
    except OperationalError:
        return False
    return True


def test_of_two_migrations_at_once_one_waits_for_the_other(server: DatabaseServer) -> None:
    url = server.create_schema("twice")
    failures: list[BaseException] = []

    def migrate() -> None:
        database = Database("orders", url)
        try:
            migrations.upgrade(database)
        except BaseException as error:
            failures.append(error)
        database.close()

    threads = [threading.Thread(target=migrate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)

    assert failures == []
    database = Database("orders", url)
    assert migrations.is_current(database)
    with database.reading() as session:
        assert session.scalar(text("SELECT COUNT(*) FROM delivery_options")) == 4
    database.close()


def test_a_migration_that_cannot_get_the_lock_says_so_and_changes_nothing(
    database: Database, server: DatabaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_SECONDS", 1)
    with database.engine.connect() as other:
        assert other.scalar(text("SELECT GET_LOCK('bookstore_catalog_playground', 0)")) == 1
        with pytest.raises(MigrationLocked):
            migrations.upgrade(database)
        assert migrations.current_revision(database) is None
        other.scalar(text("SELECT RELEASE_LOCK('bookstore_catalog_playground')"))
    migrations.upgrade(database)
    assert migrations.is_current(database)


def test_a_silent_server_is_given_up_and_used_again_when_it_speaks(
    database: Database, server: DatabaseServer
) -> None:
    database.ping()
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGSTOP)
    # The last of its threads may answer until then.
    os.waitid(os.P_PID, server.process.pid, os.WSTOPPED)
    try:
        started = time.monotonic()
        with pytest.raises(DBAPIError):
            database.ping()
        # The answer to the check of the connection, then a new connection: far from waiting for ever.
        assert time.monotonic() - started < 30
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    database.ping()


def test_a_server_that_was_restarted_is_noticed_by_nobody(database: Database, server: DatabaseServer) -> None:
    database.ping()
    server.kill()
    server.start()
    database.ping()


def test_a_connection_that_was_just_used_says_nothing_in_vain(database: Database) -> None:
    migrations.upgrade(database)
    with database.writing() as session:
        with session.begin():
            session.add(Book(identity="first", title="Rayuela"))
        before = _said(database)
        for number in range(3):
            with session.begin():
                session.add(Book(identity=f"book {number}", title="Ficciones"))
        assert _said(database) - before == Counter(Com_insert=3, Com_commit=3, Com_rollback=1)

        time.sleep(TRUSTED_SECONDS)
        with session.begin():
            session.add(Book(identity="last", title="El Aleph"))
        assert _said(database) - before == Counter(
            Com_insert=4, Com_commit=4, Com_admin_commands=1, Com_rollback=2
        )


def test_what_nobody_has_ended_is_undone_before_the_connection_is_used_again(database: Database) -> None:
    migrations.upgrade(database)
    raw = database.engine.raw_connection()
    raw.cursor().execute("INSERT INTO book_changes (book_id, changed_at) VALUES (1, NOW())")
    raw.close()
    with database.engine.connect() as connection:
        connection.execute(insert(BookChange).values(book_id=2))
    with pytest.raises(IntegrityError), database.writing() as session, session.begin():
        session.add_all([BookChange(id=3, book_id=3), BookChange(id=3, book_id=4)])

    with database.writing() as session, session.begin():
        assert session.scalar(select(func.count()).select_from(BookChange)) == 0


def test_nobody_listens(server: DatabaseServer) -> None:
    url = server.url("playground").replace(f":{server.port}/", ":1/")
    database = Database("catalog", url, ServerOptions(connect_seconds=1))
    with pytest.raises(DBAPIError, match="connect"):
        database.ping()
    database.close()


def _said(database: Database) -> Counter[str]:
    """What the one connection of the test has said, by kind. The look itself ends with a rollback."""
    told = "Variable_name IN ('Com_insert', 'Com_commit', 'Com_rollback', 'Com_admin_commands')"
    with database.engine.connect() as connection:
        rows = connection.exec_driver_sql(f"SHOW SESSION STATUS WHERE {told}").all()
    return Counter({name: int(number) for name, number in rows})
