"""Real MariaDB and MySQL servers for the tests: private, on loopback, in a temporary folder, gone afterwards."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import MySQLdb

START_SECONDS = 90
INSTALL_TRIES = 10
USER, PASSWORD = "bookstore", "only for the tests"
MYSQL_FOLDER = Path(__file__).parent.parent / ".mysql"

# Nothing here outlives the tests, so nothing needs to reach the disk.
RELAXED = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-buffer-size=8M",
    "--skip-log-bin",
    "--performance-schema=OFF",
    "--max-connections=300",
)


@dataclass
class DatabaseServer:
    """A server that this process started. It is only ever ended by the id of its process."""

    folder: Path
    program: list[str]
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    extra: list[str] = field(default_factory=list)

    @property
    def socket(self) -> Path:
        return self.folder / "server.sock"

    def url(self, schema: str) -> str:
        return f"mysql://{USER}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{self.port}/{schema}"

    def start(self) -> None:
        """Start, and wait until it answers; the folder keeps what an earlier start has stored."""
        self.port = self.port or _free_port()
        places = [
            f"--datadir={self.folder / 'data'}",
            f"--socket={self.socket}",
            f"--pid-file={self.folder / 'server.pid'}",
            f"--log-error={self.folder / 'server.log'}",
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
        ]
        # Should the tests be ended from outside, the kernel ends the server with them.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *self.program, *places, *RELAXED, *self.extra],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait_until_it_answers()

    def stop(self) -> None:
        """An orderly end; everything stored is there at the next start."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """The end that a power cut brings."""
        self._end(signal.SIGKILL)

    def administer(self, *statements: str) -> list[tuple[object, ...]]:
        """Run statements as the server's owner and return the rows of the last."""
        connection = MySQLdb.connect(unix_socket=str(self.socket), user="root", charset="utf8mb4")
        try:
            connection.autocommit(True)
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())
        finally:
            connection.close()

    def create_schema(self, name: str) -> str:
        """An empty database of this name, with the server's own defaults; its URL."""
        self.administer(f"DROP DATABASE IF EXISTS `{name}`", f"CREATE DATABASE `{name}`")
        return self.url(name)

    def log_text(self) -> str:
        path = self.folder / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=60)
            self.process = None

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(f"the database server ended while starting:\n{self.log_text()[-3000:]}")
            try:
                self.administer("SELECT 1")
                return
            except MySQLdb.OperationalError:
                time.sleep(0.05)
        raise AssertionError(f"the database server did not answer:\n{self.log_text()[-3000:]}")


@contextmanager
def running(product: str, *extra: str) -> Iterator[DatabaseServer]:
    """A new server of this product (`mariadb` or `mysql`), with a user such as a shop has."""
    # Short, because the path of a socket may not be longer than about a hundred characters.
    folder = Path(tempfile.mkdtemp(prefix=f"bookstore-{product}-"))
    install = {"mariadb": _install_mariadb, "mysql": _install_mysql}[product]
    server = DatabaseServer(folder, install(folder), extra=list(extra))
    try:
        server.start()
        for host in ("127.0.0.1", "localhost"):
            server.administer(
                f"CREATE USER '{USER}'@'{host}' IDENTIFIED BY '{PASSWORD}'",
                # In each schema all, but none of what only the server's owner may.
                f"GRANT ALL ON `%`.* TO '{USER}'@'{host}'",
            )
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _install_mariadb(folder: Path) -> list[str]:
    own = ["--no-defaults", *_as_root()]
    install = [
        _program("mariadb-install-db"),
        *own,
        f"--datadir={folder / 'data'}",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--skip-name-resolve",
    ]
    # Making its first tables, MariaDB 10.11 ends by a segmentation fault now and then; the next try works.
    for _ in range(INSTALL_TRIES):
        shutil.rmtree(folder / "data", ignore_errors=True)
        made = subprocess.run(install, capture_output=True, text=True, timeout=120)
        if made.returncode == 0:
            return [_program("mariadbd"), *own]
    raise AssertionError(f"MariaDB could not be initialized:\n{made.stdout[-3000:]}{made.stderr[-3000:]}")


def _install_mysql(folder: Path) -> list[str]:
    server = MYSQL_FOLDER / "mysqld"
    if not server.exists():
        raise AssertionError(f"{server} is missing: scripts/get-mysql brings it")
    own = [str(server), "--no-defaults", *_as_root(), "--secure-file-priv=NULL", "--mysqlx=OFF"]
    made = subprocess.run(
        [*own, f"--datadir={folder / 'data'}", "--initialize-insecure", *RELAXED],
        capture_output=True,
        text=True,
        timeout=180,
    )
    if made.returncode != 0:
        raise AssertionError(f"MySQL could not be initialized:\n{made.stderr[-3000:]}")
    return own


def _as_root() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise AssertionError(f"{name} is missing: scripts/ensure-mariadb installs it")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
