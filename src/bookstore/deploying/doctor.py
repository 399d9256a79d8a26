"""Whether a machine is fit for the shop, asked before anything is changed."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from bookstore.deploying.errors import CommandFailed, EngineMissing
from bookstore.deploying.findings import ENGINE_VERSION, Finding, version_numbers, weak_secrets
from bookstore.deploying.programs import run
from bookstore.deploying.stack import compose_program

DISK_BYTES = 4 * 1024**3
MEMORY_BYTES = 2 * 1024**3


def examine(folder: Path, domain: str, ports: tuple[int, int], *, is_running: bool) -> list[Finding]:
    """All that was looked at, in the order in which an operator would."""
    return [
        *_engine(),
        _memory(),
        _disk(folder),
        _clock(),
        *(() if is_running else map(_port, ports)),
        _name(domain),
        *weak_secrets(folder / "secrets"),
    ]


def _engine() -> Iterator[Finding]:
    try:
        version = run(["docker", "version", "--format", "{{.Server.Version}}"]).strip()
        compose = " ".join(compose_program())
    except (CommandFailed, EngineMissing, FileNotFoundError) as error:
        yield Finding("Docker engine and Compose", holds=False, detail=str(error))
        return
    yield Finding("Docker engine", version_numbers(version) >= ENGINE_VERSION, f"{version}; {compose}")


def _memory() -> Finding:
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Finding("memory", there >= MEMORY_BYTES, f"{there / 1024**3:.1f} GiB of {MEMORY_BYTES // 1024**3}")


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    return Finding("free disk", free >= DISK_BYTES, f"{free / 1024**3:.1f} GiB of {DISK_BYTES // 1024**3}")


def _clock() -> Finding:
    """Sessions, certificates and holds go by it."""
    try:
        kept = run(["timedatectl", "show", "--property", "NTPSynchronized", "--value"]).strip() == "yes"
    except (CommandFailed, FileNotFoundError):
        return Finding("clock", holds=False, detail="nobody knows whether it is kept right", must=False)
    return Finding("clock", kept, "kept right by NTP" if kept else "not kept right by NTP", must=False)


def _port(port: int) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104  # only to see whether somebody listens there
        except OSError as error:
            return Finding(f"port {port}", holds=False, detail=error.strerror or str(error))
    return Finding(f"port {port}", holds=True, detail="free")


def _name(domain: str) -> Finding:
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(domain, None)}
    except OSError:
        return Finding(f"name {domain}", holds=False, detail="leads nowhere yet", must=False)
    return Finding(f"name {domain}", holds=True, detail=", ".join(sorted(map(str, addresses))), must=False)
