"""A shop that `bookstore deploy` looks after, from a checkout of its own."""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bookstore.deploying.images import edge_tag
from bookstore.deploying.stack import TOPOLOGIES, WORKERS
from tests.cluster.live_shop import free_port
from tests.compose.engine import ROOT, Engine, run
from tests.compose.load import Load
from tests.compose.stack import DOMAIN, PLUGINS, Stack

PARTS = (
    "deploy/compose",
    "deploy/monitoring",
    "deploy/nginx",
    "src/bookstore/serving",
    "src/bookstore/shared/static",
)


@contextmanager
def deployed_shop(engine: Engine, topology: str, checkout: Path) -> Iterator["Deployed"]:
    """Version one, brought up by the command; version two is built."""
    for part in PARTS:
        shutil.copytree(ROOT / part, checkout / part)
    shutil.copy(ROOT / "Dockerfile", checkout)
    engine.docker("tag", "bookstore-edge", f"bookstore-edge:{edge_tag(checkout)}")
    deployed = Deployed(engine, checkout, topology)
    for tag in ("one", "two"):
        for name, arguments in deployed.images.items():
            engine.build("app", f"{name}:{tag}", VERSION=tag, COMMIT="0" * 40, **arguments)
    try:
        assert f"version one is open on https://{DOMAIN}:{deployed.https_port}" in deployed.deploy(
            "--tag", "one"
        )
        yield deployed
    finally:
        deployed.stack().down()


class Deployed:
    """A shop that `bookstore deploy` looks after."""

    def __init__(self, engine: Engine, checkout: Path, topology: str) -> None:
        self.engine, self.folder, self.topology = engine, checkout / "deploy" / "compose", topology
        self.http_port, self.https_port = free_port(), free_port()
        self.environ = {
            **engine.environ,
            **PLUGINS[topology],
            "COMPOSE_PROJECT_NAME": f"test-{topology}",
            "PUBLISH_ON": "127.0.0.1",
            "DATABASE_IMAGE": "bookstore-test-database",
            "BOOKSTORE_REGISTRATIONS_PER_ADDRESS": "100000",
            "BOOKSTORE_LOGIN_FAILURES_PER_ADDRESS": "100000",
            "REQUESTS_PER_SECOND": "5000",
            "BURST": "5000",
        }

    @property
    def images(self) -> dict[str, dict[str, str]]:
        """Those of its own code, and how each is built. The whole shop makes the backups of both topologies."""
        alone = TOPOLOGIES["services"] if self.topology == "services" else ()
        return {"bookstore": {}} | {f"bookstore-{name}": {"SERVICE": name} for name in alone}

    def command(self, *arguments: str, check: bool = True) -> str:
        place = ("--topology", self.topology, "--folder", str(self.folder))
        program = [sys.executable, "-m", "bookstore.cli", "deploy", *arguments, *place]
        return run(["bash", "-c", '"$@" 2>&1', "bash", *program], self.environ, check=check)

    def deploy(self, *arguments: str, check: bool = True) -> str:
        ports = ("--http-port", str(self.http_port), "--https-port", str(self.https_port))
        return self.command("compose", "--domain", DOMAIN, "--no-build", *ports, *arguments, check=check)

    def stack(self) -> Stack:
        """The same containers, for whoever looks at them."""
        return Stack(self.engine, self.topology, self.folder / "secrets", self.http_port, self.https_port)

    def version(self) -> str:
        """The one version that all containers with code of ours have."""
        stack = self.stack()
        names = [*stack.shops, *WORKERS[self.topology]]
        found = self.engine.inspect(*(stack.container(name) for name in names))
        [version] = {container["Config"]["Image"].partition(":")[2] for container in found}
        return str(version)


def assert_nobody_noticed(load: Load) -> None:
    assert set(load.answers) == {"well"}, load.answers
    assert load.answers["well"] > 200
    assert load.statuses(load.placed) == {"paid"}


def assert_another_version_and_the_way_back_drop_no_request(deployed: Deployed) -> None:
    assert deployed.version() == "one"
    with Load(deployed.stack()) as load:
        time.sleep(3)
        assert "version two is open" in deployed.deploy("--tag", "two")
        time.sleep(2)
    assert deployed.version() == "two"
    assert_nobody_noticed(load)

    with Load(deployed.stack()) as load:
        time.sleep(2)
        assert "version one is open" in deployed.deploy("--rollback")
        time.sleep(2)
    assert deployed.version() == "one"
    assert_nobody_noticed(load)
    assert "version one, before it two" in deployed.command("status")
