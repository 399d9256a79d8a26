"""The migrations make exactly the tables that the models describe."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from bookstore.orders.models import Base
from bookstore.shared import migrations
from tests.service.orders.stall import Stall


def test_the_migrated_schema_is_that_of_the_models(stall: Stall) -> None:
    options = {"compare_type": True, "version_table": migrations.version_table("orders")}
    with stall.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_changes_nothing(stall: Stall) -> None:
    before = migrations.current_revision(stall.database)

    migrations.upgrade(stall.database)

    assert migrations.current_revision(stall.database) == before == migrations.needed_revision(stall.database)
    assert migrations.is_current(stall.database)
