"""The production set-up on loopback, in a scratch folder: MariaDB, the app and its worker, nginx in front.

The settings are those of the image and of deploy/compose: whatever those leave at its default stays so here,
the numbers of server processes and threads above all. The database gives nothing of its durability away.
"""

import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from tests.database_servers import DatabaseServer, running

from bench.edge import Edge, start_edge
from bench.open_load import Shop
from bench.shop import environ_without_settings
from bookstore.config import SERVICES, Settings, variable
from bookstore.serving.split import free_ports

SCHEMA = "bookstore"
# The index of a million books is built meanwhile.
START_SECONDS = 900
STOP_SECONDS = 60
# Each commit is on the disk before it is acknowledged, in the log of the rows and in the binary log.
DURABLE = (
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-doublewrite=1",
    "--log-bin=binlog",
    "--sync-binlog=1",
    "--server-id=1",
    "--innodb-buffer-pool-size=2G",
    "--innodb-log-file-size=512M",
)
# Of the image, and of deploy/compose; the limits of one address would meet the load, which has only one.
SETTINGS = {
    "environment": "production",
    "host": "127.0.0.1",
    "embedded_worker": "false",
    "log_format": "json",
    "https": "true",
    "trusted_proxies": "1",
    "secret_key": "only for the benchmark, and as long as it must be",
    "service_token": "only for the benchmark, and as long as it must be, too",
    "registrations_per_address": "1000000",
    "login_failures_per_address": "1000000",
}

# What the image says of its programs to others than the shop.
OF_THE_IMAGE = {"MALLOC_ARENA_MAX": "2"}

# Puts books into the shop; besides its settings it is given what runs a command of `bookstore`.
Fill = Callable[[Settings, Callable[..., None]], object]


@dataclass(frozen=True)
class Production:
    """What runs. `programs` are the processes whose use of the machine is told, by what they are."""

    shop: Shop
    settings: Settings
    database: DatabaseServer
    edge: Edge
    programs: dict[str, int]
    environ: dict[str, str]

    @property
    def app(self) -> Shop:
        """The shop without nginx in front, which keeps what was read a moment ago."""
        return Shop(f"http://{self.settings.host}:{self.settings.port}")


@dataclass(frozen=True)
class Part:
    """A server of the shop and its worker: all of the shop, or one of its services."""

    app: str
    worker: str
    address: str
    environ: dict[str, str]


@contextmanager
def production(fill: Fill, *, tls: bool = False, split: bool = False) -> Iterator[Production]:
    """Start everything; `fill` is called between the migrations and the start of the app.

    With `split` as three services, each with a schema of its own.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bookstore-bench-")))
        folder.chmod(0o755)
        server = stack.enter_context(running("mariadb", *DURABLE))
        environ, settings = _configured(folder, server, split=split)
        operate(environ, "migrate")
        fill(settings, lambda *arguments: operate(environ, *arguments))
        parts = _services(folder, environ) if split else [_whole_shop(settings, environ)]
        programs = {
            name: start(stack, folder / f"{name}.log", part.environ, "bookstore.cli", command).pid
            for part in parts
            for name, command in ((part.app, "serve"), (part.worker, "worker"))
        }
        addresses = {part.app: part.address for part in parts}
        edge = start_edge(folder / "edge", addresses, settings.effective_media_dir(), environ, tls=tls)
        stack.callback(_end, edge.process)
        shop = _reached(edge, tls=tls)
        _wait(shop, folder)
        assert server.process is not None
        programs |= {"nginx": edge.process.pid, "database": server.process.pid}
        yield Production(shop, settings, server, edge, programs, environ)


def _whole_shop(settings: Settings, environ: dict[str, str]) -> Part:
    return Part("app", "worker", f"127.0.0.1:{settings.port}", environ)


def _services(folder: Path, environ: dict[str, str]) -> list[Part]:
    """Each knows its own database alone, and where the others are."""
    addresses = {name: f"127.0.0.1:{port}" for name, port in zip(SERVICES, free_ports(3), strict=True)}
    urls = {variable(f"{name}_url"): f"http://{address}" for name, address in addresses.items()}
    databases = {name: variable(f"{name}_database_url") for name in SERVICES}
    parts = []
    for name, address in addresses.items():
        hidden = {databases[other] for other in SERVICES if other != name}
        own = {
            variable("services"): name,
            variable("port"): address.partition(":")[2],
            variable("data_dir"): str(folder / f"data-{name}"),
        }
        told = {key: value for key, value in environ.items() if key not in hidden}
        parts.append(Part(name, f"{name}-worker", address, told | urls | own))
    return parts


def _configured(folder: Path, server: DatabaseServer, *, split: bool) -> tuple[dict[str, str], Settings]:
    """The environment of the app's processes, and what they make of it."""
    [port] = free_ports(1)
    names = (
        {f"{name}_database_url": f"{SCHEMA}_{name}" for name in SERVICES}
        if split
        else {"database_url": SCHEMA}
    )
    urls = {setting: server.create_schema(name) for setting, name in names.items()}
    # The sandbox keeps its books beside those of the orders.
    urls["sandbox_database_url"] = list(urls.values())[-1]
    own = {
        **SETTINGS,
        "port": str(port),
        "data_dir": str(folder / "data"),
        "media_dir": str(folder / "media"),
        **urls,
        "public_url": "https://127.0.0.1",
    }
    (folder / "media").mkdir()
    environ = (
        environ_without_settings() | OF_THE_IMAGE | {variable(name): value for name, value in own.items()}
    )
    known = Settings(data_dir=folder / "data", media_dir=own["media_dir"], port=port, **urls)
    settings = replace(
        known,
        secret_key=own["secret_key"],
        https=True,
        public_url=own["public_url"],
    )
    return environ, settings


def operate(environ: dict[str, str], *arguments: str) -> None:
    """What operators type."""
    done = subprocess.run(  # noqa: S603  # our own words, and no shell
        [sys.executable, "-m", "bookstore.cli", *arguments], env=environ, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise AssertionError(f"bookstore {arguments[0]} failed:\n{done.stdout}{done.stderr}")


def start(stack: ExitStack, log: Path, environ: dict[str, str], *module: str) -> subprocess.Popen[bytes]:
    """Start a module of Python with its arguments, which is asked to finish at the end."""
    output = stack.enter_context(log.open("wb"))
    process = subprocess.Popen(  # noqa: S603  # our own words, and no shell
        ["setpriv", "--pdeathsig", "TERM", sys.executable, "-m", *module],  # noqa: S607
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    stack.callback(_end, process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a program to finish; whatever of its group is left then is ended."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            # Its id stays taken until it is waited for below, and so does that of its group.
            _wait_for_end(process.pid)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(0.05)


def _reached(edge: Edge, *, tls: bool) -> Shop:
    if not tls:
        return Shop(f"http://127.0.0.1:{edge.http_port}")
    # The certificate of a scratch shop was made a moment ago by nobody whom a program would trust.
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    return Shop(f"https://127.0.0.1:{edge.https_port}", trusting)


def _wait(shop: Shop, folder: Path) -> None:
    """Until the shop answers through nginx and its search does not fall back to the beginnings of titles."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(f"{shop.url}/readyz", verify=False, trust_env=False)  # noqa: S501
            page = httpx.get(f"{shop.url}/books?q=a", verify=False, trust_env=False)  # noqa: S501
            if answer.is_success and page.is_success and "search index is being built" not in page.text:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    logs = [path.read_text()[-2000:] for path in (*folder.glob("*.log"), folder / "edge/nginx.log")]
    raise AssertionError("the shop did not become ready:\n" + "\n".join(logs))
