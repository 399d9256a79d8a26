"""An engine, the images, and both compose files, each up once for all its tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.deployed import Deployed, deployed_shop
from tests.compose.engine import BASE, ROOT, Engine, run, running_engine
from tests.compose.stack import Stack

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SERVICES = ("accounts", "catalog", "orders")


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with running_engine(tmp_path_factory.mktemp("engine")) as engine:
        yield engine


@pytest.fixture(scope="session")
def images(engine: Engine) -> Engine:
    """The engine, with every image that the compose files name."""
    run([str(ROOT / "scripts" / "make-base-image"), BASE], engine.environ)
    about = {"VERSION": "1.2.3", "COMMIT": COMMIT}
    engine.build("app", "bookstore", **about)
    engine.build("edge", "bookstore-edge", **about)
    engine.build("acme", "bookstore-acme", **about)
    for service in SERVICES:
        engine.build("app", f"bookstore-{service}", SERVICE=service, **about)
    database = str(Path(__file__).parent / "database")
    engine.docker(
        *("build", "--quiet", "--network", "host", "--build-arg", f"DEBIAN_IMAGE={BASE}"),
        *("--tag", "bookstore-test-database", database),
    )
    return engine


def make_secrets(folder: Path) -> Path:
    """The secrets as the operator of a shop makes them."""
    run([str(ROOT / "deploy" / "compose" / "make-secrets"), str(folder)], {"PATH": "/usr/bin:/bin"})
    return folder


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_secrets(tmp_path_factory.mktemp("stack") / "secrets")


@pytest.fixture(scope="module", params=["monolith", "services"])
def stack(request: pytest.FixtureRequest, images: Engine, secrets: Path) -> Iterator[Stack]:
    stack = Stack(images, request.param, secrets)
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


@pytest.fixture(scope="module", params=["monolith"])
def deployed(
    request: pytest.FixtureRequest, images: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    """A shop that the command has brought up."""
    with deployed_shop(images, request.param, tmp_path_factory.mktemp("checkout")) as deployed:
        yield deployed
