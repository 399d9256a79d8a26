"""What instances start with: small enough, without a secret, made of the files that everybody can read."""

import base64
import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.aws.synthesis import PROFILES, scripts, templates
from userdata import FOLDER, archive, files_of

MOST_BYTES = 16384
SHELLCHECK = Path(sys.executable).parent / "shellcheck"
NAMES = re.compile(r"^(\w+)='(.*)'$", re.M)


# What common.sh finds out, and what a prepared image or a test may set.
BY_TESTS = {"BASH_SOURCE", "AWS_ENDPOINT_URL", "CLAIM_SECONDS", "VOLUME_DEVICE", "PWD"}
DEPLOYMENTS = ("monolith", "fleet", "swarm", "services")


def all_scripts(profile: str) -> list[str]:
    found = []
    for deployment in DEPLOYMENTS:
        found += scripts(templates(PROFILE=profile, DEPLOYMENTS=deployment)[f"bookstore-{deployment}"])
    return found


def packed(script: str) -> dict[str, bytes]:
    text = script.partition("<<'FILES'")[2].partition("\n")[2].partition("\nFILES\n")[0]
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(text)), mode="r:xz") as tar:
        return {one.name: tar.extractfile(one).read() for one in tar.getmembers()}


@pytest.mark.parametrize("profile", PROFILES)
def test_user_data_is_not_larger_than_aws_takes(profile: str) -> None:
    for script in all_scripts(profile):
        assert len(script.encode()) < MOST_BYTES


@pytest.mark.parametrize("profile", PROFILES)
def test_it_carries_the_scripts_as_they_are_in_the_project(profile: str) -> None:
    for script in all_scripts(profile):
        kind = re.search(r"exec bash /opt/bookstore/(\w+)\.sh", script)[1]
        settings = dict(NAMES.findall(script))
        is_worker = settings.get("NODE_KIND") == "worker"
        sources = files_of(kind=kind, topology=settings["TOPOLOGY"], is_worker=is_worker)
        assert packed(script) == {name: path.read_bytes() for name, path in sources.items()}


def test_the_same_files_make_the_same_archive() -> None:
    assert archive({"a": b"1", "b": b"2"}) == archive({"b": b"2", "a": b"1"})


@pytest.mark.parametrize("profile", PROFILES)
def test_secrets_are_named_by_their_place_and_never_told(profile: str) -> None:
    for script in all_scripts(profile):
        assert "{{resolve:" not in script
        settings = dict(NAMES.findall(script))
        if "SECRET_NAMES" not in settings:
            assert settings["NODE_KIND"] == "worker"
            continue
        names = [name for name in settings if name.startswith("SECRET_") and name != "SECRET_NAMES"]
        assert [name.removeprefix("SECRET_") for name in names] == settings["SECRET_NAMES"].split()
        for name in [*names, *({"DATABASE_OPERATOR"} & set(settings))]:
            assert re.fullmatch(r"<[\w:-]*Credentials\w+>|<[\w:-]*SecretAttachment\w+>", settings[name])


def test_every_setting_that_a_script_reads_is_given_to_it() -> None:
    for script in all_scripts("standard"):
        given = set(dict(NAMES.findall(script)))
        if "NODE_KIND='worker'" in script:
            # It goes past what managers alone do.
            continue
        files = packed(script)
        # What is common asks for the database that a machine with one of its own has not.
        read = [
            name for name in files if name.endswith(".sh") and (name != "common.sh" or "DATABASES" in given)
        ]
        text = "\n".join(files[name].decode() for name in read if not name.startswith("compose/"))
        made = set(re.findall(r"\b([A-Z_]+)=", text + files["common.sh"].decode())) | BY_TESTS
        assert set(re.findall(r"\$\{?([A-Z][A-Z_]+)\b", text)) - made <= given


def test_scripts_are_good_shell() -> None:
    said = subprocess.run(
        [SHELLCHECK, "-x", *sorted(FOLDER.glob("*.sh"))],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout + said.stderr == ""
