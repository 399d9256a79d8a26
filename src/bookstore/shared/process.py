"""Which part of the shop a process is: its services, its replica, what was built."""

import secrets
import signal
import socket
import threading
from dataclasses import dataclass
from importlib.metadata import version

SERVICES = ("accounts", "catalog", "orders")


@dataclass(frozen=True)
class Process:
    """What footers, headers and the status page say about the process that answered.

    `replica` names the group of server processes that were started together. `commit` is what the image was
    built from, as its builder says.
    """

    services: tuple[str, ...] = SERVICES
    replica: str = "unnamed"
    commit: str = "unknown"

    @property
    def version(self) -> str:
        return version("bookstore")

    @property
    def topology(self) -> str:
        """`monolith` where one process runs all services, else `services`."""
        return "monolith" if set(self.services) == set(SERVICES) else "services"

    @property
    def replica_label(self) -> str:
        """The end of the replica's name: enough to tell replicas apart, and no host name for strangers."""
        return self.replica.rpartition("-")[2]

    def service_of(self, blueprint: str | None) -> str:
        """The service that a page belongs to; `shop` for what no service of a monolith answers alone."""
        named = (blueprint or "").partition("_")[0]
        if named in self.services:
            return named
        return self.services[0] if len(self.services) == 1 else "shop"


def new_replica_name() -> str:
    """A name for server processes that start together: the host's, and something no other start has."""
    return f"{socket.gethostname()[:40]}-{secrets.token_hex(3)}"


def told_to_stop() -> threading.Event:
    """Set by Ctrl-C or SIGTERM, from now on; for a process that ends when what it is at is done."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
