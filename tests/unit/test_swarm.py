"""What is computed before a Swarm is told anything, and how its words are read."""

from pathlib import Path

import pytest

from bookstore.deploying.errors import SecretMissing
from bookstore.deploying.swarm.convergence import Sight
from bookstore.deploying.swarm.services import Service, Task, version_of
from bookstore.deploying.swarm.stack import COMMON_SECRETS, SwarmStack

ROOT = Path(__file__).parents[2]
SECRETS = (*COMMON_SECRETS, "database_url")


@pytest.fixture
def stack(tmp_path: Path) -> SwarmStack:
    for name in SECRETS:
        (tmp_path / name).write_text(f"{name} of the tests")
    return SwarmStack(ROOT / "deploy" / "swarm", "monolith", "shop", tmp_path)


def test_another_secret_has_another_name_and_the_same_one_the_same(stack: SwarmStack) -> None:
    before = stack.environ()
    assert stack.environ() == before
    (stack.secrets / "secret_key").write_text("another one")
    after = stack.environ()
    assert {name for name in before if after[name] != before[name]} == {"SECRET_KEY_DIGEST"}


@pytest.mark.parametrize("content", [None, ""])
def test_a_secret_that_is_missing_or_empty_is_named(stack: SwarmStack, content: str | None) -> None:
    path = stack.secrets / "database_url"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(SecretMissing, match="database_url is missing or empty"):
        stack.environ()


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("bookstore:v1", "v1"),
        ("10.77.0.254:5000/bookstore:v1@sha256:0123", "v1"),
        ("registry.example:5000/books/bookstore", ""),
    ],
)
def test_the_version_of_an_image_is_its_tag(image: str, version: str) -> None:
    assert version_of(image) == version


def service(update: str = "", replicas: int | None = 2) -> Service:
    return Service("shop_app", "shop", "bookstore:two", "bookstore:one", replicas, update, "", "", {})


def task(image: str = "bookstore:two", state: str = "running", desired: str = "running") -> Task:
    return Task("id", "shop_app.1", "node1", image, desired, state, "")


@pytest.mark.parametrize(
    ("tasks", "update", "missing"),
    [
        ([task(), task()], "", ""),
        ([task(), task()], "completed", ""),
        ([task(), task()], "updating", "shop_app: 2 up updating"),
        ([task(), task("bookstore:one")], "", "shop_app: 1 up"),
        ([task(), task(state="starting")], "", "shop_app: 1 up"),
        ([task(), task(desired="shutdown")], "", "shop_app: 1 up"),
    ],
)
def test_a_service_is_whole_when_all_its_replicas_are_healthy_and_of_its_version(
    tasks: list[Task], update: str, missing: str
) -> None:
    assert Sight([service(update)], tasks).missing() == missing


def test_failures_of_another_version_do_not_count() -> None:
    sight = Sight([service()], [task(state="failed"), task("bookstore:one", state="failed")])
    assert len(sight.failures(service())) == 1
