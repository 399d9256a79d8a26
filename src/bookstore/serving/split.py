"""The whole shop on one machine as three services: what runs where, and who knows of whom."""

import os
import random
import secrets
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import httpx

from bookstore.config import SERVICES, Settings, variable
from bookstore.serving import nginx
from bookstore.serving.supervisor import LOOK_EVERY, Program, Supervisor
from bookstore.wsgi import metrics_folder

START_SECONDS = 90
# Below those that the kernel gives to outgoing connections: a service needs its own again at a restart.
PORTS = range(20_000, 32_000)
INSIDE = "nginx-inside"
EDGE = "nginx"


class NotReady(Exception):
    """A service has started and does not become ready; the message says what it misses."""


@dataclass(frozen=True)
class Replica:
    """One process of a service, and where it listens."""

    service: str
    number: int
    port: int

    @property
    def name(self) -> str:
        return f"{self.service}-{self.number}"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


class SplitShop:
    """Three services, each in processes of its own, with nginx in front."""

    def __init__(self, settings: Settings, replicas: int, say: Callable[[str], None]) -> None:
        self.settings = settings
        self.say = say
        self.folder = settings.data_dir.resolve() / "split"
        ports = free_ports(len(SERVICES) * (replicas + 1))
        self.replicas = [Replica(name, n, next(ports)) for name in SERVICES for n in range(1, replicas + 1)]
        self.inside = {name: f"127.0.0.1:{next(ports)}" for name in SERVICES} if replicas > 1 else {}
        self.token = settings.service_token or secrets.token_urlsafe(48)

    def serve(self) -> None:
        """Serve until SIGINT or SIGTERM. Raises NginxMissing, ProgramEnded or NotReady at the start."""
        nginx.find()
        supervisor = Supervisor(self.folder, self.settings.graceful_seconds + 10, self.say)
        with _stop_signal() as stopped:
            try:
                self._start(supervisor, stopped)
                if not stopped():
                    self.say(f"BookStore is open on {self.url} (Ctrl-C closes it)")
                while not stopped():
                    supervisor.restart_dead()
                    time.sleep(LOOK_EVERY)
            finally:
                self._finish(supervisor)

    @property
    def url(self) -> str:
        return f"http://{self.settings.host}:{self.settings.port}"

    def _start(self, supervisor: Supervisor, stopped: Callable[[], bool]) -> None:
        for replica in self.replicas:
            supervisor.start(self._program(replica))
        if self.inside:
            supervisor.start(self._nginx(INSIDE, self._inside()))
        for replica in self.replicas:
            _wait_until_ready(replica.name, f"http://{replica.address}/readyz", supervisor, stopped)
        if not stopped():
            supervisor.start(self._nginx(EDGE, nginx.edge_of(self.settings, self._addresses())))
            _wait_until_ready(EDGE, f"{self._reachable_url()}/readyz", supervisor, stopped)

    def _finish(self, supervisor: Supervisor) -> None:
        """First nobody new gets in, then those stop who ask others, then the others."""
        self.say("closing: requests that run are finished first")
        supervisor.finish([EDGE])
        for service in reversed(SERVICES):
            supervisor.finish([replica.name for replica in self.replicas if replica.service == service])
        supervisor.finish([INSIDE])
        for replica in self.replicas:
            shutil.rmtree(metrics_folder(self.settings.data_dir, replica.port), ignore_errors=True)

    def _program(self, replica: Replica) -> Program:
        command = [sys.executable, "-m", "bookstore.cli", "serve"]
        return Program(replica.name, command, self._environ(replica), signal.SIGTERM)

    def _nginx(self, name: str, configuration: nginx.Edge | nginx.Inside) -> Program:
        folder = self.folder / name
        command = nginx.command(folder, configuration.render(folder))
        return Program(name, command, os.environ, signal.SIGQUIT)

    def _addresses(self) -> Mapping[str, Sequence[str]]:
        return {
            name: [replica.address for replica in self.replicas if replica.service == name]
            for name in SERVICES
        }

    def _inside(self) -> nginx.Inside:
        return nginx.Inside(self.inside, self._addresses(), answer_seconds=65)

    def _neighbor(self, service: str) -> str:
        return f"http://{self.inside.get(service) or self._addresses()[service][0]}"

    def _environ(self, replica: Replica) -> dict[str, str]:
        """The settings of one replica: its name, own database and secrets, and where its neighbors are."""
        own = {
            "services": replica.service,
            "replica": replica.name,
            "host": "127.0.0.1",
            "port": str(replica.port),
            "workers": str(self.settings.workers) if _is_given("workers") else "1",
            "secret_key": self.settings.effective_secret_key(),
            "service_token": self.token,
            "public_url": self.settings.effective_public_url(),
            "trusted_proxies": str(self.settings.trusted_proxies + 1),
        }
        others = [name for name in SERVICES if name != replica.service]
        own |= {f"{name}_url": self._neighbor(name) for name in others}
        hidden = {variable(name) for name in own} | {variable(f"{name}_database_url") for name in others}
        environ = {key: value for key, value in os.environ.items() if key.removesuffix("_FILE") not in hidden}
        return environ | {variable(name): value for name, value in own.items()}

    def _reachable_url(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.settings.host, self.settings.host)  # noqa: S104
        return f"http://{host}:{self.settings.port}"


def free_ports(count: int) -> Iterator[int]:
    """Ports of loopback that nobody listens on now."""
    found: set[int] = set()
    while len(found) < count:
        port = random.choice(PORTS)  # noqa: S311  # not a secret
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.add(port)
    return iter(found)


def _is_given(name: str) -> bool:
    return any(f"{variable(name)}{suffix}" in os.environ for suffix in ("", "_FILE"))


def _wait_until_ready(name: str, url: str, supervisor: Supervisor, stopped: Callable[[], bool]) -> None:
    """Raises ProgramEnded when a program ends meanwhile, and NotReady when this one takes too long."""
    deadline = time.monotonic() + START_SECONDS
    answer = "no answer"
    while not stopped():
        supervisor.require_alive()
        try:
            response = httpx.get(url, timeout=5, trust_env=False)
            answer = response.text.strip()
            if response.is_success:
                return
        except httpx.HTTPError as error:
            answer = type(error).__name__
        if time.monotonic() > deadline:
            raise NotReady(f"{name} is not ready after {START_SECONDS} s: {answer}")
        time.sleep(LOOK_EVERY)


@contextmanager
def _stop_signal() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM has come; a second one changes nothing."""
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
