"""A deployment beside the autoscaler: it leaves the numbers of replicas, and the version before stays known."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bookstore.autoscaling.labels import aim_of
from bookstore.autoscaling.policy import Aim
from bookstore.autoscaling.ports import IMAGE_BEFORE, MAXIMUM
from bookstore.config import Settings
from bookstore.deploying.swarm.commands import swarm
from bookstore.deploying.swarm.convergence import Sight
from bookstore.deploying.swarm.services import Service
from bookstore.deploying.swarm.stack import SwarmStack, replicas_chosen

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "swarm"
# Writes down what it is asked and the numbers it is given, and answers with the files beside it.
DOCKER = """#!/bin/bash
here=$(dirname "$0")
echo "$* APP=${APP_REPLICAS:-} WORKER=${WORKER_REPLICAS:-}" >>"$here/asked"
case "$*" in
    "service ls"*) cat "$here/names" ;;
    "stack services"*) cat "$here/names" ;;
    "service inspect"*) cat "$here/services.json" ;;
esac
"""


def told(
    name: str, replicas: int, image: str = "shop:two", before: str = "", **labels: str
) -> dict[str, Any]:
    def spec(of_image: str) -> dict[str, Any]:
        return {
            "Name": f"shop_{name}",
            "Labels": labels,
            "Mode": {"Replicated": {"Replicas": replicas}},
            "TaskTemplate": {"ContainerSpec": {"Image": of_image}},
        }

    return {"Spec": spec(image), **({"PreviousSpec": spec(before)} if before else {})}


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a docker program that knows an app with 11 replicas, a worker and the autoscaler."""
    scaled = {MAXIMUM: "16"}
    services = [told("app", 11, **scaled), told("worker", 1), told("autoscaler", 1)]
    (tmp_path / "services.json").write_text(json.dumps(services))
    (tmp_path / "names").write_text("shop_app\nshop_worker\nshop_autoscaler\n")
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def deployed(docker: Path, *, autoscaled: bool) -> str:
    """How the stack was deployed."""
    secrets = docker / "secrets"
    secrets.mkdir()
    for name in ("secret_key", "service_token", "backup_key", "database_url"):
        (secrets / name).write_text("a secret of the tests")
    SwarmStack(FOLDER, "monolith", "shop", secrets, autoscaled=autoscaled).deploy()
    [asked] = [line for line in (docker / "asked").read_text().splitlines() if "stack deploy" in line]
    return asked


def test_the_next_deployment_keeps_the_number_that_the_autoscaler_chose(
    docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_REPLICAS", "8")
    asked = deployed(docker, autoscaled=True)
    assert f"--compose-file {FOLDER}/monolith.yaml --compose-file {FOLDER}/autoscale.yaml shop" in asked
    assert asked.endswith("APP=11 WORKER=")


def test_without_the_autoscaler_the_number_is_that_of_the_settings(
    docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_REPLICAS", "8")
    asked = deployed(docker, autoscaled=False)
    assert "autoscale.yaml" not in asked
    assert asked.endswith("APP=8 WORKER=")


def test_only_what_is_scaled_keeps_its_number() -> None:
    scaled = {MAXIMUM: "16"}
    services = [told("catalog", 5, **scaled), told("orders", 0, **scaled), told("catalog-worker", 2)]
    assert replicas_chosen("shop", map(Service.of, services)) == {"CATALOG_REPLICAS": "5"}


def test_the_stack_knows_whether_the_autoscaler_is_there(docker: Path) -> None:
    stack = SwarmStack(FOLDER, "monolith", "shop", docker)
    assert stack.has_autoscaler()
    assert not SwarmStack(FOLDER, "monolith", "other", docker).has_autoscaler()
    stack.remove_autoscaler()
    assert "service rm shop_autoscaler" in (docker / "asked").read_text()


@pytest.mark.parametrize("topology", ["monolith", "services"])
def test_the_labels_of_the_stack_files_make_sense(topology: str) -> None:
    text = (FOLDER / f"{topology}.yaml").read_text()
    labels = dict(re.findall(r'(bookstore\.autoscale\.\w+): "\$\{AUTOSCALE_\w+:-([\d.]+)\}"', text))
    assert aim_of(labels) == Aim(minimum=2, maximum=16, target=4, p95_seconds=1)


def test_the_settings_of_the_autoscaler_stand_in_its_file_with_their_defaults() -> None:
    text = (FOLDER / "autoscale.yaml").read_text()
    given = dict(re.findall(r"(BOOKSTORE_AUTOSCALE_\w+): \$\{\1:-([\d.]+)\}", text))
    names = {name: name.removeprefix("BOOKSTORE_").lower() for name in given}
    assert {name: float(value) for name, value in given.items()} == {
        name: getattr(Settings(), field) for name, field in names.items()
    }
    assert len(given) == sum(name.startswith("autoscale_") for name in vars(Settings()))


def test_a_version_is_taken_back_as_the_swarm_remembers_it() -> None:
    service = Service.of(told("app", 8, before="shop:one"))
    assert service.previous_image == "shop:one"
    assert service.way_back() == ["docker", "service", "rollback", "--detach", "shop_app"]
    assert service.remembering == ["--label-add", f"{IMAGE_BEFORE}=shop:one"]


def test_after_scaling_the_version_before_is_the_one_of_the_label() -> None:
    service = Service.of(told("app", 9, before="shop:two", **{IMAGE_BEFORE: "shop:one"}))
    assert service.previous_image == "shop:one"
    assert service.way_back()[:3] == ["docker", "service", "update"]
    assert "--image shop:one" in " ".join(service.way_back())
    assert "bookstore.version=one" in service.way_back()
    assert service.remembering == ["--label-add", f"{IMAGE_BEFORE}=shop:one"]


def test_a_deployment_after_scaling_is_taken_back_as_the_swarm_remembers_it() -> None:
    """The label is that of an earlier time, and the Swarm knows better."""
    service = Service.of(told("app", 9, "shop:three", before="shop:two", **{IMAGE_BEFORE: "shop:one"}))
    assert service.previous_image == "shop:two"
    assert service.way_back()[2] == "rollback"


def test_a_service_without_a_version_before_remembers_none() -> None:
    assert Service.of(told("app", 8)).remembering == []
    assert Service.of(told("app", 9, before="shop:two")).remembering == []


def test_rebalancing_by_hand_remembers_the_version_before_too(
    docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (docker / "services.json").write_text(json.dumps([told("app", 8, before="shop:one")]))
    monkeypatch.setattr("bookstore.deploying.swarm.commands._wait", lambda stack: None)
    monkeypatch.setattr("bookstore.deploying.swarm.commands.look", lambda stack: Sight([], []))
    done = CliRunner().invoke(swarm, ["rebalance", "--stack", "shop"])
    assert done.exit_code == 0, done.output
    change = f"--force --detach --quiet --label-add {IMAGE_BEFORE}=shop:one shop_app"
    assert f"service update {change}" in (docker / "asked").read_text()
