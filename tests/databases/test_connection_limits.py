"""In one piece on one server, the services share their connections; too few of them are told of."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bookstore.app import Shop, create_shop
from bookstore.config import Settings
from bookstore.shared import migrations, replicas
from bookstore.shared.connection_limits import Connections, count, warn_of_few
from bookstore.shared.process import Process
from bookstore.shared.status_views import reporters
from tests.database_servers import DatabaseServer

THREADS, WORKERS = 3, 2


@pytest.fixture
def shop(server: DatabaseServer, tmp_path: Path) -> Iterator[Shop]:
    url = server.create_schema("one_for_all")
    settings = Settings(data_dir=tmp_path, database_url=url, sandbox_database_url=url, threads=THREADS)
    shop = create_shop(settings)
    for database in shop.databases.values():
        migrations.upgrade(database)
    yield shop
    shop.close()


@pytest.fixture
def another_replica(shop: Shop) -> str:
    """One that has given a sign of life in the table of orders."""
    told = reporters(shop.app)["orders"]
    other = Process(services=("accounts", "catalog", "orders"), replica="another", commit="unknown")
    replicas.beat(told.database, told.replicas, other)
    return other.replica


def test_three_services_at_one_address_keep_one_pool(shop: Shop, another_replica: str) -> None:
    assert len({id(database.engine) for database in shop.databases.values()}) == 1
    [found] = count(reporters(shop.app).values(), "this one", WORKERS)
    assert (found.replicas, found.kept) == (2, 2 * WORKERS * THREADS)
    assert found.suffice


def test_a_server_that_takes_too_few_is_told_of(
    shop: Shop,
    server: DatabaseServer,
    another_replica: str,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = reporters(shop.app).values()
    [[before]] = server.administer("SELECT @@global.max_connections")
    server.administer("SET GLOBAL max_connections = 21")
    try:
        [found] = count(told, "this one", WORKERS)
        warn_of_few(told, "this one", WORKERS)
    finally:
        server.administer(f"SET GLOBAL max_connections = {before}")
    assert (found.replicas, found.kept, found.taken, found.suffice) == (2, 12, 21, False)
    assert "takes fewer connections than the replicas may keep" in caplog.text + capsys.readouterr().out


@pytest.mark.parametrize(("kept", "suffice"), [(90, True), (91, False)])
def test_some_are_left_for_those_who_look_after_it(kept: int, suffice: bool) -> None:
    assert Connections(replicas=1, kept=kept, taken=100).suffice is suffice
