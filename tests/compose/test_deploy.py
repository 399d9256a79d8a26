"""`bookstore deploy`: another version takes over while people buy, and nobody notices."""

import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bookstore.deploying.images import edge_tag
from bookstore.deploying.stack import TOPOLOGIES, WORKERS
from tests.cluster.live_shop import free_port
from tests.compose.engine import ROOT, Engine, run
from tests.compose.load import Load
from tests.compose.stack import DOMAIN, PLUGINS, Stack

SICK = """
FROM bookstore
# It listens where nobody asks, and is not given as long to start as a slow machine is.
ENV BOOKSTORE_HOST=127.0.0.2
HEALTHCHECK --interval=1s --timeout=3s --start-period=15s --retries=3 {check}
"""
BROKEN = """
FROM bookstore
ENTRYPOINT ["bash", "-c", "echo this version is broken beyond repair; exit 3"]
"""


@pytest.fixture(scope="module", params=["monolith"])
def deployed(
    request: pytest.FixtureRequest, images: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Deployed"]:
    """Version one, brought up by the command from a checkout of its own."""
    checkout = tmp_path_factory.mktemp("checkout")
    for part in (
        "deploy/compose",
        "deploy/monitoring",
        "deploy/nginx",
        "src/bookstore/serving",
        "src/bookstore/shared/static",
    ):
        shutil.copytree(ROOT / part, checkout / part)
    shutil.copy(ROOT / "Dockerfile", checkout)
    images.docker("tag", "bookstore-edge", f"bookstore-edge:{edge_tag(checkout)}")
    deployed = Deployed(images, checkout, request.param)
    for tag in ("one", "two"):
        for name, arguments in deployed.images.items():
            images.build("app", f"{name}:{tag}", VERSION=tag, COMMIT="0" * 40, **arguments)
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


@pytest.mark.parametrize("deployed", ["monolith", "services"], indirect=True)
def test_another_version_and_the_way_back_drop_no_request(deployed: Deployed) -> None:
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


@pytest.mark.parametrize(
    ("tag", "recipe", "said"),
    [
        ("sick", SICK, "app of version sick does not become healthy and is gone again"),
        ("broken", BROKEN, "this version is broken beyond repair"),
    ],
)
def test_a_version_that_is_not_healthy_never_takes_a_request(
    deployed: Deployed, tmp_path: Path, tag: str, recipe: str, said: str
) -> None:
    check = deployed.engine.inspect("bookstore")[0]["Config"]["Healthcheck"]["Test"]
    (tmp_path / "Dockerfile").write_text(recipe.replace("{check}", f"{check[0]} {json.dumps(check[1:])}"))
    deployed.engine.docker("build", "--quiet", "--tag", f"bookstore:{tag}", str(tmp_path))
    before = deployed.version()
    with Load(deployed.stack()) as load:
        time.sleep(2)
        refused = deployed.deploy("--tag", tag, check=False)
        time.sleep(2)
    assert said in refused
    assert deployed.version() == before
    assert_nobody_noticed(load)
    assert f"version {before}," in deployed.command("status")


def test_without_a_version_before_there_is_no_way_back(deployed: Deployed, tmp_path: Path) -> None:
    other = tmp_path / "deploy" / "compose"
    shutil.copytree(deployed.folder, other)
    (other / "releases.json").unlink()
    program = [sys.executable, "-m", "bookstore.cli", "deploy", "compose", "--domain", DOMAIN, "--rollback"]
    said = run(
        ["bash", "-c", '"$@" 2>&1; echo exit $?', "bash", *program, "--folder", str(other)], deployed.environ
    )
    assert "no other version was deployed before this one" in said
    assert said.endswith("exit 1\n")


def test_a_port_that_is_taken_is_named_before_anything_is_changed(
    images: Engine, deployed: Deployed, tmp_path: Path
) -> None:
    environ = {**deployed.environ, "COMPOSE_PROJECT_NAME": "test-second"}
    other = tmp_path / "deploy" / "compose"
    shutil.copytree(deployed.folder, other)
    (other / "releases.json").unlink()
    ports = ("--http-port", str(deployed.http_port), "--https-port", str(deployed.https_port))
    program = [sys.executable, "-m", "bookstore.cli", "deploy", "compose", "--domain", DOMAIN, "--tag", "one"]
    command = [*program, "--no-build", *ports, "--folder", str(other)]
    said = run(["bash", "-c", '"$@" 2>&1; echo exit $?', "bash", *command], environ)
    assert f"NO  port {deployed.https_port}: Address already in use" in said
    assert said.endswith("exit 1\n")
    assert (
        images.docker("ps", "--all", "--quiet", "--filter", "label=com.docker.compose.project=test-second")
        == ""
    )
