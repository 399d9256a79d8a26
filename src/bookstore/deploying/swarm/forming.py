"""Engines of several hosts become one Swarm: the first manager begins it, the others join with its tokens."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence

from bookstore.deploying.errors import CommandFailed, ForeignNode
from bookstore.deploying.programs import run

MANAGEMENT_PORT = 2377
LABELS = ("bookstore.app=true", "bookstore.edge=true")
SSH = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=15")
# Asks the docker program of a host, and gives what it says.
Ask = Callable[..., str]


def form(
    managers: Mapping[str, str], workers: Mapping[str, str], ask: Ask, options: Sequence[str] = ()
) -> None:
    """Make a Swarm of these hosts, given with the addresses by which they reach one another.

    Hosts that are members stay as they are, so that it can be repeated. `options` are those of
    `docker swarm init`. Raises CommandFailed, ForeignNode.
    """
    first, *others = managers
    if not is_member(ask, first):
        ask(first, "swarm", "init", *_own(managers[first]), *options)
    members = set(ask(first, "node", "ls", "--quiet").split())
    for host in others:
        _join(ask, host, managers[host], "manager", first, managers[first], members)
    for host, address in workers.items():
        _join(ask, host, address, "worker", first, managers[first], members)
    labels = [part for label in LABELS for part in ("--label-add", label)]
    for node in ask(first, "node", "ls", "--quiet").split():
        ask(first, "node", "update", *labels, node)


def is_member(ask: Ask, host: str) -> bool:
    return bool(_membership(ask, host)["LocalNodeState"] == "active")


def by_ssh(options: Sequence[str] = ()) -> Ask:
    """Asks the docker program of a host that answers to `ssh`, with the keys of whoever asks.

    A host whose own key is not known is refused, and nobody is asked for a password.
    """

    def ask(host: str, *arguments: str) -> str:
        words = shlex.join(["docker", *arguments])
        return run(["ssh", *SSH, *options, "--", host, words])

    return ask


def _join(ask: Ask, host: str, address: str, role: str, first: str, leader: str, members: set[str]) -> None:
    membership = _membership(ask, host)
    if membership["LocalNodeState"] == "active":
        if membership["NodeID"] not in members:
            raise ForeignNode(host=host)
        return
    token = ask(first, "swarm", "join-token", "--quiet", role).strip()
    try:
        ask(host, "swarm", "join", *_own(address), "--token", token, f"{leader}:{MANAGEMENT_PORT}")
    except CommandFailed as error:
        # Whoever has the token can join: it is not for a terminal, nor for the log of a CI.
        said = str(error.details["said"]).replace(token, "...")
        raise CommandFailed(command=f"docker swarm join on {host}", said=said) from None


def _membership(ask: Ask, host: str) -> dict[str, str]:
    told: dict[str, str] = json.loads(ask(host, "info", "--format", "{{json .Swarm}}"))
    return told


def _own(address: str) -> list[str]:
    return ["--advertise-addr", address, "--listen-addr", f"{address}:{MANAGEMENT_PORT}"]
