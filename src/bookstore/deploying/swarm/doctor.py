"""Whether a Swarm is fit for the shop, asked before anything is changed."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from bookstore.config import WEAK_SECRETS
from bookstore.deploying.errors import CommandFailed, SecretMissing
from bookstore.deploying.findings import ENGINE_VERSION, Finding, version_numbers, weak_secrets
from bookstore.deploying.programs import run
from bookstore.deploying.swarm.nodes import Node, all_nodes
from bookstore.deploying.swarm.reaching import largest_packets, ports
from bookstore.deploying.swarm.stack import COMMON_SECRETS, DATABASES, SwarmStack, digest

MTU = "com.docker.network.driver.mtu"
FOLDERS = ("MEDIA", "BACKUPS")
LABELS = ("bookstore.app", "bookstore.edge")
DEFAULT_PASSWORDS = {*WEAK_SECRETS, "root", "admin", "mysql", "mariadb"}
SHORTEST_PASSWORD = 12


def examine(stack: SwarmStack) -> Iterator[Finding]:
    """All that is looked at, in the order in which an operator would."""
    try:
        nodes = all_nodes()
    except CommandFailed as error:
        yield Finding("Swarm", holds=False, detail=str(error))
        return
    yield from _managers(nodes)
    yield from _engines(nodes)
    options = _options_of(stack.network)
    yield from ports(nodes, has_network=options is not None)
    yield from _labels(nodes)
    yield largest_packets(nodes, int(stack.mtu), encrypted=stack.encrypted)
    yield from _network(stack, options)
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


def _labels(nodes: list[Node]) -> Iterator[Finding]:
    for label in LABELS:
        labeled = [node.name for node in nodes if node.is_ready and node.labels.get(label) == "true"]
        advice = f"no node has it: docker node update --label-add {label}=true NODE"
        yield Finding(f"label {label}", bool(labeled), ", ".join(labeled) or advice)


def _network(stack: SwarmStack, options: Mapping[str, str] | None) -> Iterator[Finding]:
    """A network cannot be changed, and Docker says nothing when a stack file wants another one."""
    if options is None:
        return
    is_encrypted, mtu = "encrypted" in options, options.get(MTU, "the engine's default")
    detail = f"{'encrypted' if is_encrypted else 'not encrypted'}, MTU {mtu}"
    fits = is_encrypted == stack.encrypted and mtu == stack.mtu
    advice = "" if fits else "; only `docker stack rm` changes that"
    yield Finding(f"network {stack.network}", fits, detail + advice)


def _options_of(network: str) -> dict[str, str] | None:
    """What a network was made with; None when there is none of this name."""
    if network not in run(["docker", "network", "ls", "--format", "{{.Name}}"]).split():
        return None
    told = run(["docker", "network", "inspect", network, "--format", "{{json .Options}}"])
    return dict(json.loads(told) or {})


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
        if name.endswith("database_url") and (fault := _fault_of(stack.secrets / name)):
            yield Finding(f"secret {name}", holds=False, detail=fault)


def _fault_of(path: Path) -> str:
    """What is wrong with the URL of a database, or with the password in it; empty when nothing is."""
    try:
        url = make_url(path.read_text().strip())
    except ArgumentError:
        return "this is no URL of a database"
    if url.get_backend_name() == "sqlite":
        return "an SQLite file lies on one node; a cluster needs a server"
    password = url.password or ""
    if password.lower() in {*DEFAULT_PASSWORDS, (url.username or "").lower(), ""}:
        return f"the password {password!r} is one that others guess"
    if len(password) < SHORTEST_PASSWORD:
        return f"the password is shorter than {SHORTEST_PASSWORD}"
    return ""
