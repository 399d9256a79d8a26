"""No page makes the database read a whole table: each of its statements is answered from an index.

An index that is read in its own order until a page is full is no whole table; without a LIMIT it would be.
SQLite plans without counting rows. MariaDB does count, so it is asked with 300,000 books and 900,000 offers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bench.filling import DataSet
from bench.pages import Visitor, all_pages
from bench.production import operate
from bench.shop import environ_without_settings, stocked_shop
from sqlalchemy import Connection, Engine, event, select

from bookstore.app import Shop, create_shop
from bookstore.catalog import search_fallback
from bookstore.catalog.models import Book
from bookstore.catalog.search_query import SearchQuery
from bookstore.config import Settings
from tests.database_servers import running

# MariaDB rightly reads a few rows without their index.
FEW_ROWS = 1_000


class Plans:
    """How the databases of a shop answer what they are asked."""

    def __init__(self, shop: Shop) -> None:
        self._engines = {id(database.engine): database.engine for database in shop.databases.values()}
        self._asked: dict[str, tuple[Engine, Any]] = {}

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note each statement that reads or writes rows meanwhile, once."""
        for engine in self._engines.values():
            event.listen(engine, "before_cursor_execute", self._note)
        try:
            yield
        finally:
            for engine in self._engines.values():
                event.remove(engine, "before_cursor_execute", self._note)

    @property
    def statements(self) -> list[str]:
        return list(self._asked)

    def whole_tables(self) -> list[str]:
        """The statements that read all rows of a table, each with what SQLite says of it."""
        return [
            f"{step}: {statement}"
            for statement, (engine, parameters) in self._asked.items()
            for step in _steps(engine, statement, parameters)
            if step.startswith("SCAN ") and not _ends_early(step, statement)
        ]

    def _note(
        self, connection: Connection, _cursor: object, statement: str, parameters: Any, *_: object
    ) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            self._asked.setdefault(statement, (connection.engine, parameters))


def _steps(engine: Engine, statement: str, parameters: Any) -> list[str]:
    """What is read of each table, in the words of SQLite."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return [row[3] for row in plan]
        plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        return [_step(row) for row in plan.mappings() if int(row["rows"] or 0) > FEW_ROWS]


def _step(row: Any) -> str:
    whole = {"ALL": f"SCAN {row['table']}", "index": f"SCAN {row['table']} USING INDEX {row['key']}"}
    return whole.get(row["type"], f"SEARCH {row['table']}")


def _ends_early(step: str, statement: str) -> bool:
    return "INDEX" in step and "ORDER BY" in statement and "LIMIT" in statement


@contextmanager
def _large_shop(folder: Path) -> Iterator[Shop]:
    with running("mariadb", "--innodb-buffer-pool-size=1G") as server:
        settings = Settings(data_dir=folder, database_url=server.create_schema("bookstore"))
        environ = environ_without_settings() | {
            "BOOKSTORE_DATA_DIR": str(folder),
            "BOOKSTORE_DATABASE_URL": settings.database_url,
        }
        operate(environ, "migrate")
        DataSet(300_000, 900_000).fill(settings, lambda *arguments: operate(environ, *arguments))
        server.administer("ANALYZE TABLE bookstore.books, bookstore.listings")
        shop = create_shop(settings)
        try:
            yield shop
        finally:
            shop.close()


@pytest.fixture(scope="module", params=["sqlite", "mariadb, 300,000 books"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    is_small = request.param == "sqlite"
    with stocked_shop() if is_small else _large_shop(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


def test_no_page_reads_a_whole_table(shop: Shop) -> None:
    visitor, plans = Visitor(shop), Plans(shop)
    pages = all_pages(visitor)
    with plans.noted():
        for ask in pages.values():
            visitor.ask(ask())
    assert len(plans.statements) >= 30
    assert plans.whole_tables() == []


@pytest.mark.parametrize(
    "query",
    [
        SearchQuery(available_only=True),
        SearchQuery(condition=("new",), max_price=2_000),
        SearchQuery(text="pedro", available_only=True),
        SearchQuery(text="9780307474728"),
    ],
    ids=["home", "filters", "title", "isbn"],
)
def test_nor_does_a_search_while_the_index_is_built(shop: Shop, query: SearchQuery) -> None:
    plans = Plans(shop)
    with plans.noted(), shop.databases["catalog"].reading() as session:
        search_fallback.find(session, query, cursor=None)
    assert len(plans.statements) == 1
    assert plans.whole_tables() == []


def test_a_whole_table_is_found_out(shop: Shop) -> None:
    plans = Plans(shop)
    with plans.noted(), shop.databases["catalog"].engine.connect() as connection:
        connection.execute(select(Book.id).where(Book.authors_key == "juan rulfo"))
        connection.execute(select(Book.id).where(Book.title_key == "pedro paramo"))
    mark = "?" if shop.databases["catalog"].engine.dialect.name == "sqlite" else "%s"
    statement = f"SELECT books.id \nFROM books \nWHERE books.authors_key = {mark}"
    assert plans.whole_tables() == [f"SCAN books: {statement}"]
