"""A private MariaDB on loopback, for the tests that cut the wire to a database."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import MySQLdb

START_SECONDS = 90
USER, PASSWORD = "bookstore", "only-for-the-tests"


@contextmanager
def running_mariadb(*schemas: str) -> Iterator[int]:
    """A new server with these empty schemas; its port. It ends, and its folder goes, with the block."""
    folder = Path(tempfile.mkdtemp(prefix="bookstore-faults-"))
    own = ["--no-defaults", *(["--user=root"] if os.geteuid() == 0 else []), f"--datadir={folder / 'data'}"]
    method = "--auth-root-authentication-method=normal"
    subprocess.run(
        [_program("mariadb-install-db"), *own, method], check=True, capture_output=True, timeout=120
    )
    port = _free_port()
    places = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder / 's.sock'}"]
    relaxed = ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M", "--skip-name-resolve"]
    process = subprocess.Popen(
        [_program("mariadbd"), *own, *places, *relaxed],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _prepare(folder / "s.sock", schemas)
        yield port
    finally:
        process.kill()
        process.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def url_of(port: int, schema: str) -> str:
    return f"mysql+mysqldb://{USER}:{PASSWORD}@127.0.0.1:{port}/{schema}"


def _prepare(path: Path, schemas: tuple[str, ...]) -> None:
    ends = time.monotonic() + START_SECONDS
    while True:
        try:
            connection = MySQLdb.connect(unix_socket=str(path), user="root")
            break
        except MySQLdb.OperationalError:
            assert time.monotonic() < ends, "the database server did not answer"
            time.sleep(0.05)
    cursor = connection.cursor()
    cursor.execute(f"CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
    cursor.execute(f"GRANT ALL ON *.* TO '{USER}'@'127.0.0.1'")
    for schema in schemas:
        cursor.execute(f"CREATE DATABASE {schema} CHARACTER SET utf8mb4")
    connection.close()


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    assert found is not None, f"{name} is missing"
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
