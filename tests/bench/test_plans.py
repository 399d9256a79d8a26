"""No page makes SQLite read a whole table: each of its statements is answered from an index.

An index that is read in its own order until a page is full is no whole table; without a LIMIT it would be.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from bench.pages import Visitor, all_pages
from bench.shop import stocked_shop
from sqlalchemy import Connection, Engine, event

from bookstore.app import Shop


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
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [row[3] for row in plan]


def _ends_early(step: str, statement: str) -> bool:
    return "INDEX" in step and "ORDER BY" in statement and "LIMIT" in statement


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with stocked_shop() as shop:
        yield shop


def test_no_page_reads_a_whole_table(shop: Shop) -> None:
    visitor, plans = Visitor(shop), Plans(shop)
    pages = all_pages(visitor)
    with plans.noted():
        for ask in pages.values():
            visitor.ask(ask())
    assert len(plans.statements) >= 30
    assert plans.whole_tables() == []


def test_a_whole_table_is_found_out(shop: Shop) -> None:
    plans = Plans(shop)
    with plans.noted(), shop.databases["catalog"].engine.connect() as connection:
        connection.exec_driver_sql("SELECT id FROM books WHERE authors_key = ?", ("juan rulfo",))
        connection.exec_driver_sql("SELECT id FROM books WHERE title_key = ?", ("pedro paramo",))
    [found] = plans.whole_tables()
    assert found == "SCAN books: SELECT id FROM books WHERE authors_key = ?"
