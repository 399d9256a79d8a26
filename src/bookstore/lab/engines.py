"""The Docker engines of the lab: one for each node in its namespace, and one that builds the images."""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from bookstore.deploying.errors import CommandFailed
from bookstore.deploying.programs import run
from bookstore.lab import programs
from bookstore.lab.plan import BUILDER, REGISTRY, SOCKETS, LabNode, Plan, engine_of

PAUSE_SECONDS = 0.2
# Private mounts, so that sockets and mounts of containers are the engine's alone and end with it.
START = """
set -e
mount --make-rprivate /
mkdir -p /run/docker /run/containerd
mount -t tmpfs tmpfs /run/docker
mount -t tmpfs tmpfs /run/containerd
[ -z "$NODE_NAME" ] || hostname "$NODE_NAME"
exec dockerd "$@"
"""
SETTINGS = {
    "insecure-registries": [REGISTRY],
    "storage-driver": "overlay2",
    "shutdown-timeout": 10,
    "no-new-privileges": True,
    # Where systemd keeps the control groups, an engine would ask it for them, and it knows no group of ours.
    "exec-opts": ["native.cgroupdriver=cgroupfs"],
}


def start_node(plan: Plan, node: LabNode) -> None:
    """Start the engine of a node, if it does not run, and wait until it answers."""
    enter = ["nsenter", f"--net=/run/netns/{node.namespace}", "unshare", "--mount", "--uts"]
    options = [f"--cgroup-parent=/bookstore-lab/{node.name}"]
    _start(plan, node.name, enter, plan.state / node.name, options)


def start_builder(plan: Plan) -> None:
    """Start the engine that builds. It has no network of its own and leaves the machine's firewall alone."""
    options = ["--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false"]
    _start(plan, BUILDER, ["unshare", "--mount"], plan.builder, options)


def kill(plan: Plan, name: str) -> None:
    """End an engine and every container of it at once, as a power cut does."""
    pid = programs.running(plan.state, name)
    home = None if pid is None else _mounts_of(pid)
    while home is not None and (victims := list(_inhabitants(home))):
        for victim in victims:
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        time.sleep(PAUSE_SECONDS)
    programs.stop(plan.state, name, signal.SIGKILL)
    (SOCKETS / f"{name}.sock").unlink(missing_ok=True)


def stop(plan: Plan, name: str) -> None:
    """End an engine in good order: its containers first."""
    programs.stop(plan.state, name, seconds=30)


def docker(engine: str, *arguments: str) -> str:
    """What a docker command says to this engine."""
    return run(["docker", *arguments], {"DOCKER_HOST": engine, "DOCKER_BUILDKIT": "1"})


def _start(plan: Plan, name: str, enter: Sequence[str], data: Path, options: Sequence[str]) -> None:
    if programs.running(plan.state, name) is None:
        data.mkdir(parents=True, exist_ok=True)
        settings = data / "daemon.json"
        settings.write_text(json.dumps(SETTINGS))
        places = [f"--config-file={settings}", f"--data-root={data}", f"--host={engine_of(name)}"]
        places += ["--exec-root=/run/docker", "--pidfile=/run/docker/engine.pid"]
        environ = {"NODE_NAME": "" if name == BUILDER else name}
        command = [*enter, "bash", "-c", START, "dockerd", *places, *options]
        programs.start(plan.state, name, command, environ)
    programs.require(plan.state, name, lambda: _answers(engine_of(name)))


def _answers(engine: str) -> bool:
    try:
        docker(engine, "info", "--format", "{{.ServerVersion}}")
    except CommandFailed:
        return False
    return True


def _mounts_of(pid: int) -> str | None:
    """The mount namespace of an engine, by which its helpers are known; None when it is that of everybody."""
    with suppress(OSError):
        home = os.readlink(f"/proc/{pid}/ns/mnt")
        return None if home == os.readlink("/proc/self/ns/mnt") else home
    return None


def _inhabitants(home: str) -> Iterator[int]:
    """The engine, its helpers, and all that came from these: the processes of containers."""
    parents, at_home = {}, set()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            pid = int(entry.name)
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if fields[0] == "Z":
                continue
            parents[pid] = int(fields[1])
            if os.readlink(entry / "ns" / "mnt") == home:
                at_home.add(pid)
    for pid in parents:
        line, ancestor = {pid}, pid
        while ancestor in parents and ancestor not in at_home:
            ancestor = parents[ancestor]
            line.add(ancestor)
        if ancestor in at_home:
            yield pid


def forget(plan: Plan) -> None:
    """Remove the sockets, and what the engines left among the machine's control groups."""
    shutil.rmtree(SOCKETS, ignore_errors=True)
    groups = sorted(Path("/sys/fs/cgroup").glob("**/bookstore-lab/**/"), key=lambda path: -len(path.parts))
    for group in groups:
        with suppress(OSError):
            group.rmdir()


def pid_of(plan: Plan, name: str) -> int | None:
    """The process of an engine; None when it does not run."""
    return programs.running(plan.state, name)
