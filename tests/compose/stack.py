"""One of our compose files, up and running on the engine of the tests."""

import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.cluster.live_shop import free_port
from tests.compose.engine import ROOT, Engine, run

DOMAIN = "localhost"
PATIENCE_SECONDS = 120
# Both of the programs that people have are used: the 1.29 that some machines still have, and Compose 2.
COMPOSE = {"monolith": ["docker-compose"], "services": ["docker", "compose"]}
PLUGINS = {"monolith": {}, "services": {"DOCKER_CONFIG": str(ROOT / ".compose")}}


@dataclass
class Stack:
    """A topology as `deploy/compose` describes it, published on loopback."""

    engine: Engine
    topology: str
    secrets: Path
    http_port: int = field(default_factory=free_port)
    https_port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)
    domain: str = DOMAIN
    more_files: list[Path] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://{self.domain}:{self.https_port}"

    @property
    def shops(self) -> list[str]:
        """The containers that answer requests of the shop."""
        return ["app"] if self.topology == "monolith" else ["accounts", "catalog", "orders"]

    def compose(self, *arguments: str, check: bool = True, **settings: str) -> str:
        file = ROOT / "deploy" / "compose" / f"{self.topology}.yaml"
        files = [part for path in (file, *self.more_files) for part in ("--file", str(path))]
        command = [*COMPOSE[self.topology], *files, "--project-name", f"test-{self.topology}"]
        environ = {
            **self.engine.environ,
            **PLUGINS[self.topology],
            "SECRETS": str(self.secrets),
            "SHOP_DOMAIN": self.domain,
            "PUBLISH_ON": "127.0.0.1",
            "HTTP_PORT": str(self.http_port),
            "HTTPS_PORT": str(self.https_port),
            "HTTPS_PORT_IN_URLS": f":{self.https_port}",
            "DATABASE_IMAGE": "bookstore-test-database",
            "BOOKSTORE_REGISTRATIONS_PER_ADDRESS": "100000",
            "REQUESTS_PER_SECOND": "1000",
            "BURST": "1000",
            **self.settings,
            **settings,
        }
        return run([*command, *arguments], environ, check=check, seconds=300)

    def up(self, **settings: str) -> None:
        self.compose("up", "--detach", **settings)
        self.wait_until_open()

    def down(self) -> None:
        self.compose("down", "--volumes", "--timeout", "10")

    def container(self, service: str) -> str:
        return self.compose("ps", "--quiet", service).strip()

    def certificate(self) -> str:
        """The one that the edge shows."""
        return self.engine.docker(
            "exec", self.container("edge"), "cat", "/certificates/current/fullchain.pem"
        )

    def trusted(self) -> ssl.SSLContext:
        """Trusts the certificate that the edge made itself, for the name that it made it for."""
        return ssl.create_default_context(cadata=self.certificate())

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.trusted(), timeout=30)

    def wait_until_open(self, path: str = "/") -> None:
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends_at:
            try:
                if httpx.get(f"{self.url}{path}", verify=False, timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.2)
        raise AssertionError(f"not open in {PATIENCE_SECONDS} s:\n{self.compose('logs', '--tail', '20')}")
