"""What the status page says of a real server: a primary, one that takes no changes, and a replica with its lag."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import pytest

from bookstore.shared.database import Database
from bookstore.shared.status import database_role
from tests.database_servers import PASSWORD, USER, DatabaseServer, running

CATCH_UP_SECONDS = 30


@dataclass(frozen=True)
class Words:
    """How a product says what both can."""

    position: str
    follow: str
    monitor: str


WORDS = {
    "mariadb": Words(
        position="SHOW MASTER STATUS",
        follow="CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='{user}',"
        " MASTER_PASSWORD='{password}', MASTER_LOG_FILE='{log}', MASTER_LOG_POS={position}",
        monitor="REPLICA MONITOR",
    ),
    "mysql": Words(
        position="SHOW BINARY LOG STATUS",
        follow="CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, SOURCE_USER='{user}',"
        " SOURCE_PASSWORD='{password}', SOURCE_LOG_FILE='{log}', SOURCE_LOG_POS={position},"
        " GET_SOURCE_PUBLIC_KEY=1",
        monitor="REPLICATION CLIENT",
    ),
}


@pytest.fixture(params=list(WORDS))
def product(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def read_only(server: DatabaseServer) -> Iterator[None]:
    server.administer("SET GLOBAL read_only = ON")
    try:
        yield
    finally:
        server.administer("SET GLOBAL read_only = OFF")


def opened(server: DatabaseServer) -> closing[Database]:
    return closing(Database("catalog", server.create_schema("role")))


def role_of(database: Database) -> tuple[str, str, int | None]:
    said = database_role(database)
    return said["kind"], said["role"], said["lag_seconds"]


def lag_becomes(database: Database, lag: int | None) -> bool:
    """Whether the replica says so before long."""
    deadline = time.monotonic() + CATCH_UP_SECONDS
    while database_role(database)["lag_seconds"] != lag:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_a_server_that_takes_changes_is_a_primary_without_lag(
    product: str, request: pytest.FixtureRequest
) -> None:
    with opened(request.getfixturevalue(product)) as database:
        assert role_of(database) == (product, "primary", None)


def test_a_server_that_takes_none_is_a_replica_even_where_its_lag_is_not_told(
    product: str, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(product)
    with opened(server) as database:
        with read_only(server):
            assert role_of(database) == (product, "replica", None)
        assert role_of(database) == (product, "primary", None)


def test_a_replica_tells_its_lag_to_those_who_may_ask(product: str) -> None:
    with (
        running(product, "--log-bin=binlog", "--server-id=1") as primary,
        running(product, "--server-id=2") as replica,
        opened(replica) as database,
    ):
        follow(product, primary, replica)
        with read_only(replica):
            assert role_of(database) == (product, "replica", None)
            grant(WORDS[product].monitor, replica)
            # A connection has the rights that its user had when it was opened.
            database.close()
            assert lag_becomes(database, 0)
            replica.administer("STOP REPLICA")
            assert lag_becomes(database, None)


def follow(product: str, primary: DatabaseServer, replica: DatabaseServer) -> None:
    words = WORDS[product]
    grant("REPLICATION SLAVE", primary)
    log, position = primary.administer(words.position)[0][:2]
    whom = {"port": primary.port, "user": USER, "password": PASSWORD}
    replica.administer(words.follow.format(**whom, log=log, position=position), "START REPLICA")


def grant(right: str, server: DatabaseServer) -> None:
    """To the shop's user, whichever of its two names the server knows this machine by."""
    for host in ("127.0.0.1", "localhost"):
        server.administer(f"GRANT {right} ON *.* TO '{USER}'@'{host}'")
