"""What the commands of a Swarm make of their options, and how they end."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bookstore.deploying.findings import Finding
from bookstore.deploying.swarm import commands
from bookstore.deploying.swarm.services import Service
from bookstore.deploying.swarm.stack import SwarmStack

FOLDER = Path(__file__).parents[2] / "deploy" / "swarm"
OPTIONS = ["--folder", str(FOLDER), "--domain", "shop.example", "--balancers", "10.0.0.9"]
OPTIONS += ["--media", "/mnt/media", "--backups", "/mnt/backups", "--registry", "registry.example"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A cluster in which all is well; what was asked of it."""
    asked: dict[str, Any] = {}

    def examine(stack: SwarmStack) -> Iterator[Finding]:
        asked["examined"] = stack
        yield Finding("quorum", holds=True, detail="3 of 3 managers reachable")

    def fetched(stack: str, images: Iterable[str]) -> Iterator[Finding]:
        asked["fetched"] = list(images)
        yield from asked.get("clocks", [])

    def roll_out(stack: SwarmStack, tag: str, images: Iterable[str], *others: Any) -> None:
        asked["deployed"] = (stack, tag, list(images))

    monkeypatch.setattr(commands, "examine", examine)
    monkeypatch.setattr(commands, "fetched", fetched)
    monkeypatch.setattr(commands, "roll_out", roll_out)
    monkeypatch.setattr(commands, "services_of", lambda stack: [])
    monkeypatch.setattr(SwarmStack, "has_autoscaler", lambda stack: False)
    return asked


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(commands.swarm, arguments)
    return done.exit_code, done.output


def test_up_may_be_left_out_and_deploys_what_the_options_say(asked: dict[str, Any]) -> None:
    code, said = run(*OPTIONS, "--no-build", "--tag", "v1", "--encrypted", "--topology", "services")
    assert (code, said.splitlines()[-1]) == (0, "version v1 is open on https://shop.example")
    stack, tag, images = asked["deployed"]
    assert (stack.topology, stack.encrypted, stack.secrets, tag) == (
        "services",
        True,
        FOLDER / "secrets",
        "v1",
    )
    assert stack.settings["BACKUPS"] == "/mnt/backups"
    assert "registry.example/bookstore-catalog:v1" in images
    assert not [image for image in images if "acme" in image]


def test_the_doctor_looks_at_what_runs_and_deploys_nothing(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = [
        Service(f"bookstore_{part}", part, "registry.example/bookstore:v0", "", 1, "", "", "", {})
        for part in ("app", "worker")
    ]
    monkeypatch.setattr(commands, "services_of", lambda stack: running)
    code, said = run("doctor", *OPTIONS)
    assert code == 0, said
    assert asked["fetched"] == ["registry.example/bookstore:v0"]
    assert "deployed" not in asked


def test_the_doctor_looks_at_the_version_that_is_named(asked: dict[str, Any]) -> None:
    assert run("doctor", *OPTIONS, "--tag", "v2")[0] == 0
    assert "registry.example/bookstore:v2" in asked["fetched"]


def test_the_doctor_says_what_does_not_show_before_anything_runs(asked: dict[str, Any]) -> None:
    code, said = run("doctor", *OPTIONS)
    assert code == 0
    assert "nothing runs yet" in said


def test_the_doctor_ends_with_an_error_when_something_is_not_as_it_must_be(asked: dict[str, Any]) -> None:
    asked["clocks"] = [Finding("clock of node1", holds=False, detail="60 s or more ahead of ours")]
    done = CliRunner().invoke(commands.swarm, ["doctor", *OPTIONS])
    assert done.exit_code == 1
    assert "NO  clock of node1: 60 s or more ahead of ours" in done.output
