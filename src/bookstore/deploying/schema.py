"""Whether the version that runs can go on with the databases that another version makes of its own.

While an update goes on, and after a way back, the old version works on the new schema. So a migration expands
first; what nobody needs any more is taken away by a later version, whose migration says that it contracts.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bookstore.deploying.errors import CommandFailed, SchemaUnusable
from bookstore.deploying.programs import run
from bookstore.shared.migrations import CONTRACT, EXPAND

PATTERN = "src/bookstore/*/migrations/versions/*.py"
CHECK = "scripts/check-old-version"
# What of alembic's operations takes something away, or forbids what was allowed.
TAKING_AWAY = {"drop_table", "drop_column", "drop_constraint", "rename_table"}
FORBIDDING = {"create_unique_constraint", "create_check_constraint", "create_foreign_key"}
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Migration:
    """A migration as it is written down."""

    path: Path
    kind: str
    # What it does that the version before it may not survive.
    harm: tuple[str, ...]

    @classmethod
    def of(cls, path: Path) -> Self:
        tree = ast.parse(path.read_text())
        return cls(path, _kind(tree), tuple(_harm(tree)))

    @property
    def name(self) -> str:
        return f"{self.path.parents[2].name}/{self.path.stem}"

    @property
    def fault(self) -> str:
        """What is wrong with what it says of itself; empty when it may be believed."""
        if self.kind not in {EXPAND, CONTRACT}:
            return f"{self.name} does not say whether it expands or contracts"
        if self.kind == EXPAND and self.harm:
            return f"{self.name} says that it expands, and has {', '.join(self.harm)}"
        return ""


def require_usable(root: Path, running: str, tell: Tell, *, contract: bool, tested: bool) -> None:
    """Raise SchemaUnusable unless the version that runs can go on with the migrations of this checkout.

    `contract` says that no version before the one that runs is needed any more, not even to go back to. The
    tests of the version that runs prove the rest; `tested` says that somebody else had them run.
    """
    if not running:
        return
    added = new_migrations(root, running)
    if added is None:
        tell(f"{running}, which runs, is no commit of this checkout: its tests are not run on the new schema")
        return
    if faults := [migration.fault for migration in added if migration.fault]:
        raise SchemaUnusable(reason="; ".join(faults))
    contracting = [migration.name for migration in added if migration.kind == CONTRACT]
    if contracting and not contract:
        raise SchemaUnusable(reason=f"{', '.join(contracting)} contracts it: say so by --contract")
    if added and not tested:
        tell(f"running the tests of {running} on the new schema")
        _run_old_tests(root, running)


def new_migrations(root: Path, running: str) -> list[Migration] | None:
    """Those of this checkout that a commit lacks; None when it is no commit of this checkout."""
    try:
        known = run(["git", "-C", str(root), "ls-tree", "-r", "--name-only", f"{running}^{{commit}}"])
    except CommandFailed:
        return None
    there = set(known.splitlines())
    paths = sorted(root.glob(PATTERN))
    return [Migration.of(path) for path in paths if str(path.relative_to(root)) not in there]


def _run_old_tests(root: Path, running: str) -> None:
    try:
        run([str(root / CHECK), running], shown=True)
    except CommandFailed as error:
        reason = f"the tests of {running}, which runs, fail on the new schema"
        raise SchemaUnusable(reason=reason) from error


def _kind(tree: ast.Module) -> str:
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="kind")], value=ast.Constant(value=str(kind))):
                return kind
    return ""


def _harm(tree: ast.Module) -> Iterator[str]:
    for function in tree.body:
        if isinstance(function, ast.FunctionDef) and function.name == "upgrade":
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    yield from _harm_of_call(node, node.func.attr)


def _harm_of_call(call: ast.Call, name: str) -> Iterator[str]:
    options = {keyword.arg: keyword.value for keyword in call.keywords}
    if name in TAKING_AWAY | FORBIDDING:
        yield name
    elif name == "alter_column" and ("new_column_name" in options or _is_false(options.get("nullable"))):
        yield "alter_column that renames or forbids NULL"
    elif name == "create_index" and "unique" in options and not _is_false(options["unique"]):
        yield "create_index that forbids equal values"
    elif name == "add_column" and any(_is_demanding(column) for column in call.args):
        yield "add_column without a default"
    elif name == "execute" and _words(call) & {"DROP", "RENAME"}:
        yield "execute of DROP or RENAME"


def _is_demanding(column: ast.expr) -> bool:
    """Whether a column must be filled in by whoever adds a row, which the old version does not do."""
    if not isinstance(column, ast.Call):
        return False
    options = {keyword.arg: keyword.value for keyword in column.keywords}
    return _is_false(options.get("nullable")) and "server_default" not in options


def _is_false(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def _words(call: ast.Call) -> set[str]:
    """The words of all texts in a call."""
    texts = [node.value for node in ast.walk(call) if isinstance(node, ast.Constant)]
    return {word.upper() for text in texts if isinstance(text, str) for word in text.split()}
