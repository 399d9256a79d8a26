"""What is true on real servers, whichever database the other tests have been told to use."""

from collections.abc import Iterator

import pytest

from bookstore.shared.database import Database
from bookstore.shared.mysql import ServerOptions
from tests.database_servers import DatabaseServer, running

PRODUCTS = ("mariadb", "mysql")


@pytest.fixture(scope="session")
def mariadb() -> Iterator[DatabaseServer]:
    with running("mariadb") as server:
        yield server


@pytest.fixture(scope="session")
def mysql() -> Iterator[DatabaseServer]:
    with running("mysql") as server:
        yield server


@pytest.fixture(params=PRODUCTS)
def server(request: pytest.FixtureRequest) -> DatabaseServer:
    return request.getfixturevalue(request.param)


@pytest.fixture
def database(server: DatabaseServer) -> Iterator[Database]:
    """An empty database, with time-outs that a test can wait for."""
    options = ServerOptions(pool_size=4, connect_seconds=2, answer_seconds=4)
    database = Database("catalog", server.create_schema("playground"), options)
    yield database
    database.close()
