"""What a deployment makes of the migrations that the version which runs does not have."""

import subprocess
from pathlib import Path

import pytest

from bookstore.deploying.errors import SchemaUnusable
from bookstore.deploying.schema import PATTERN, Migration, new_migrations, require_usable

ROOT = Path(__file__).parents[2]
MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
{kind}


def upgrade() -> None:
    {body}


def downgrade() -> None:
    op.drop_column("carts", "gift")
"""
GROWS = 'op.add_column("carts", sa.Column("gift", sa.Boolean(), nullable=True))'
SHRINKS = 'op.drop_column("carts", "delivery")'


class Checkout:
    """A checkout with one migration, whose commit is the version that runs; and with a check that notes its runs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("0001_initial", 'kind = "expand"', GROWS)
        self.check(0)
        for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "one"]):
            self.git(*command)
        self.running = self.git("rev-parse", "HEAD").strip()[:12]
        self.told: list[str] = []

    def git(self, *command: str) -> str:
        who = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com"]
        return subprocess.run(
            ["git", "-C", str(self.root), *who, *command], check=True, capture_output=True, text=True
        ).stdout

    def write(self, name: str, kind: str, body: str) -> None:
        path = self.root / "src/bookstore/orders/migrations/versions" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(MIGRATION.format(kind=kind, body=body))

    def check(self, code: int) -> None:
        """The tests of the old version end like this."""
        path = self.root / "scripts" / "check-old-version"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\necho "$1" >>{self.root}/checked\nexit {code}\n')
        path.chmod(0o755)

    @property
    def checked(self) -> list[str]:
        """The versions whose tests were run."""
        path = self.root / "checked"
        return path.read_text().split() if path.exists() else []

    def require_usable(
        self, running: str | None = None, *, contract: bool = False, tested: bool = False
    ) -> None:
        version = self.running if running is None else running
        require_usable(self.root, version, self.told.append, contract=contract, tested=tested)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def harm(tmp_path: Path, body: str) -> tuple[str, ...]:
    path = tmp_path / "0002_next.py"
    path.write_text(MIGRATION.format(kind='kind = "expand"', body=body))
    return Migration.of(path).harm


@pytest.mark.parametrize(
    "body",
    [
        GROWS,
        'op.add_column("carts", sa.Column("gift", sa.Boolean(), nullable=False, server_default="0"))',
        'op.create_table("gifts", sa.Column("id", sa.Integer(), nullable=False))',
        'op.create_index("ix_carts_gift", "carts", ["gift"])',
        'op.alter_column("carts", "note", type_=sa.String(200))',
        'op.execute("UPDATE carts SET gift = 0")',
    ],
)
def test_what_the_old_version_survives_is_no_harm(tmp_path: Path, body: str) -> None:
    assert harm(tmp_path, body) == ()


@pytest.mark.parametrize(
    "body",
    [
        SHRINKS,
        'op.drop_table("carts")',
        'op.drop_constraint("ck_carts_one_owner", "carts")',
        'op.rename_table("carts", "baskets")',
        'op.alter_column("carts", "note", new_column_name="remark")',
        'op.alter_column("carts", "note", nullable=False)',
        'op.add_column("carts", sa.Column("gift", sa.Boolean(), nullable=False))',
        'op.create_unique_constraint("uq_carts_gift", "carts", ["gift"])',
        'op.create_index("ix_carts_gift", "carts", ["gift"], unique=True)',
        'op.execute("alter table carts drop column note")',
        'with op.batch_alter_table("carts") as carts:\n        carts.drop_column("note")',
    ],
)
def test_what_takes_away_or_forbids_is_harm(tmp_path: Path, body: str) -> None:
    assert len(harm(tmp_path, body)) == 1


def test_our_own_migrations_are_what_they_say() -> None:
    ours = [Migration.of(path) for path in sorted(ROOT.glob(PATTERN))]
    assert len(ours) > 8
    assert [migration.fault for migration in ours if migration.fault] == []


def test_what_a_commit_lacks_is_new(checkout: Checkout) -> None:
    assert new_migrations(checkout.root, checkout.running) == []
    checkout.write("0002_gift", 'kind = "expand"', GROWS)
    assert [migration.name for migration in new_migrations(checkout.root, checkout.running) or []] == [
        "orders/0002_gift"
    ]


def test_without_new_migrations_nothing_is_run(checkout: Checkout) -> None:
    checkout.check(1)
    checkout.require_usable()
    checkout.require_usable("")
    assert checkout.checked == checkout.told == []


def test_a_schema_that_grows_is_proved_by_the_tests_of_the_version_that_runs(checkout: Checkout) -> None:
    checkout.write("0002_gift", 'kind = "expand"', GROWS)
    checkout.require_usable()
    assert checkout.checked == [checkout.running]
    assert checkout.told == [f"running the tests of {checkout.running} on the new schema"]


def test_a_version_whose_tests_fail_on_the_new_schema_stops_the_deployment(checkout: Checkout) -> None:
    checkout.write("0002_gift", 'kind = "expand"', GROWS)
    checkout.check(1)
    with pytest.raises(SchemaUnusable, match=f"the tests of {checkout.running}, which runs, fail"):
        checkout.require_usable()


def test_tests_that_somebody_else_ran_are_not_run_again(checkout: Checkout) -> None:
    checkout.write("0002_gift", 'kind = "expand"', GROWS)
    checkout.check(1)
    checkout.require_usable(tested=True)
    assert checkout.checked == []


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("", GROWS, "orders/0002_gift does not say whether it expands or contracts"),
        ('kind = "expand"', SHRINKS, "orders/0002_gift says that it expands, and has drop_column"),
        ('kind = "contract"', SHRINKS, "orders/0002_gift contracts it: say so by --contract"),
    ],
)
def test_what_the_old_version_would_not_survive_is_refused(
    checkout: Checkout, kind: str, body: str, reason: str
) -> None:
    checkout.write("0002_gift", kind, body)
    with pytest.raises(SchemaUnusable, match=reason):
        checkout.require_usable(tested=True)


def test_a_schema_contracts_when_the_operator_says_so_and_the_tests_pass(checkout: Checkout) -> None:
    checkout.write("0002_gift", 'kind = "contract"', SHRINKS)
    checkout.require_usable(contract=True)
    assert checkout.checked == [checkout.running]
    checkout.check(1)
    with pytest.raises(SchemaUnusable, match="fail on the new schema"):
        checkout.require_usable(contract=True)


def test_a_version_that_is_no_commit_is_told(checkout: Checkout) -> None:
    checkout.require_usable("v1")
    assert checkout.told == [
        "v1, which runs, is no commit of this checkout: its tests are not run on the new schema"
    ]
