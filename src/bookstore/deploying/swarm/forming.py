"""Engines of several hosts become one Swarm: the first manager begins it, the others join with its tokens."""

import json
from collections.abc import Callable, Mapping, Sequence

from bookstore.deploying.programs import run

MANAGEMENT_PORT = 2377
LABELS = ("bookstore.app=true", "bookstore.edge=true")
# Asks the docker program of a host, and gives what it says.
Ask = Callable[..., str]


def form(
    managers: Mapping[str, str], workers: Mapping[str, str], ask: Ask, options: Sequence[str] = ()
) -> None:
    """Make a Swarm of these hosts, given with the addresses by which they reach one another.

    Hosts that are members stay as they are. `options` are those of `docker swarm init`. Raises CommandFailed.
    """
    first, *others = managers
    if not is_member(ask, first):
        ask(first, "swarm", "init", *_own(managers[first]), *options)
    for host in others:
        _join(ask, host, managers[host], "manager", first, managers[first])
    for host, address in workers.items():
        _join(ask, host, address, "worker", first, managers[first])
    labels = [part for label in LABELS for part in ("--label-add", label)]
    for node in ask(first, "node", "ls", "--quiet").split():
        ask(first, "node", "update", *labels, node)


def is_member(ask: Ask, host: str) -> bool:
    return bool(json.loads(ask(host, "info", "--format", "{{json .Swarm}}"))["LocalNodeState"] == "active")


def by_ssh(host: str, *arguments: str) -> str:
    """The docker program of a host that answers to `ssh`, with the keys of whoever asks."""
    return run(["docker", *arguments], {"DOCKER_HOST": f"ssh://{host}"})


def _join(ask: Ask, host: str, address: str, role: str, first: str, leader: str) -> None:
    if not is_member(ask, host):
        token = ask(first, "swarm", "join-token", "--quiet", role).strip()
        ask(host, "swarm", "join", *_own(address), "--token", token, f"{leader}:{MANAGEMENT_PORT}")


def _own(address: str) -> list[str]:
    return ["--advertise-addr", address, "--listen-addr", f"{address}:{MANAGEMENT_PORT}"]
