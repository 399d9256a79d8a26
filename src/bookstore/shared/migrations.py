"""Each service migrates its own database; a lock keeps two migrations apart.

A service's scripts lie in its package under `migrations/versions`, numbered 0001, 0002, ... so that
"at least what the code needs" is a comparison of two revisions.

Each says of which `kind` it is: one that expands leaves the version before at work, one that contracts takes
away, or forbids, what that version may still do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, text
from sqlalchemy.engine import Connection

from bookstore.shared.database import Database
from bookstore.shared.errors import ServiceUnavailable, ShopError

LOCK_SECONDS = 60
MAX_LOCK_NAME = 64
EXPAND, CONTRACT = "expand", "contract"


class MigrationLocked(ServiceUnavailable):
    """Another migration of the same database runs."""

    code = "migration_locked"


class ContractPending(ShopError):
    """The schema would lose what the version that runs may need. Nothing was changed."""

    code = "contract_pending"
    title = (
        "%(service)s: %(revisions)s would take away what the version that runs may need; "
        "`--contract` says that it does not need it"
    )


def upgrade(database: Database, *, expand_only: bool = False) -> None:
    """Bring the service's schema to what this code needs; doing it twice changes nothing.

    With `expand_only`, raises ContractPending when that takes a migration that contracts a schema in use.
    """
    config = _config(database)
    with database.migrating() as connection, _lock(connection, database.service):
        if expand_only:
            _require_expansion(database, config)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def current_revision(database: Database) -> str | None:
    """The revision that the database is at; None when it was never migrated."""
    with database.engine.execution_options(read_only=True).connect() as connection:
        options = {"version_table": version_table(database.service)}
        return MigrationContext.configure(connection, opts=options).get_current_revision()


def needed_revision(database: Database) -> str:
    """The newest revision that this code knows."""
    head = ScriptDirectory.from_config(_config(database)).get_current_head()
    if head is None:
        raise RuntimeError(f"the {database.service} service has no migrations")
    return head


def is_current(database: Database) -> bool:
    """Whether the schema is at least what the code needs. A newer one is fine: expand and contract."""
    return suffices(current_revision(database), needed_revision(database))


def suffices(current: str | None, needed: str) -> bool:
    """Whether a schema at this revision has all that is needed."""
    return current is not None and current >= needed


def version_table(service: str) -> str:
    return f"{service}_schema"


def run(metadata: MetaData) -> None:
    """What each service's `migrations/env.py` calls; Alembic has put the connection into its config."""
    config = context.config
    context.configure(
        connection=config.attributes["connection"],
        target_metadata=metadata,
        version_table=config.attributes["version_table"],
        render_as_batch=True,
        include_name=lambda name, kind, parents: kind != "table" or name in metadata.tables,
    )
    with context.begin_transaction():
        context.run_migrations()


def _require_expansion(database: Database, config: Config) -> None:
    current = current_revision(database)
    if current is None:
        # No version works with a schema that is not there yet.
        return
    known = ScriptDirectory.from_config(config).walk_revisions()
    contracting = sorted(
        script.revision for script in known if script.revision > current and script.module.kind == CONTRACT
    )
    if contracting:
        raise ContractPending(service=database.service, revisions=", ".join(contracting))


def _config(database: Database) -> Config:
    config = Config()
    location = files(f"bookstore.{database.service}") / "migrations"
    config.set_main_option("script_location", str(location).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["version_table"] = version_table(database.service)
    return config


@contextmanager
def _lock(connection: Connection, service: str) -> Iterator[None]:
    """On SQLite the write transaction is the lock; MySQL commits each DDL, so it needs a named one."""
    if connection.dialect.name == "sqlite":
        yield
        return
    # The name is known to the whole server, which may keep several shops.
    name = f"bookstore_{service}_{connection.engine.url.database}"[:MAX_LOCK_NAME]
    if (
        connection.scalar(text("SELECT GET_LOCK(:name, :seconds)"), {"name": name, "seconds": LOCK_SECONDS})
        != 1
    ):
        raise MigrationLocked
    try:
        yield
    finally:
        connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name})
