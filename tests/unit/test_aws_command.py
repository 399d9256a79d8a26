"""`bookstore deploy aws` leads into the environment of the stacks, with what was chosen and nothing else."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bookstore.cli import main

# Tells what it was asked, and fails as it is told.
STACKS = """import json, os, sys
names = ("DEPLOYMENTS", "PROFILE", "TAG", "DOMAIN")
settings = {name: os.environ.get(f"BOOKSTORE_AWS_{name}") for name in names}
json.dump({"arguments": sys.argv[1:], "settings": settings}, open(os.environ["TOLD"], "w"))
sys.exit(int(os.environ["ENDS"]))
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with stacks, whose environment is the one of this test."""
    folder = tmp_path / "deploy/aws"
    folder.mkdir(parents=True)
    (folder / "operate.py").write_text(STACKS)
    (tmp_path / ".venv-aws/bin").mkdir(parents=True)
    (tmp_path / ".venv-aws/bin/python").symlink_to(sys.executable)
    for name in ("BOOKSTORE_AWS_PROFILE", "BOOKSTORE_AWS_TAG", "BOOKSTORE_AWS_DEPLOYMENTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BOOKSTORE_AWS_DOMAIN", "shop.example")
    monkeypatch.setenv("TOLD", str(tmp_path / "told.json"))
    monkeypatch.setenv("ENDS", "0")
    return tmp_path


def deploy(checkout: Path, *arguments: str) -> int:
    folder = str(checkout / "deploy/aws")
    return CliRunner().invoke(main, ["deploy", "aws", *arguments, "--folder", folder]).exit_code


def told(checkout: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((checkout / "told.json").read_text())
    return found


def test_what_was_chosen_reaches_the_stacks_beside_the_other_settings(checkout: Path) -> None:
    assert deploy(checkout, "fleet,swarm", "apply", "--profile", "academy", "--tag", "1.0") == 0
    assert told(checkout) == {
        "arguments": ["apply", "--confirm", ""],
        "settings": {
            "DEPLOYMENTS": "fleet,swarm",
            "PROFILE": "academy",
            "TAG": "1.0",
            "DOMAIN": "shop.example",
        },
    }


def test_without_a_verb_nothing_is_changed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKSTORE_AWS_TAG", "0.9")
    assert deploy(checkout, "fleet") == 0
    assert told(checkout)["arguments"] == ["plan", "--confirm", ""]
    assert told(checkout)["settings"] == {
        "DEPLOYMENTS": "fleet",
        "PROFILE": None,
        "TAG": "0.9",
        "DOMAIN": "shop.example",
    }


@pytest.mark.parametrize("end", [0, 1, 2])
def test_it_ends_as_the_stacks_ended(end: int, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDS", str(end))
    assert deploy(checkout, "fleet", "destroy", "--tag", "1", "--confirm", "fleet") == end
    assert told(checkout)["arguments"] == ["destroy", "--confirm", "fleet"]


def test_without_the_environment_it_says_how_to_get_it(checkout: Path) -> None:
    (checkout / ".venv-aws/bin/python").unlink()
    folder = str(checkout / "deploy/aws")
    answer = CliRunner().invoke(main, ["deploy", "aws", "fleet", "--tag", "1", "--folder", folder])
    assert answer.exit_code != 0
    assert "make setup-aws" in f"{answer.output}{answer.exception}"
    assert not (checkout / "told.json").exists()


def test_another_verb_is_refused(checkout: Path) -> None:
    assert deploy(checkout, "fleet", "burn") == 2
    assert not (checkout / "told.json").exists()
