"""A whole shop as its operator runs it, on loopback, in a folder of its own: one server, or three behind nginx."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bookstore.chaos.load import order_of
from bookstore.config import variable
from tests.topology import topology

START_SECONDS = 120
OPTIONS = {"monolith": [], "services": ["--split"]}


@dataclass
class LiveShop:
    """Starts, kills and asks a real `bookstore serve`. Only processes that it started are ever ended.

    `options` go to `bookstore serve`; without any, the topology of this run of the tests decides.
    """

    data_dir: Path
    environ: dict[str, str] = field(default_factory=dict)
    options: list[str] = field(default_factory=lambda: list(OPTIONS[topology()]))
    process: subprocess.Popen[bytes] | None = None
    port: int = 0

    def __post_init__(self) -> None:
        self.port = self.port or free_port()
        self.data_dir.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, *arguments: str, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        """A `bookstore` command on the shop's data, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "bookstore.cli", *arguments],
            env={**self._environ(), **more},
            capture_output=True,
            text=True,
            timeout=300,
            check=check,
        )

    def start(self) -> None:
        """Serve, and wait until the shop says that it is ready."""
        log = (self.data_dir / "server.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bookstore.cli", "serve", *self.options],
            env=self._environ(),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        log.close()
        self._wait_until_ready()

    def stop(self) -> int:
        """Ask the server to finish what runs and end; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.process = None
        return code

    def kill(self) -> None:
        """End all processes of the shop at once, as a power cut does."""
        assert self.process is not None
        # The server leads a session of its own: what is in it is exactly what we started. It goes first,
        # so that it starts nothing again; it stays unreaped, so that nobody else can have its id.
        os.kill(self.process.pid, signal.SIGKILL)
        while others := [pid for pid in session_of(self.process.pid) if pid != self.process.pid]:
            for pid in others:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        self.process.wait(timeout=30)
        self.process = None

    def pid_of(self, program: str) -> int:
        """The process of one part of a split shop, such as `orders-1` or `nginx`."""
        return int((self.data_dir / "split" / f"{program}.pid").read_text())

    def close(self) -> None:
        if self.process is not None:
            self.kill()

    def log_text(self) -> str:
        return (self.data_dir / "server.log").read_text(errors="replace")

    def database_url(self, service: str) -> str:
        """Where this service of the shop keeps its rows, for a test that looks into them."""
        default = f"sqlite:///{self.data_dir / f'{service}.sqlite3'}"
        return self.environ.get(variable(f"{service}_database_url"), default)

    def _environ(self) -> dict[str, str]:
        own = {
            "BOOKSTORE_DATA_DIR": str(self.data_dir),
            "BOOKSTORE_PORT": str(self.port),
            "BOOKSTORE_REGISTRATIONS_PER_ADDRESS": "100000",
            "BOOKSTORE_LOGIN_FAILURES_PER_ADDRESS": "100000",
            # The machines are shared: a slow neighbor says nothing about the code.
            "BOOKSTORE_NEIGHBOR_TIMEOUT_SECONDS": "15",
        }
        # Compiled once instead of at each of many starts, and not beside the sources.
        python = {"PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "bookstore-pycache")}
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {**inherited, **python, **own, **self.environ}

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended while starting:\n{self.log_text()[-3000:]}")
            try:
                if httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"the server was not ready in {START_SECONDS} s:\n{self.log_text()[-3000:]}")


def session_of(leader: int) -> list[int]:
    """The living processes in the session that this process leads."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        # Processes may end while we look.
        with suppress(ProcessLookupError, FileNotFoundError):
            # After the name in parentheses: state, parent, group, session.
            state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state != "Z":
                found.append(int(entry.name))
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ApiClient:
    """A person at the API of a running shop."""

    def __init__(self, shop: LiveShop, name: str, verify: ssl.SSLContext | bool = True) -> None:
        self.email = f"{name}@example.com"
        self._base, self._verify = f"{shop.url}/api/v1", verify
        self.http = self._connect()
        self.http.post(
            "/accounts/users",
            json={"name": name.title(), "email": self.email, "password": "correct horse battery"},
        ).raise_for_status()
        self.log_in()

    def come_again(self) -> None:
        """With nothing but the password: no connection, no session."""
        self.http.close()
        self.http = self._connect()
        self.log_in()

    def _connect(self) -> httpx.Client:
        return httpx.Client(base_url=self._base, timeout=30, verify=self._verify)

    def log_in(self) -> None:
        session = self.http.post(
            "/accounts/sessions", json={"email": self.email, "password": "correct horse battery"}
        ).raise_for_status()
        self.http.headers["Authorization"] = f"Bearer {session.json()['access_token']}"

    def offer(self, title: str, price: str, copies: int) -> int:
        """Publish a listing and return its id."""
        listing = self.http.post(
            "/catalog/listings",
            json={
                "book": {"title": title, "authors": "Autora Inventada", "language": "es"},
                "condition": "good",
                "price": {"amount": price, "currency": "USD"},
                "copies": copies,
            },
        ).raise_for_status()
        return int(listing.json()["id"])

    def place_order(self, listing_id: int, key: str, quantity: int = 1) -> httpx.Response:
        return self.http.post(
            "/orders", json=order_of(listing_id, quantity, self.delivery()), headers={"Idempotency-Key": key}
        )

    def pay(self, reference: str, key: str, token: str = "tok_approved") -> httpx.Response:
        return self.http.post(
            f"/orders/{reference}/payments",
            json={"method": "card", "token": token},
            headers={"Idempotency-Key": key},
        )

    def delivery(self) -> int:
        if not hasattr(self, "_option"):
            options = self.http.get("/orders/delivery-options", params={"country": "EC"}).raise_for_status()
            self._option = options.json()["items"][0]["id"]
        return int(self._option)
