"""A MariaDB server of the tests' own: in a folder of its own, on loopback, ended by the process started."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

START_SECONDS = 120


class MariaDb:
    """A running server that hands out empty databases."""

    def __init__(self, port: int) -> None:
        self._root = f"mysql+mysqldb://root@127.0.0.1:{port}"
        self._numbers = count(1)

    def new_database(self) -> str:
        """The URL of a database that nobody else uses."""
        name = f"shop{next(self._numbers)}"
        engine = create_engine(self._root)
        with engine.begin() as connection:
            connection.execute(text(f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))
        engine.dispose()
        return f"{self._root}/{name}?charset=utf8mb4"

    def answers(self) -> bool:
        engine = create_engine(self._root)
        try:
            with engine.connect():
                return True
        except OperationalError:
            return False
        finally:
            engine.dispose()


@contextmanager
def running(folder: Path) -> Iterator[MariaDb]:
    """Start a server on empty data, and end it."""
    folder.mkdir(parents=True)
    data = folder / "data"
    common = ["--no-defaults", f"--datadir={data}", "--user=root"]
    install = ["mariadb-install-db", *common, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(install, check=True, capture_output=True, timeout=START_SECONDS)
    port = _free_port()
    options = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder / 's.sock'}"]
    with (folder / "server.log").open("wb") as log:
        # Durability is not what is tested here, and costs a write to the disk for each transaction.
        server = subprocess.Popen(
            ["mariadbd", *common, *options, "--innodb-flush-log-at-trx-commit=0"], stdout=log, stderr=log
        )
    try:
        yield _wait_for(MariaDb(port), server, folder / "server.log")
    finally:
        server.terminate()
        server.wait(timeout=60)


def _wait_for(database: MariaDb, server: subprocess.Popen[bytes], log: Path) -> MariaDb:
    deadline = time.monotonic() + START_SECONDS
    while not database.answers():
        ended = server.poll() is not None
        if ended or time.monotonic() > deadline:
            raise AssertionError(f"MariaDB did not start:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.1)
    return database


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
