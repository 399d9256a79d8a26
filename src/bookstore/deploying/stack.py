"""One of our compose files on the engine of this machine, asked by the programs that everybody has."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from bookstore.deploying.errors import CommandFailed, EngineMissing
from bookstore.deploying.programs import run

TOPOLOGIES = {"monolith": ("app",), "services": ("accounts", "catalog", "orders")}
WORKERS = {
    "monolith": ("worker", "backup"),
    "services": ("accounts-worker", "catalog-worker", "orders-worker", "backup"),
}
# What the operator may have beside the shop.
PROFILES = {"acme": ("acme",), "monitoring": ("prometheus", "grafana")}
MIGRATIONS = {
    "monolith": ("migrate",),
    "services": ("migrate-accounts", "migrate-catalog", "migrate-orders"),
}
# The variable by which Compose knows what belongs together; several shops on one machine have several names.
PROJECT, DEFAULT_PROJECT = "COMPOSE_PROJECT_NAME", "bookstore"


@dataclass(frozen=True)
class Stack:
    """The containers of one topology, described by the compose file in this folder.

    `settings` are variables of the compose file, which go before those of its `.env`.
    """

    folder: Path
    topology: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def shops(self) -> Sequence[str]:
        """What answers requests of the shop, and is replaced while it does."""
        return TOPOLOGIES[self.topology]

    def compose(self, *arguments: str, shown: bool = False) -> str:
        """What a command of Compose prints. Raises EngineMissing, CommandFailed."""
        file = self.folder / f"{self.topology}.yaml"
        settings = {**self.settings, PROJECT: self.project}
        return run([*compose_program(), "--file", str(file), *arguments], settings, shown=shown)

    @property
    def project(self) -> str:
        return os.environ.get(PROJECT, DEFAULT_PROJECT)

    @property
    def beside(self) -> list[str]:
        """What the profiles add that COMPOSE_PROFILES names, in the environment or in `.env`."""
        named = os.environ.get("COMPOSE_PROFILES")
        if named is None:
            named = dotenv_values(self.folder / ".env").get("COMPOSE_PROFILES") or ""
        return [service for name in named.split(",") for service in PROFILES.get(name.strip(), ())]

    def containers(self, service: str) -> list[str]:
        """The ids of its containers, running or not; those of single commands do not count."""
        labels = {"project": self.project, "service": service, "oneoff": "False"}
        filters = [
            part
            for name, value in labels.items()
            for part in ("--filter", f"label=com.docker.compose.{name}={value}")
        ]
        return run(["docker", "ps", "--all", "--quiet", "--no-trunc", *filters]).split()

    def health(self, container: str) -> str:
        """`starting`, `healthy` or `unhealthy`; the state of one that does not run, such as `exited`."""
        state: dict[str, Any] = json.loads(run(["docker", "inspect", container]))[0]["State"]
        health = state.get("Health", {}).get("Status", "healthy")
        return str(health if state["Status"] == "running" else state["Status"])


def compose_program() -> list[str]:
    """Compose 2, or the 1.29 that some machines still have. Raises EngineMissing."""
    if shutil.which("docker") is None:
        raise EngineMissing(reason="there is no docker on the PATH")
    try:
        run(["docker", "compose", "version"])
    except CommandFailed:
        if shutil.which("docker-compose") is None:
            reason = "there is neither `docker compose` nor docker-compose"
            raise EngineMissing(reason=reason) from None
        return ["docker-compose"]
    return ["docker", "compose"]
