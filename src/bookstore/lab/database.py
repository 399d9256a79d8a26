"""The database server of the lab, outside of the cluster as RDS is: a MariaDB that writes all to its disk."""

import secrets
import shutil
from pathlib import Path

from bookstore.deploying.errors import CommandFailed
from bookstore.deploying.programs import run
from bookstore.lab import programs
from bookstore.lab.errors import LabNeeds
from bookstore.lab.plan import DATABASE_PORT, OUTSIDE, SOCKETS, Plan

NAME = "database"
SCHEMAS = ("bookstore", "bookstore_accounts", "bookstore_catalog", "bookstore_orders")
INSTALL_TRIES = 10


def start(plan: Plan) -> None:
    """Start the server on what it has stored; from nothing, with a schema and a user for each service."""
    data = plan.state / NAME
    is_new = not (data / "mysql").exists()
    if is_new:
        _install(data)
    if programs.running(plan.state, NAME) is None:
        programs.start(plan.state, NAME, _command(data))
    programs.require(plan.state, NAME, _answers)
    if is_new:
        for schema in SCHEMAS:
            _create(plan.secrets, schema)


def stop(plan: Plan) -> None:
    programs.stop(plan.state, NAME, seconds=60)


def ask(statement: str) -> str:
    """What the server answers to its owner, a line for each row."""
    command = ["mariadb", f"--socket={_socket()}", "--user=root", "--batch", "--skip-column-names"]
    return run([*command, "--execute", statement])


def _command(data: Path) -> list[str]:
    return [
        "mariadbd",
        "--no-defaults",
        "--user=root",
        f"--datadir={data}",
        f"--socket={_socket()}",
        f"--bind-address={OUTSIDE}",
        f"--port={DATABASE_PORT}",
        "--skip-name-resolve",
        "--max-connections=1000",
        "--innodb-buffer-pool-size=256M",
    ]


def _install(data: Path) -> None:
    program = shutil.which("mariadb-install-db", path=programs.PLACES)
    if program is None:
        raise LabNeeds(what="MariaDB: scripts/ensure-mariadb installs it")
    options = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
    # Making its first tables, MariaDB 10.11 ends by a segmentation fault now and then; the next try works.
    for attempt in range(1, INSTALL_TRIES + 1):
        shutil.rmtree(data, ignore_errors=True)
        try:
            run([program, "--no-defaults", "--user=root", f"--datadir={data}", *options])
        except CommandFailed:
            if attempt == INSTALL_TRIES:
                raise
        else:
            return


def _create(folder: Path, schema: str) -> None:
    """A schema with a user of its own, whose URL becomes a secret of the shop."""
    password = secrets.token_hex(24)
    ask(
        f"CREATE DATABASE {schema} CHARACTER SET utf8mb4;"
        f"CREATE USER '{schema}'@'%' IDENTIFIED BY '{password}';"
        f"GRANT ALL PRIVILEGES ON {schema}.* TO '{schema}'@'%';"
        f"GRANT REPLICATION CLIENT ON *.* TO '{schema}'@'%'"
    )
    name = f"{schema.removeprefix('bookstore').removeprefix('_')}_database_url".lstrip("_")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / name).write_text(f"mysql://{schema}:{password}@{OUTSIDE}:{DATABASE_PORT}/{schema}")


def _socket() -> Path:
    return SOCKETS / f"{NAME}.sock"


def _answers() -> bool:
    try:
        ask("SELECT 1")
    except CommandFailed:
        return False
    return True
