"""`bookstore deploy`: another version takes over while people buy, and nobody notices."""

import json
import shutil
import sys
import time
from pathlib import Path

import pytest

from tests.compose.deployed import (
    Deployed,
    assert_another_version_and_the_way_back_drop_no_request,
    assert_nobody_noticed,
)
from tests.compose.engine import Engine, run
from tests.compose.load import Load
from tests.compose.stack import DOMAIN

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


def test_another_version_and_the_way_back_drop_no_request(deployed: Deployed) -> None:
    assert_another_version_and_the_way_back_drop_no_request(deployed)


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
