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
    beside = {
        f"swarm/{name}-{topology}.yaml": FOLDER / f"{name}-{topology}.yaml" for name in ("authority", "logs")
    }
    stack = {f"swarm/{topology}.yaml": DEPLOY / "swarm" / f"{topology}.yaml"}
    balancer = {"nginx/templates/balancer.conf": DEPLOY / "nginx" / "templates" / "balancer.conf"}
    return {**COMMON, **NODE, **beside, **stack, **balancer}


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
        "base64 -d <<'FILES' | tar -xz -C /opt/bookstore",
        *_lines(archive({name: path.read_bytes() for name, path in files.items()})),
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
