"""What is in the images, and what is not."""

import pytest

from tests.compose.conftest import COMMIT, SERVICES
from tests.compose.engine import Engine


def inside(engine: Engine, image: str, program: str, *arguments: str) -> str:
    """What a program prints in a container that may write nowhere and has no network."""
    locked = ("--rm", "--read-only", "--network", "none", "--cap-drop", "ALL")
    return engine.docker("run", *locked, "--entrypoint", program, image, *arguments).strip()


@pytest.mark.parametrize(
    "image", ["bookstore", "bookstore-edge", "bookstore-acme", *(f"bookstore-{name}" for name in SERVICES)]
)
def test_an_image_says_what_it_is_and_runs_as_nobody_special(images: Engine, image: str) -> None:
    config = images.inspect(image)[0]["Config"]
    labels = config["Labels"]
    assert labels["org.opencontainers.image.version"] == "1.2.3"
    assert labels["org.opencontainers.image.revision"] == COMMIT
    assert config["User"] not in {"", "0", "root", "0:0"}
    assert config["Healthcheck"]["Test"][0] == "CMD"
    assert config["StopSignal"] in {"SIGTERM", "SIGQUIT"}
    assert int(inside(images, image, "id", "-u")) > 10_000


def test_nothing_that_builds_is_left_in_the_image(images: Engine) -> None:
    left = "import importlib.util, shutil, sys; print([name for name in sys.argv[1:] if shutil.which(name)])"
    assert inside(images, "bookstore", "python3", "-c", left, "gcc", "cc", "make", "pip", "git") == "[]"
    caches = "find /root /var/cache/apt /var/lib/apt/lists /etc/pip.conf -type f -path '*cache*' -o -path '*lists/*'"
    assert inside(images, "bookstore", "bash", "-c", f"{caches} 2>/dev/null || true") == ""


@pytest.mark.parametrize("service", SERVICES)
def test_the_image_of_one_service_has_nothing_of_the_others(images: Engine, service: str) -> None:
    there = "import importlib.util, sys; print([n for n in sys.argv[1:] if importlib.util.find_spec('bookstore.' + n)])"
    assert inside(images, f"bookstore-{service}", "python3", "-c", there, *SERVICES) == str([service])


def test_the_image_of_the_whole_shop_has_them_all(images: Engine) -> None:
    assert inside(images, "bookstore", "bookstore", "--version").startswith("bookstore, version ")
    program = "import bookstore.accounts, bookstore.catalog, bookstore.orders, MySQLdb, opentelemetry.sdk; print('all')"
    assert inside(images, "bookstore", "python3", "-c", program) == "all"


def test_a_weak_secret_stops_the_start(images: Engine) -> None:
    weak = ("--env", "BOOKSTORE_SECRET_KEY=changeme", "--env", "BOOKSTORE_PUBLIC_URL=https://shop.example")
    said = images.docker("run", "--rm", "--network", "none", *weak, "bookstore", check=False)
    assert said == ""
    refused = images.docker(
        *("run", "--rm", "--network", "none", *weak, "--entrypoint", "bash", "bookstore"),
        *("-c", "bookstore serve 2>&1; echo exit $?"),
    )
    assert "BOOKSTORE_SECRET_KEY" in refused
    assert refused.endswith("exit 2\n")
