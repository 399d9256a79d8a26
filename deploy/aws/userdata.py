"""What an instance starts with: the scripts of `userdata/`, packed, and who it is, in plain words.

The scripts travel as an archive, because AWS takes 16 kB of user data at most. What differs between stacks,
and what AWS alone knows once they are there, stands beside it as `NAME=value`. Secrets are named, never told.
"""

import base64
import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import aws_ec2 as ec2

FOLDER = Path(__file__).parent / "userdata"
DEPLOY = Path(__file__).parents[1]
COMMON = {name: FOLDER / name for name in ("common.sh", "databases.py")}
FILES: dict[str, dict[str, Path]] = {
    "fleet": {"fleet.sh": FOLDER / "fleet.sh"},
    "monolith": {
        "monolith.sh": FOLDER / "monolith.sh",
        "compose/logs.yaml": FOLDER / "logs.yaml",
        **{
            f"compose/{name}": DEPLOY / "compose" / name
            for name in ("monolith.yaml", "databases.sh", "make-secrets")
        },
    },
}


def user_data(*, kind: str, settings: Mapping[str, str]) -> ec2.UserData:
    files = {name: path.read_bytes() for name, path in (COMMON | FILES[kind]).items()}
    script = ec2.UserData.for_linux(shebang="#!/bin/bash")
    script.add_commands(
        "set -euo pipefail",
        "install -d -m 755 /etc/bookstore /opt/bookstore",
        "cat >/etc/bookstore/instance.env <<'SETTINGS'",
        *(f"{name}='{value}'" for name, value in settings.items()),
        "SETTINGS",
        "base64 -d <<'FILES' | tar -xz -C /opt/bookstore",
        *_lines(archive(files)),
        "FILES",
        f"exec bash /opt/bookstore/{kind}.sh",
    )
    return script


def archive(files: Mapping[str, bytes]) -> bytes:
    """The same bytes for the same files, whenever it is packed: else instances are replaced for nothing."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), compresslevel=9, mtime=0)


def _lines(content: bytes) -> list[str]:
    text = base64.b64encode(content).decode()
    return [text[start : start + 76] for start in range(0, len(text), 76)]
