"""What an instance starts with: the scripts of `userdata/`, packed, and who it is, in plain words.

The scripts travel as an archive, because AWS takes 16 kB of user data at most. What differs between stacks,
and what AWS alone knows once they are there, stands beside it as `NAME=value`. Secrets are named, never told.
"""

import base64
import io
import lzma
import tarfile
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import aws_ec2 as ec2

FOLDER = Path(__file__).parent / "userdata"
DEPLOY = Path(__file__).parents[1]
COMMON = {name: FOLDER / name for name in ("common.sh", "databases.py")}
COMPOSE = {
    f"compose/{name}": DEPLOY / "compose" / name for name in ("monolith.yaml", "databases.sh", "make-secrets")
}
NODE = {name: FOLDER / name for name in ("swarm.sh", "nodes.sh", "tend.sh")}


def files_of(*, kind: str, topology: str, is_worker: bool = False) -> dict[str, Path]:
    """The files that an instance needs, by their names there."""
    if kind == "monolith":
        logs = {"compose/logs.yaml": FOLDER / "logs-compose.yaml"}
        return {**COMMON, "monolith.sh": FOLDER / "monolith.sh", **COMPOSE, **logs}
    if kind == "fleet":
        return {**COMMON, "fleet.sh": FOLDER / "fleet.sh"}
    if is_worker:
        return {name: FOLDER / name for name in ("common.sh", "nodes.sh", "swarm.sh")}
    logs = {f"swarm/logs-{topology}.yaml": FOLDER / f"logs-{topology}.yaml"}
    stack = {f"swarm/{name}": DEPLOY / "swarm" / name for name in (f"{topology}.yaml", "nothing")}
    balancer = {"nginx/templates/balancer.conf": DEPLOY / "nginx" / "templates" / "balancer.conf"}
    return {**COMMON, **NODE, **logs, **stack, **balancer}


def user_data(*, kind: str, settings: Mapping[str, str]) -> ec2.UserData:
    is_worker = settings.get("NODE_KIND") == "worker"
    files = files_of(kind=kind, topology=settings["TOPOLOGY"], is_worker=is_worker)
    script = ec2.UserData.for_linux(shebang="#!/bin/bash")
    script.add_commands(
        "set -euo pipefail",
        "install -d -m 755 /etc/bookstore /opt/bookstore",
        "cat >/etc/bookstore/instance.env <<'SETTINGS'",
        *(f"{name}='{value}'" for name, value in settings.items()),
        "SETTINGS",
        "base64 -d <<'FILES' >/opt/bookstore/files.tar.xz",
        *_lines(archive({name: path.read_bytes() for name, path in files.items()})),
        "FILES",
        # cloud-init is written in it, so it is there before anything is installed; xz may not be.
        "python3 -m tarfile -e /opt/bookstore/files.tar.xz /opt/bookstore",
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
    return lzma.compress(packed.getvalue(), preset=9 | lzma.PRESET_EXTREME)


def _lines(content: bytes) -> list[str]:
    text = base64.b64encode(content).decode()
    return [text[start : start + 76] for start in range(0, len(text), 76)]
