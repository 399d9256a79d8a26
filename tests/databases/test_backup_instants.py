"""A backup sees all databases at one instant, and writers of all of them wait for it only a moment."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from bookstore.backups.errors import WritersNotHeld
from bookstore.backups.instant import one_instant
from bookstore.backups.locks import writers_held
from bookstore.config import SERVICES
from bookstore.shared import migrations
from bookstore.shared.database import Database
from tests.database_servers import PASSWORD, DatabaseServer, running
from tests.databases.conftest import PRODUCTS

INSTANTS = 30
WRITERS = 3
TABLES = {service: f"{service}_replicas" for service in SERVICES}


@pytest.fixture(params=["sqlite", *PRODUCTS])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Database]]:
    """A migrated database of each service, all of one product."""
    if request.param == "sqlite":
        urls = {service: f"sqlite:///{tmp_path / service}.sqlite3" for service in SERVICES}
    else:
        server: DatabaseServer = request.getfixturevalue(request.param)
        urls = {service: server.create_schema(f"instant_{service}") for service in SERVICES}
    opened = {service: Database(service, url) for service, url in urls.items()}
    for database in opened.values():
        migrations.upgrade(database)
    yield opened
    for database in opened.values():
        database.close()


@contextmanager
def many_writers(databases: dict[str, Database]) -> Iterator[list[int]]:
    """Each writes its next row into one database after the other, in this order, as fast as it can."""
    stop, written, failures = threading.Event(), [0] * WRITERS, []

    def write(writer: int) -> None:
        try:
            while not stop.is_set():
                written[writer] += 1
                for service in SERVICES:
                    add_row(databases[service], f"{writer} {written[writer]}")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield written
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=60)
    assert failures == []


def add_row(database: Database, name: str) -> None:
    statement = (
        f"INSERT INTO {TABLES[database.service]} (name, services, version, built_from, started_at, seen_at)"
        " VALUES (:name, 'x', 'x', 'x', '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
    )
    with database.engine.begin() as connection:
        connection.execute(text(statement), {"name": name})


def test_all_databases_are_seen_at_one_instant(databases: dict[str, Database]) -> None:
    """What a writer wrote second is never seen without what it wrote first, in either direction of reading."""
    seen = []
    with many_writers(databases) as written:
        while len(seen) < INSTANTS:
            with one_instant(databases) as instant:
                before = list(written)
                rows = {
                    service: {
                        name
                        for (name,) in instant.connections[service].execute(
                            text(f"SELECT name FROM {TABLES[service]}")
                        )
                    }
                    for service in reversed(SERVICES)
                }
            first, second, third = (rows[service] for service in SERVICES)
            assert third <= second <= first
            # Each of the writers is at most one row ahead in one of them.
            assert len(first - third) <= WRITERS
            assert len(first) <= sum(before)
            seen.append(len(first))
    assert seen == sorted(seen)
    assert seen[-1] > seen[0], "nobody wrote meanwhile"


def test_nobody_writes_while_writers_are_held_and_all_do_afterwards(databases: dict[str, Database]) -> None:
    threads = [
        threading.Thread(target=add_row, args=(database, "patient")) for database in databases.values()
    ]
    with writers_held(databases):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=0.3)
        assert [thread.is_alive() for thread in threads] == [True, True, True]
    for thread in threads:
        thread.join(timeout=60)
    for service, database in databases.items():
        with database.engine.connect() as connection:
            assert connection.scalar(text(f"SELECT count(*) FROM {TABLES[service]}")) == 1


def test_a_database_that_cannot_be_held_is_named_and_all_are_free_again(
    databases: dict[str, Database],
) -> None:
    with databases["orders"].engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO orders_replicas (name, services, version, built_from, started_at, seen_at)"
                " VALUES ('slow', 'x', 'x', 'x', '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
            )
        )
        with (
            pytest.raises(
                WritersNotHeld, match=r"the orders database in .* could not be held still"
            ) as refused,
            writers_held(databases, seconds=0.3),
        ):
            pass
    assert PASSWORD not in str(refused.value).replace("%20", " ").replace("+", " ")
    for database in databases.values():
        add_row(database, "afterwards")


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_position_of_the_binary_log_belongs_to_the_instant(product: str) -> None:
    with running(product, "--log-bin=binlog", "--server-id=1", "--binlog-format=ROW") as server:
        database = Database("catalog", server.create_schema("logged"))
        migrations.upgrade(database)
        with one_instant({"catalog": database}) as instant:
            may_ask = product == "mariadb"
            assert set(instant.binlogs) == ({"catalog"} if may_ask else set())
        server.administer("GRANT REPLICATION CLIENT ON *.* TO 'bookstore'@'127.0.0.1'")
        server.administer("GRANT REPLICATION CLIENT ON *.* TO 'bookstore'@'localhost'")
        database.close()
        with one_instant({"catalog": database}) as instant:
            add_row(database, "later")
            position = instant.binlogs["catalog"]
        statement = "SHOW MASTER STATUS" if product == "mariadb" else "SHOW BINARY LOG STATUS"
        ((file, end, *_),) = server.administer(statement)
        assert position.file == file
        assert 0 < position.position < int(str(end))
        database.close()


def test_without_a_binary_log_there_is_no_position(server: DatabaseServer) -> None:
    database = Database("catalog", server.create_schema("unlogged"))
    migrations.upgrade(database)
    with one_instant({"catalog": database}) as instant:
        assert instant.binlogs == {}
    database.close()
