"""The tests of the version that runs, on the schema of the one that comes: `scripts/check-old-version`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# One of all, so that it takes seconds; a deployment runs the services' tests and those of their contract.
ONE = "tests/service/orders/test_cancellation.py::test_canceling_again_changes_nothing"
TESTS = (ONE, "--numprocesses", "0")
MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{last}"
kind = "expand"


def upgrade() -> None:
    {body}
"""


class NextVersion:
    """A checkout of what is here, committed as the version that runs, to which a migration is added."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        for part in ("src", "tests", "scripts", "deploy"):
            left_out = shutil.ignore_patterns("__pycache__", "state", "secrets")
            shutil.copytree(ROOT / part, folder / part, ignore=left_out)
        for part in ("pyproject.toml", "babel.cfg", ".gitignore", "README.md", "LICENSE"):
            shutil.copy(ROOT / part, folder / part)
        self.git("init", "--quiet")
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "the version that runs")

    def git(self, *command: str) -> str:
        who = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com"]
        done = subprocess.run(
            ["git", "-C", self.root, *who, *command], check=True, capture_output=True, text=True
        )
        return done.stdout

    def migrate(self, body: str) -> None:
        folder = self.root / "src" / "bookstore" / "orders" / "migrations" / "versions"
        last = max(path.name[:4] for path in folder.glob("*.py"))
        (folder / "9001_next.py").write_text(MIGRATION.format(last=last, body=body))

    def check(self, *tests: str) -> subprocess.CompletedProcess[str]:
        command = [self.root / "scripts" / "check-old-version", "HEAD", *tests]
        environ = {**os.environ, "PYTHON": sys.executable, "BOOKSTORE_TEST_DATABASE": "sqlite"}
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


@pytest.fixture
def next_version(tmp_path: Path) -> NextVersion:
    return NextVersion(tmp_path / "checkout")


def test_the_old_version_passes_its_tests_on_a_schema_that_grew(next_version: NextVersion) -> None:
    next_version.migrate('op.add_column("orders", sa.Column("gift", sa.Boolean(), nullable=True))')
    done = next_version.check(*TESTS)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout
    assert next_version.git("worktree", "list").count("\n") == 1


def test_it_fails_them_on_a_schema_that_demands_what_it_does_not_give(next_version: NextVersion) -> None:
    """Nothing is taken away, and yet no order can be placed: only the tests show it."""
    text = "CREATE TRIGGER full BEFORE INSERT ON orders BEGIN SELECT RAISE(ABORT, 'no orders any more'); END"
    next_version.migrate(f'op.execute("{text}")')
    done = next_version.check(*TESTS)
    assert done.returncode != 0
    assert "no orders any more" in done.stdout
    assert next_version.git("worktree", "list").count("\n") == 1


def test_a_version_that_nobody_knows_is_told(next_version: NextVersion) -> None:
    command = [next_version.root / "scripts" / "check-old-version", "0123456789ab"]
    environ = {**os.environ, "PYTHON": sys.executable, "BOOKSTORE_TEST_DATABASE": "sqlite"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "0123456789ab" in done.stderr
