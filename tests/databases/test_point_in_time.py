"""A table is dropped by mistake; the shop comes back as it was in the second before.

From the last backup and what the server has written into its binary log since, as docs/backup.md describes.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bookstore.app import Shop, create_shop
from bookstore.auditing import audit_shop
from bookstore.backups.parts import tables_of_part
from bookstore.backups.restoring import restore
from bookstore.backups.writing import write_backup
from bookstore.chaos.load import order_of
from bookstore.config import SERVICES, Settings
from bookstore.moving.content import content_of
from bookstore.moving.targets import BATCH
from bookstore.shared import migrations
from bookstore.wiring import open_databases
from tests.database_servers import MYSQL_FOLDER, DatabaseServer, running
from tests.databases.conftest import PRODUCTS
from tests.people import Person, join, log_in

LOGGED = ("--log-bin=binlog", "--server-id=1", "--binlog-format=ROW")
READERS = {"mariadb": "mariadb-binlog", "mysql": str(MYSQL_FOLDER / "mysqlbinlog")}


def settings_on(server: DatabaseServer, folder: Path) -> Settings:
    """A shop on new schemas, whose names are those on every other server, since the log has them in it."""
    server.administer(
        "GRANT REPLICATION CLIENT ON *.* TO 'bookstore'@'127.0.0.1'",
        "GRANT REPLICATION CLIENT ON *.* TO 'bookstore'@'localhost'",
    )
    return Settings(
        data_dir=folder,
        secret_key="a secret that only the tests know, 0123456789",
        **{f"{service}_database_url": server.create_schema(f"shop_{service}") for service in SERVICES},
    )


@pytest.fixture(params=PRODUCTS)
def product(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def server(product: str) -> Iterator[DatabaseServer]:
    with running(product, *LOGGED) as server:
        yield server


@pytest.fixture
def settings(server: DatabaseServer, tmp_path: Path) -> Settings:
    return settings_on(server, tmp_path / "data")


@pytest.fixture
def shop(settings: Settings) -> Iterator[Shop]:
    shop = create_shop(settings)
    shop.app.testing = True
    for database in shop.databases.values():
        migrations.upgrade(database)
    yield shop
    shop.close()


def test_a_dropped_table_comes_back_as_of_the_second_before(
    product: str, server: DatabaseServer, shop: Shop, settings: Settings
) -> None:
    ana, bruno = (
        join(shop.app, "Ana Sells", "ana@example.com"),
        join(shop.app, "Bruno Buys", "bruno@example.com"),
    )
    listing = offer(ana)
    before = [buy(bruno, listing, "before")]
    written = write_backup(settings)
    after = [buy(bruno, listing, "after")]
    server.administer("FLUSH BINARY LOGS")  # what follows goes into another file
    after.append(buy(bruno, listing, "last"))
    # Bruno's newest order has no payment yet.
    after.append(place(bruno, listing, "unpaid"))
    contents = contents_of(settings)
    time.sleep(1.1)
    mistake = int(time.time())
    server.administer("SET foreign_key_checks = 0", "DROP TABLE shop_orders.orders")
    assert "orders" not in tables_on(server)

    with running(product, *LOGGED) as fresh:
        recovered = replace(
            settings_on(fresh, settings.data_dir), backup_dir=str(settings.effective_backup_dir())
        )
        assert not restore(recovered, written.path, databases_only=True).is_whole
        binlog = written.manifest.parts["orders"].binlog
        assert binlog == written.manifest.parts["catalog"].binlog == written.manifest.parts["accounts"].binlog
        replay(product, server, fresh, binlog.file, binlog.position, mistake)

        assert contents_of(recovered) == contents
        again = create_shop(recovered)
        again.app.testing = True
        bruno = log_in(again.app, "Bruno Buys", "bruno@example.com", "his")
        statuses = {item["reference"]: item["status"] for item in bruno.api("GET", "/orders").json["items"]}
        assert statuses == {
            **dict.fromkeys([*before, *after[:2]], "paid"),
            after[2]: "awaiting_payment",
        }
        assert audit_shop(recovered, again.databases) == []
        again.close()


def replay(
    product: str, server: DatabaseServer, fresh: DatabaseServer, file: str, position: int, until: int
) -> None:
    """Let the fresh server do what the first one did from this position on, up to this second."""
    logs = sorted(path for path in (server.folder / "data").glob("binlog.0*") if path.name >= file)
    assert len(logs) == 2
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(until))
    reader = [READERS[product], "--no-defaults", f"--start-position={position}", f"--stop-datetime={moment}"]
    utc = {**os.environ, "TZ": "UTC"}
    statements = subprocess.run([*reader, *map(str, logs)], env=utc, capture_output=True, check=True).stdout
    assert b"DROP TABLE" not in statements
    client = ["mariadb", "--no-defaults", "--binary-mode", "--user=root", f"--socket={fresh.socket}"]
    played = subprocess.run(client, input=statements, capture_output=True)
    assert played.returncode == 0, played.stderr.decode()


def contents_of(settings: Settings) -> dict[str, tuple[int, str]]:
    """Rows and checksum of each table."""
    databases = open_databases(settings)
    found = {
        f"{service}.{table.name}": content_of(database, table, BATCH)
        for service, database in databases.items()
        for table in tables_of_part(service)
    }
    for database in databases.values():
        database.close()
    # Its one row names the database for copies of the search index; a restored one has a new name.
    found.pop("catalog.search_snapshot_turn")
    return {name: (content.rows, content.digest) for name, content in found.items()}


def tables_on(server: DatabaseServer) -> set[str]:
    return {str(name) for (name,) in server.administer("SHOW TABLES FROM shop_orders")}


def offer(seller: Person) -> int:
    offered = seller.api(
        "POST",
        "/catalog/listings",
        {
            "book": {"title": "El túnel 📚", "authors": "Ernesto Sabato", "language": "es"},
            "condition": "good",
            "price": {"amount": "10.00", "currency": "USD"},
            "copies": 10,
        },
    )
    assert offered.status_code == 201, offered.json
    return int(offered.json["id"])


def place(buyer: Person, listing: int, key: str) -> str:
    option = buyer.api("GET", "/orders/delivery-options?country=EC").json["items"][0]["id"]
    placed = buyer.api("POST", "/orders", order_of(listing, 1, option), Idempotency_Key=f"order {key}")
    assert placed.status_code == 201, placed.json
    return str(placed.json["reference"])


def buy(buyer: Person, listing: int, key: str) -> str:
    reference = place(buyer, listing, key)
    how = {"method": "card", "token": "tok_approved"}
    paid = buyer.api("POST", f"/orders/{reference}/payments", how, Idempotency_Key=f"pay {key}")
    assert paid.json["status"] == "captured"
    return reference
