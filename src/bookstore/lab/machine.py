"""The lab as a whole: brought up step by step, each of which may have been taken before; and taken down."""

import os
import shutil
from collections.abc import Callable

from bookstore.lab import balancer, cluster, database, engines, images, media, programs, registry, shop, wires
from bookstore.lab.errors import LabNeeds
from bookstore.lab.plan import BUILDER, NODES, SOCKETS, Plan

PROGRAMS = {
    "ip": "iproute2",
    "iptables": "iptables",
    "nsenter": "util-linux",
    "dockerd": "docker.io",
    "docker": "docker.io",
    "docker-registry": "docker-registry",
    "haproxy": "haproxy",
    "mariadbd": "mariadb-server-core",
    "mariadb": "mariadb-client",
    "openssl": "openssl",
    "mkfs.ext4": "e2fsprogs",
}
Tell = Callable[[str], None]


def require_able() -> None:
    """Raise LabNeeds when this machine cannot have a lab."""
    if os.geteuid() != 0:
        raise LabNeeds(what="root: it makes networks and starts Docker engines")
    missing = [name for name in PROGRAMS if shutil.which(name, path=programs.PLACES) is None]
    if missing:
        packages = ", ".join(sorted({PROGRAMS[name] for name in missing}))
        raise LabNeeds(what=f"{', '.join(missing)}: scripts/ensure-cluster installs {packages}")


def surroundings(plan: Plan, tell: Tell) -> None:
    """The network, the cluster, and what stands beside it; no shop yet."""
    require_able()
    os.environ["PATH"] = programs.PLACES
    for folder in (plan.state, SOCKETS):
        folder.mkdir(parents=True, exist_ok=True)
    tell("network")
    wires.lay()
    shop.prepare(plan)
    tell("registry and database, outside of the cluster")
    registry.start(plan)
    database.start(plan)
    tell(f"{len(NODES)} engines, which become a Swarm")
    cluster.form(plan)
    tell("load balancer")
    balancer.start(plan)


def up(plan: Plan, topology: str, tag: str, tell: Tell) -> None:
    """All of it, with the shop open on its address."""
    surroundings(plan, tell)
    tell("images (the first time takes minutes)")
    build(plan, topology, tag)
    shop.deploy(plan, topology, tag, tell)
    shop.fill(topology)


def build(plan: Plan, topology: str, tag: str) -> None:
    """Build the images of this checkout under a tag and hand them to the registry."""
    engines.start_builder(plan)
    try:
        images.build(plan, topology, tag)
    finally:
        engines.stop(plan, BUILDER)


def down(plan: Plan, *, images_too: bool = False) -> None:
    """End all processes of the lab and remove what it made; layers of images stay, unless told otherwise."""
    balancer.stop(plan)
    for name in (*(node.name for node in NODES), BUILDER):
        engines.kill(plan, name)
    wires.remove()
    database.stop(plan)
    registry.stop(plan)
    engines.forget(plan)
    media.remove(plan)
    shutil.rmtree(plan.state, ignore_errors=True)
    if images_too:
        shutil.rmtree(plan.folder, ignore_errors=True)
