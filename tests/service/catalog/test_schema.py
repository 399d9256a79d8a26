"""The migrations make what the models say."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from bookstore.catalog.models import Base, slug_of, title_key_of
from bookstore.shared import migrations
from bookstore.shared.database import Database


def test_the_migrated_schema_is_that_of_the_models(database: Database) -> None:
    assert migrations.is_current(database)
    with database.engine.connect() as connection:
        options = {"version_table": "catalog_schema", "compare_type": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []


@pytest.mark.parametrize(
    ("table", "rules"),
    [
        ("listings", {"price", "available", "held", "sold", "copies", "condition"}),
        ("reservations", {"reservationstatus"}),
        ("reservation_lines", {"quantity", "price"}),
    ],
)
def test_the_database_knows_the_rules_by_name(database: Database, table: str, rules: set[str]) -> None:
    checks = inspect(database.engine).get_check_constraints(table)
    assert {check["name"] for check in checks} == {f"ck_{table}_{rule}" for rule in rules}


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Cien años de soledad", "cien-anos-de-soledad"),
        ("  ¿Qué?  ¡No! ", "que-no"),
        ("紅樓夢", "book"),
        ("Война и мир", "book"),
        ("!!!", "book"),
        ("a" * 80, "a" * 60),
        ("../../etc/passwd", "etc-passwd"),
    ],
)
def test_an_address_has_plain_letters_only(title: str, slug: str) -> None:
    assert slug_of(title) == slug


def test_titles_are_looked_up_without_accents_case_and_signs() -> None:
    assert title_key_of("  Cien AÑOS de—soledad! ") == "cien anos de soledad"
    assert title_key_of("?!") == "?!"
    assert len(title_key_of("ﷺ" * 255)) <= 255
