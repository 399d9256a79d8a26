"""Sessions, tables, locks and time-outs on real MariaDB and MySQL servers."""

import os
import signal
import threading
import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from bookstore.catalog.models import Book
from bookstore.shared import migrations
from bookstore.shared.database import Database
from bookstore.shared.migrations import MigrationLocked
from bookstore.shared.mysql import SQL_MODE, ServerOptions
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


def test_nobody_listens(server: DatabaseServer) -> None:
    url = server.url("playground").replace(f":{server.port}/", ":1/")
    database = Database("catalog", url, ServerOptions(connect_seconds=1))
    with pytest.raises(DBAPIError, match="connect"):
        database.ping()
    database.close()
