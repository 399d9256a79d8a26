"""Empty, migrated databases for the tests: copies of an SQLite file, or schemas of a real server."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import MySQLdb
from MySQLdb.cursors import Cursor

from bookstore.config import SERVICES
from bookstore.shared import migrations
from bookstore.shared.database import Database
from tests.database_servers import DatabaseServer

PRODUCTS = ("sqlite", "mariadb", "mysql")
_UNION = " UNION ALL "
_COUNTED = (
    "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND auto_increment > 1"
)


def chosen_product() -> str:
    """On which database the tests run. Raises when BOOKSTORE_TEST_DATABASE names none."""
    product = os.environ.get("BOOKSTORE_TEST_DATABASE", "sqlite")
    if product not in PRODUCTS:
        raise ValueError(f"BOOKSTORE_TEST_DATABASE is {product!r}; it may be {', '.join(PRODUCTS)}")
    return product


class EmptyDatabases(Protocol):
    """Lends databases of a service, each to one borrower at a time."""

    @contextmanager
    def lent(self, service: str, folder: Path) -> Iterator[str]:
        """The URL of an empty, migrated database; where it is a file, it lies in this folder."""

    @contextmanager
    def bare(self, folder: Path) -> Iterator[str]:
        """The URL of a database without any table."""

    @contextmanager
    def opened(self, service: str, folder: Path) -> Iterator[Database]:
        with self.lent(service, folder) as url:
            database = Database(service, url)
            yield database
            database.close()


@dataclass
class EmptyFiles(EmptyDatabases):
    """SQLite: each service is migrated once, in a file that is copied for each borrower."""

    templates: Path

    @contextmanager
    def lent(self, service: str, folder: Path) -> Iterator[str]:
        template = self.templates / f"{service}.sqlite3"
        if not template.exists():
            _migrate(service, f"sqlite:///{template}")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / template.name
        shutil.copyfile(template, path)
        yield f"sqlite:///{path}"

    @contextmanager
    def bare(self, folder: Path) -> Iterator[str]:
        yield f"sqlite:///{folder / 'bare.sqlite3'}"


@dataclass
class Schema:
    """A schema of a server, and the rows that its migrations left in it."""

    name: str
    url: str
    first_rows: dict[str, list[tuple[object, ...]]] = field(default_factory=dict)
    is_lent: bool = False
    is_mariadb: bool = False


@dataclass
class EmptySchemas(EmptyDatabases):
    """A server: each schema is migrated once and emptied for each borrower, which is much faster."""

    server: DatabaseServer
    schemas: dict[str, list[Schema]] = field(default_factory=lambda: {service: [] for service in SERVICES})

    @contextmanager
    def lent(self, service: str, folder: Path) -> Iterator[str]:
        schema = next((known for known in self.schemas[service] if not known.is_lent), None)
        if schema is None:
            schema = self._create(service)
        else:
            self._empty(schema)
        schema.is_lent = True
        try:
            yield schema.url
        finally:
            schema.is_lent = False

    @contextmanager
    def bare(self, folder: Path) -> Iterator[str]:
        url = self.server.create_schema("bare")
        yield url
        self.server.administer("DROP DATABASE bare")

    def _create(self, service: str) -> Schema:
        name = f"{service}_{len(self.schemas[service]) + 1}"
        version = str(self.server.administer("SELECT VERSION()")[0][0])
        schema = Schema(name, self.server.create_schema(name), is_mariadb="MariaDB" in version)
        _migrate(service, schema.url)
        tables = self.server.administer(
            f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{name}'"
        )
        for (table,) in tables:
            schema.first_rows[str(table)] = self.server.administer(f"SELECT * FROM `{name}`.`{table}`")
        self.schemas[service].append(schema)
        return schema

    def _empty(self, schema: Schema) -> None:
        connection = MySQLdb.connect(
            unix_socket=str(self.server.socket), user="root", database=schema.name, charset="utf8mb4"
        )
        cursor = connection.cursor()
        cursor.execute("SET foreign_key_checks = 0")
        for (table,) in _rows(
            cursor, _UNION.join(f"(SELECT '{t}' FROM `{t}` LIMIT 1)" for t in schema.first_rows)
        ):
            cursor.execute(f"DELETE FROM `{table}`")
        connection.commit()
        # Tests name the first listing, the second book ...; what was rolled back has used numbers up, too.
        if not schema.is_mariadb:
            cursor.execute("SET information_schema_stats_expiry = 0")
        for (table,) in _rows(cursor, _COUNTED):
            cursor.execute(f"ALTER TABLE `{table}` AUTO_INCREMENT = 1")
        for table, rows in schema.first_rows.items():
            if rows:
                places = ", ".join(["%s"] * len(rows[0]))
                cursor.executemany(f"INSERT INTO `{table}` VALUES ({places})", rows)
        connection.commit()
        connection.close()


@contextmanager
def database_settings(databases: EmptyDatabases, folder: Path) -> Iterator[dict[str, str]]:
    """The settings by which a whole shop finds an empty database of each service."""
    with ExitStack() as loans:
        yield {
            f"{service}_database_url": loans.enter_context(databases.lent(service, folder))
            for service in SERVICES
        }


def _rows(cursor: Cursor, statement: str) -> list[tuple[str, ...]]:
    cursor.execute(statement)
    return list(cursor.fetchall())


def _migrate(service: str, url: str) -> None:
    database = Database(service, url)
    migrations.upgrade(database)
    database.close()
