"""The lab as a whole: brought up step by step, each of which may have been taken before; and taken down."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from bookstore.lab import balancer, cluster, database, engines, images, media, programs, registry, shop, wires
from bookstore.lab.errors import LabNeeds
from bookstore.lab.plan import BUILDER, NODES, SOCKETS, Plan

PROGRAMS = {
    "git": "git",
    "ip": "iproute2",
    "iptables": "iptables",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "dockerd": "docker.io",
    "docker": "docker.io",
    "docker-registry": "docker-registry",
    "haproxy": "haproxy",
    "mariadbd": "mariadb-server-core",
    "mariadb": "mariadb-client",
    "openssl": "openssl",
    "mkfs.ext4": "e2fsprogs",
    "mount": "mount",
    "umount": "mount",
}
# Names and addresses of a lab are the same in every checkout.
OWNER = SOCKETS / "checkout"
Tell = Callable[[str], None]


def require_root() -> None:
    """Raises LabNeeds."""
    if os.geteuid() != 0:
        raise LabNeeds(what="root: it makes networks and starts Docker engines")


def require_able(plan: Plan) -> None:
    """Raise LabNeeds when this machine cannot have a lab, or has one of another checkout."""
    require_root()
    missing = [name for name in PROGRAMS if shutil.which(name, path=programs.PLACES) is None]
    if missing:
        packages = ", ".join(sorted({PROGRAMS[name] for name in missing}))
        raise LabNeeds(what=f"{', '.join(missing)}: scripts/ensure-cluster installs {packages}")
    if (owner := owner_of_the_lab()) not in {None, plan.checkout}:
        raise LabNeeds(
            what=f"the one of {owner} to end first: a machine has one lab, `make lab-down` ends it"
        )


def owner_of_the_lab() -> Path | None:
    """The checkout whose lab is up, in part at least."""
    return Path(OWNER.read_text()) if OWNER.exists() else None


def surroundings(plan: Plan, tell: Tell) -> None:
    """The network, the cluster, and what stands beside it; no shop yet."""
    require_able(plan)
    os.environ["PATH"] = programs.PLACES
    for folder in (plan.state, SOCKETS):
        folder.mkdir(parents=True, exist_ok=True)
    OWNER.write_text(str(plan.checkout))
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
    """End all processes of the lab and remove what it made; layers of images stay, unless told otherwise.

    Raises LabNeeds when the lab that is up is another checkout's, whose processes only that one knows.
    """
    require_root()
    if (owner := owner_of_the_lab()) not in {None, plan.checkout}:
        raise LabNeeds(what=f"`make lab-down` in {owner}, whose it is")
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
