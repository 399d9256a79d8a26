"""One of our stack files on a Swarm: its settings, its secrets, and what is done with it as a whole."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bookstore.deploying.errors import SecretMissing
from bookstore.deploying.programs import run
from bookstore.deploying.stack import MIGRATIONS
from bookstore.deploying.swarm.services import Service, service_names, services_of

DATABASES = {
    "monolith": ("database_url",),
    "services": ("accounts_database_url", "catalog_database_url", "orders_database_url"),
}
COMMON_SECRETS = ("secret_key", "service_token", "backup_key")
MAIL_PASSWORD, AUTHORITIES = "smtp_password", "database_ca"
# What not every shop has. A Swarm takes nothing that is empty, so a file with an empty line stands in.
OPTIONAL = (MAIL_PASSWORD, AUTHORITIES)
NOTHING = "nothing"
# Where the containers find the authorities of the database's certificate.
AUTHORITIES_INSIDE = "/etc/bookstore/database_ca.pem"
AUTOSCALER, AUTOSCALER_FILE = "autoscaler", "autoscale.yaml"
DIGEST_LENGTH = 12


@dataclass(frozen=True)
class SwarmStack:
    """A topology as the files in this folder describe it, under a name of its own in the cluster.

    `settings` are variables of the stack files, which go before those of the environment.
    """

    folder: Path
    topology: str
    name: str
    secrets: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    encrypted: bool = False
    # Whether the autoscaler is beside it, which sets the numbers of replicas.
    autoscaled: bool = False

    @property
    def mtu(self) -> str:
        """The largest packet of its network, as the stack files choose it."""
        name, default = ("OVERLAY_MTU_ENCRYPTED", "1400") if self.encrypted else ("OVERLAY_MTU", "1450")
        return self.settings.get(name) or os.environ.get(name) or default

    @property
    def network(self) -> str:
        """The network of its replicas, as the Swarm names it."""
        return f"{self.name}_shop"

    def deploy(self) -> None:
        """Tell the Swarm what should be. It goes about it by itself. Raises CommandFailed, SecretMissing."""
        if self.autoscaled:
            kept = replicas_chosen(self.name, services_of(self.name))
            self._deploy([f"{self.topology}.yaml", AUTOSCALER_FILE], kept)
        else:
            self._deploy([f"{self.topology}.yaml"])

    def has_autoscaler(self) -> bool:
        """Whether the autoscaler runs beside it now."""
        return f"{self.name}_{AUTOSCALER}" in service_names()

    def remove_autoscaler(self) -> None:
        """Nothing sets the numbers of replicas from here on but the stack files. Raises CommandFailed."""
        run(["docker", "service", "rm", f"{self.name}_{AUTOSCALER}"])

    def deploy_migrations(self) -> list[str]:
        """Run the migrations, which end by themselves; the names of their services."""
        self.remove_migrations()
        self._deploy([f"{self.topology}-migration.yaml"])
        return [f"{self.name}_{name}" for name in MIGRATIONS[self.topology]]

    def contracting(self) -> "SwarmStack":
        """With a migration that may take away what the version that runs might need."""
        return replace(self, settings={**self.settings, "MIGRATE": "--contract"})

    def remove_migrations(self) -> None:
        names = {f"{self.name}_{name}" for name in MIGRATIONS[self.topology]}
        if gone := sorted(names & service_names()):
            run(["docker", "service", "rm", *gone])

    def environ(self) -> dict[str, str]:
        """The variables of the stack files."""
        return {
            **self.settings,
            "STACK": self.name,
            "SECRETS": str(self.secrets.resolve()),
            **{f"{name.upper()}_FILE": str(self._given(name)) for name in OPTIONAL},
            **self._tls(),
            **self._digests(),
        }

    def has(self, name: str) -> bool:
        """Whether there is this optional secret or config."""
        path = self.secrets / name
        return path.is_file() and path.stat().st_size > 0

    def _given(self, name: str) -> Path:
        return (self.secrets / name if self.has(name) else self.folder / NOTHING).resolve()

    def _tls(self) -> dict[str, str]:
        """With authorities, connections to the database are encrypted and its certificate is checked."""
        return {"BOOKSTORE_DATABASE_TLS_CA": AUTHORITIES_INSIDE} if self.has(AUTHORITIES) else {}

    def _digests(self) -> dict[str, str]:
        """What is in each secret and config, as far as their names tell it."""
        names = (*COMMON_SECRETS, *DATABASES[self.topology])
        paths = {name: self.secrets / name for name in names}
        paths |= {name: self._given(name) for name in OPTIONAL}
        paths["balancer"] = self.folder.parent / "nginx" / "templates" / "balancer.conf"
        return {f"{name.upper()}_DIGEST": digest(path) for name, path in paths.items()}

    def _deploy(self, files: list[str], more: Mapping[str, str] | None = None) -> None:
        files = [*files, *(["encrypted.yaml"] if self.encrypted else [])]
        options = [part for file in files for part in ("--compose-file", str(self.folder / file))]
        environ = {**self.environ(), **(more or {})}
        run(["docker", "stack", "deploy", "--with-registry-auth", *options, self.name], environ)


def replicas_chosen(stack: str, services: Iterable[Service]) -> dict[str, str]:
    """The variables of the stack files that leave services which are scaled as many replicas as they have."""
    return {
        f"{service.name.removeprefix(f'{stack}_').upper()}_REPLICAS": str(service.replicas)
        for service in services
        if service.is_scaled and service.replicas
    }


def digest(path: Path) -> str:
    """Raises SecretMissing when the file is missing or empty."""
    if not path.is_file() or not (content := path.read_bytes()):
        raise SecretMissing(path=str(path))
    return hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH]


def prune(stack: SwarmStack) -> list[str]:
    """Remove the secrets and configs of this stack that nothing uses, not even what one could go back to."""
    gone = []
    for kind in ("secret", "config"):
        label = f"label=com.docker.stack.namespace={stack.name}"
        names = run(["docker", kind, "ls", "--filter", label, "--format", "{{.Name}}"]).split()
        used = _used(stack.name)
        for name in names:
            if name not in used:
                run(["docker", kind, "rm", name])
                gone.append(name)
    return gone


def _used(stack: str) -> str:
    """All that the services are and were, as one text in which names can be looked for."""
    names = run(["docker", "stack", "services", "--format", "{{.Name}}", stack]).split()
    return run(["docker", "service", "inspect", *names]) if names else ""
