"""Migrations that expand and migrations that contract: what `bookstore migrate --expand-only` lets pass."""

import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from click.testing import CliRunner

from bookstore.cli import main
from bookstore.config import SERVICES
from bookstore.shared import migrations
from bookstore.shared.database import Database
from bookstore.shared.migrations import ContractPending
from tests.empty_databases import EmptyDatabases

NEXT = """
from alembic import op
import sqlalchemy as sa
revision = "{revision}"
down_revision = "{before}"
kind = "{kind}"


def upgrade() -> None:
    op.add_column("cart_lines", sa.Column("{kind}", sa.String(20), nullable=True))
"""


class NextVersion:
    """The migrations of orders as the next version has them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "orders" / "migrations"
        shutil.copytree(str(files("bookstore.orders") / "migrations"), self.folder)

    def add(self, kind: str) -> str:
        """The revision of one more."""
        last = max(path.name[:4] for path in (self.folder / "versions").glob("0*.py"))
        revision = f"{int(last) + 1:04}"
        text = NEXT.format(revision=revision, before=last, kind=kind)
        (self.folder / "versions" / f"{revision}_next.py").write_text(text)
        return revision


@pytest.fixture
def orders(empty_databases: EmptyDatabases, tmp_path: Path):
    """A bare database, so that no other test meets what these do to its schema."""
    with empty_databases.bare(tmp_path) as url:
        database = Database("orders", url)
        yield database
        database.close()


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orders: Database) -> NextVersion:
    """Deployed is the version of today."""
    migrations.upgrade(orders)
    following = NextVersion(tmp_path / "next")
    monkeypatch.setattr(migrations, "files", lambda name: following.folder.parent)
    return following


@pytest.mark.parametrize("service", SERVICES)
def test_each_migration_says_whether_it_expands_or_contracts(service: str) -> None:
    config = migrations._config(Database(service, "sqlite://"))
    kinds = {script.module.kind for script in ScriptDirectory.from_config(config).walk_revisions()}
    assert kinds <= {migrations.EXPAND, migrations.CONTRACT}


def test_what_expands_is_carried_out(orders: Database, next_version: NextVersion) -> None:
    revision = next_version.add("expand")
    migrations.upgrade(orders, expand_only=True)
    assert migrations.current_revision(orders) == revision


def test_what_contracts_is_refused_and_nothing_of_it_or_before_it_is_done(
    orders: Database, next_version: NextVersion
) -> None:
    before = migrations.current_revision(orders)
    next_version.add("expand")
    revision = next_version.add("contract")
    with pytest.raises(ContractPending, match=f"orders: {revision} would take away"):
        migrations.upgrade(orders, expand_only=True)
    assert migrations.current_revision(orders) == before

    migrations.upgrade(orders)
    assert migrations.current_revision(orders) == revision


def test_what_was_contracted_before_is_no_obstacle(orders: Database, next_version: NextVersion) -> None:
    next_version.add("contract")
    migrations.upgrade(orders)
    revision = next_version.add("expand")
    migrations.upgrade(orders, expand_only=True)
    assert migrations.current_revision(orders) == revision


def test_an_empty_database_has_nothing_to_lose(
    orders: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    following = NextVersion(tmp_path / "next")
    monkeypatch.setattr(migrations, "files", lambda name: following.folder.parent)
    revision = following.add("contract")
    migrations.upgrade(orders, expand_only=True)
    assert migrations.current_revision(orders) == revision


def test_the_command_refuses_too_and_says_what_helps(
    orders: Database, next_version: NextVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOOKSTORE_SERVICES", "orders")
    monkeypatch.setenv("BOOKSTORE_SERVICE_TOKEN", "0123456789abcdef0123456789abcdef")
    url = orders.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("BOOKSTORE_ORDERS_DATABASE_URL", url)
    revision = next_version.add("contract")

    refused = CliRunner().invoke(main, ["migrate", "--expand-only"])
    assert refused.exit_code == 1
    assert "`--contract` says that it does not need it" in refused.output

    done = CliRunner().invoke(main, ["migrate", "--contract"])
    assert (done.exit_code, done.output) == (0, f"orders: {next_version_before(revision)} -> {revision}\n")


def next_version_before(revision: str) -> str:
    return f"{int(revision) - 1:04}"
