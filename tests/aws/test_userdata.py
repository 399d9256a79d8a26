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
from userdata import FOLDER, archive

MOST_BYTES = 16384
SHELLCHECK = Path(sys.executable).parent / "shellcheck"
NAMES = re.compile(r"^(\w+)='(.*)'$", re.M)


def all_scripts(profile: str) -> list[str]:
    found = []
    for deployment in ("fleet", "services"):
        template = templates(PROFILE=profile, DEPLOYMENTS=deployment)[f"bookstore-{deployment}"]
        found += scripts(template)
    return found


def packed(script: str) -> dict[str, bytes]:
    text = script.partition("<<'FILES'")[2].partition("\n")[2].partition("\nFILES\n")[0]
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(text)), mode="r:gz") as tar:
        return {one.name: tar.extractfile(one).read() for one in tar.getmembers()}


@pytest.mark.parametrize("profile", PROFILES)
def test_user_data_is_not_larger_than_aws_takes(profile: str) -> None:
    for script in all_scripts(profile):
        assert len(script.encode()) < MOST_BYTES


@pytest.mark.parametrize("profile", PROFILES)
def test_it_carries_the_scripts_as_they_are_in_the_project(profile: str) -> None:
    for script in all_scripts(profile):
        files = packed(script)
        assert {"common.sh", "databases.py", "fleet.sh"} == set(files)
        for name, content in files.items():
            assert content == (FOLDER / name).read_bytes()


def test_the_same_files_make_the_same_archive() -> None:
    assert archive({"a": b"1", "b": b"2"}) == archive({"b": b"2", "a": b"1"})


@pytest.mark.parametrize("profile", PROFILES)
def test_secrets_are_named_by_their_place_and_never_told(profile: str) -> None:
    for script in all_scripts(profile):
        assert "{{resolve:" not in script
        settings = dict(NAMES.findall(script))
        assert len(settings["SECRET_NAMES"].split()) in (3, 5)
        for name in [f"SECRET_{one}" for one in settings["SECRET_NAMES"].split()] + ["DATABASE_OPERATOR"]:
            assert re.fullmatch(r"<bookstore-\w+-foundation:ExportsOutput\w+>", settings[name])


def test_every_setting_that_a_script_reads_is_given_to_it() -> None:
    for script in all_scripts("standard"):
        given = set(dict(NAMES.findall(script)))
        text = "\n".join(content.decode() for name, content in packed(script).items() if name.endswith(".sh"))
        made = set(re.findall(r"\b([A-Z_]+)=", text)) | {"BASH_SOURCE", "AWS_ENDPOINT_URL", "CLAIM_SECONDS"}
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
