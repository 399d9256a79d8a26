"""The migrations make what the models say, and readiness tells whether they have run."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from bookstore import accounts
from bookstore.accounts.models import Base
from bookstore.shared import migrations, web
from bookstore.shared.database import Database
from bookstore.shared.edge import WebPolicy
from bookstore.shared.identity import TokenVerifier
from bookstore.wiring import LocalAccounts


def test_the_migrated_schema_is_that_of_the_models(database):
    options = {"version_table": migrations.version_table("accounts")}
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_twice_changes_nothing(database):
    migrations.upgrade(database)
    assert migrations.is_current(database)


def test_the_app_is_ready_once_it_is_migrated(tmp_path, policy):
    database = Database("accounts", f"sqlite:///{tmp_path / 'new.sqlite3'}")
    app = web.new_app(WebPolicy(secret_key="x" * 40), TokenVerifier(LocalAccounts(database, policy)), [])
    accounts.register(app, database, policy)
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert "accounts_database" in answer.json["missing"]
    migrations.upgrade(database)
    assert app.test_client().get("/readyz").status_code == 200
    database.close()
