"""A Docker engine that the tests start, in a mount namespace of its own beside whatever else the machine runs."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bookstore.lab.plan import Plan

ROOT = Path(__file__).parents[2]
# What is built here is there for the lab, and from one run to the next.
KEPT = Plan(ROOT).builder
PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
START_SECONDS = 60
BASE = "bookstore-base:bookworm"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
# Private mounts, so that sockets and mounts of containers are ours alone and end with us.
START = """
mount --make-rprivate /
mkdir -p /run/docker /run/containerd
mount -t tmpfs tmpfs /run/docker
mount -t tmpfs tmpfs /run/containerd
exec dockerd "$@"
"""


@dataclass(frozen=True)
class Engine:
    """A running engine, by its socket."""

    socket: Path
    log: Path

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "PATH": PLACES, "DOCKER_HOST": f"unix://{self.socket}", "DOCKER_BUILDKIT": "1"}

    def docker(self, *arguments: str, check: bool = True, **options: object) -> str:
        """What a docker command prints. Raises AssertionError with its errors."""
        return run(["/usr/bin/docker", *arguments], self.environ, check=check)

    def inspect(self, *names: str) -> list[dict]:
        return json.loads(self.docker("inspect", *names))

    def build(self, target: str, tag: str, **arguments: str) -> None:
        """Build a target of our Dockerfile, on Debian's packages."""
        given = {"PYTHON_IMAGE": BASE, "DEBIAN_IMAGE": BASE, **arguments}
        options = [part for name, value in given.items() for part in ("--build-arg", f"{name}={value}")]
        if AUTHORITIES.exists():
            options += ["--secret", f"id=ca_certificates,src={AUTHORITIES}"]
        # The host's network, for machines whose way to the packages is not everybody's.
        self.docker(
            "build", "--quiet", "--network", "host", *options, "--target", target, "--tag", tag, str(ROOT)
        )


def run(
    command: Sequence[str],
    environ: dict[str, str],
    *,
    check: bool = True,
    seconds: int = 900,
    folder: Path | None = None,
) -> str:
    """What a command prints. Raises AssertionError with what it says when it fails."""
    done = subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=seconds, check=False, cwd=folder
    )
    assert done.returncode == 0 or not check, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextmanager
def running_engine(folder: Path) -> Iterator[Engine]:
    """Start the engine, and end it and everything in it."""
    assert os.geteuid() == 0, "a Docker engine is started by root"
    assert shutil.which("dockerd", path=PLACES), "dockerd is missing: scripts/ensure-docker"
    KEPT.mkdir(parents=True, exist_ok=True)
    settings = folder / "daemon.json"
    settings.write_text(json.dumps({"storage-driver": "overlay2", "shutdown-timeout": 10}))
    engine = Engine(folder / "docker.sock", folder / "engine.log")
    options = [f"--config-file={settings}", f"--data-root={KEPT}", f"--host=unix://{engine.socket}"]
    options += ["--exec-root=/run/docker", "--pidfile=/run/docker/engine.pid"]
    with engine.log.open("wb") as log:
        server = subprocess.Popen(
            ["unshare", "-m", "bash", "-c", START, "dockerd", *options],
            env={**os.environ, "PATH": PLACES},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(engine, server)
        _remove_leftovers(engine)
        yield engine
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)


def _remove_leftovers(engine: Engine) -> None:
    """A run that was killed leaves containers that come back with the engine. Only the images are kept."""
    if left := engine.docker("ps", "--all", "--quiet").split():
        engine.docker("rm", "--force", "--volumes", *left)
    engine.docker("volume", "prune", "--force")
    engine.docker("network", "prune", "--force")


def _wait(engine: Engine, server: subprocess.Popen[bytes]) -> None:
    ends_at = time.monotonic() + START_SECONDS
    while time.monotonic() < ends_at:
        assert server.poll() is None, f"the engine ended:\n{engine.log.read_text()[-3000:]}"
        if engine.socket.exists() and engine.docker("version", check=False).count("Version:") > 1:
            return
        time.sleep(0.2)
    raise AssertionError(f"the engine was not ready in {START_SECONDS} s:\n{engine.log.read_text()[-3000:]}")
