"""Whether a Swarm is fit for the shop, asked before anything is changed."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

from bookstore.deploying.errors import CommandFailed, SecretMissing
from bookstore.deploying.findings import ENGINE_VERSION, Finding, version_numbers, weak_secrets
from bookstore.deploying.programs import run
from bookstore.deploying.swarm.nodes import Node, all_nodes
from bookstore.deploying.swarm.stack import COMMON_SECRETS, DATABASES, SwarmStack, digest

MANAGEMENT_PORT, GOSSIP_PORT = 2377, 7946
CONNECT_SECONDS = 2
MTU = "com.docker.network.driver.mtu"
FOLDERS = ("MEDIA", "BACKUPS")
LABELS = ("bookstore.app", "bookstore.edge")
DEFAULT_PASSWORDS = ("password", "secret", "changeme", "bookstore", "root", "admin")


def examine(stack: SwarmStack) -> Iterator[Finding]:
    """All that is looked at, in the order in which an operator would."""
    try:
        nodes = all_nodes()
    except CommandFailed as error:
        yield Finding("Swarm", holds=False, detail=str(error))
        return
    yield from _managers(nodes)
    yield from _engines(nodes)
    yield from _ports(nodes)
    yield from _labels(nodes)
    yield from _network(stack)
    yield from _secrets(stack)
    yield from _folders(stack)


def _managers(nodes: list[Node]) -> Iterator[Finding]:
    managers = [node for node in nodes if node.is_manager]
    reachable = sum(node.is_reachable for node in managers)
    survives = (len(managers) - 1) // 2
    detail = f"{reachable} of {len(managers)} managers reachable"
    yield Finding("quorum", reachable > len(managers) // 2, detail)
    # An even number survives no more losses than one less does.
    is_sound = len(managers) % 2 == 1 and len(managers) >= 3
    detail = f"{len(managers)} managers survive the loss of {survives}"
    yield Finding("number of managers", is_sound, detail, must=False)
    away = ", ".join(f"{node.name} is {node.state}" for node in nodes if not node.is_ready)
    yield Finding("nodes", not away, away or f"{len(nodes)} ready", must=False)


def _engines(nodes: list[Node]) -> Iterator[Finding]:
    versions = sorted({node.engine for node in nodes})
    are_new_enough = all(version_numbers(version) >= ENGINE_VERSION for version in versions)
    yield Finding("Docker engines", are_new_enough, ", ".join(versions))
    if len(versions) > 1:
        yield Finding("one version of engines", holds=False, detail=", ".join(versions), must=False)


def _ports(nodes: list[Node]) -> Iterator[Finding]:
    """The two ports that TCP can reach from here; 4789 speaks UDP and answers nobody but its like."""
    closed = [
        f"{node.name}:{port}"
        for node in nodes
        if node.is_ready
        for port in ((MANAGEMENT_PORT, GOSSIP_PORT) if node.is_manager else (GOSSIP_PORT,))
        if not _is_open(node.address, port)
    ]
    detail = f"from here closed: {', '.join(closed)}" if closed else "2377 of managers and 7946 of all open"
    yield Finding("ports", not closed, detail, must=False)


def _is_open(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=CONNECT_SECONDS):
            return True
    except OSError:
        return False


def _labels(nodes: list[Node]) -> Iterator[Finding]:
    for label in LABELS:
        labeled = [node.name for node in nodes if node.is_ready and node.labels.get(label) == "true"]
        advice = f"no node has it: docker node update --label-add {label}=true NODE"
        yield Finding(f"label {label}", bool(labeled), ", ".join(labeled) or advice)


def _network(stack: SwarmStack) -> Iterator[Finding]:
    """A network cannot be changed, and Docker says nothing when a stack file wants another one."""
    name = f"{stack.name}_shop"
    if name not in run(["docker", "network", "ls", "--format", "{{.Name}}"]).split():
        return
    options = json.loads(run(["docker", "network", "inspect", name, "--format", "{{json .Options}}"]))
    is_encrypted, mtu = "encrypted" in options, options.get(MTU, "the engine's default")
    detail = f"{'encrypted' if is_encrypted else 'not encrypted'}, MTU {mtu}"
    fits = is_encrypted == stack.encrypted and mtu == stack.mtu
    advice = "" if fits else "; only `docker stack rm` changes that"
    yield Finding(f"network {name}", fits, detail + advice)


def _folders(stack: SwarmStack) -> Iterator[Finding]:
    """Nobody sees from here whether the nodes have mounted them; a replica without them does not start."""
    for name in FOLDERS:
        path = stack.settings[name]
        detail = f"{path}, which must be there on every node"
        yield Finding(f"folder of {name.lower()}", path.startswith("/"), detail)


def _secrets(stack: SwarmStack) -> Iterator[Finding]:
    yield from weak_secrets(stack.secrets)
    for name in (*COMMON_SECRETS, *DATABASES[stack.topology]):
        try:
            digest(stack.secrets / name)
        except SecretMissing as error:
            yield Finding(f"secret {name}", holds=False, detail=str(error))
            continue
        if name.endswith("database_url") and (weak := _default_password(stack.secrets / name)):
            yield Finding(
                f"secret {name}", holds=False, detail=f"the password {weak!r} is one that others guess"
            )


def _default_password(path: Path) -> str:
    """The password in a database's URL if it is nobody's secret."""
    password = path.read_text().partition("://")[2].rpartition("@")[0].partition(":")[2]
    return password if password in DEFAULT_PASSWORDS else ""
