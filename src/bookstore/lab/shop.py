"""The shop on the lab's cluster: deployed as an operator would, with the lab's addresses and secrets."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bookstore.deploying.findings import require_fit
from bookstore.deploying.images import edge_tag, images_of
from bookstore.deploying.swarm.doctor import examine
from bookstore.deploying.swarm.options import settings_of
from bookstore.deploying.swarm.probe import Probe
from bookstore.deploying.swarm.rollout import roll_out
from bookstore.deploying.swarm.stack import COMMON_SECRETS, SwarmStack
from bookstore.lab import media
from bookstore.lab.cluster import manager
from bookstore.lab.engines import docker
from bookstore.lab.errors import LabNeeds
from bookstore.lab.plan import NODES, OUTSIDE, REGISTRY, SOCKETS, Plan

STACK = "bookstore"
ADDRESS = f"https://{OUTSIDE}"
# All five nodes share the processors of one machine, and all visitors come from one address.
SMALL = {
    "BOOKSTORE_WORKERS": "1",
    # Five nodes on one machine are slow together while one of them starts; that is not a crowd.
    "BOOKSTORE_WAIT_SECONDS": "10",
    "APP_CPUS_RESERVED": "0.1",
    "START_PERIOD": "60s",
    "UPDATE_PARALLELISM": "1",
    # The nodes share a disk as well, so each engine has a socket of its own.
    "DOCKER_SOCKET": f"{SOCKETS}/{{{{.Node.Hostname}}}}.sock",
    "REQUESTS_PER_SECOND": "5000",
    "BURST": "5000",
    "BOOKSTORE_LOGIN_FAILURES_PER_ADDRESS": "100000",
    "BOOKSTORE_REGISTRATIONS_PER_ADDRESS": "100000",
}


def prepare(plan: Plan) -> None:
    """Make the secrets of the shop, and the folders that its nodes share."""
    plan.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in COMMON_SECRETS:
        if not (plan.secrets / name).exists():
            (plan.secrets / name).write_text(secrets.token_hex(32))
    media.prepare(plan)
    plan.backups.mkdir(parents=True, exist_ok=True)
    os.chown(plan.backups, media.SHOP_USER, media.SHOP_USER)


def described(plan: Plan, topology: str, tag: str) -> SwarmStack:
    """The stack file of a topology with all that the lab fills in."""
    own = settings_of(
        plan.checkout,
        tag,
        domain=OUTSIDE,
        balancers=OUTSIDE,
        media=str(plan.media),
        backups=str(plan.backups),
        registry=REGISTRY,
    )
    return SwarmStack(plan.stack_files, topology, STACK, plan.secrets, {**SMALL, **own})


def deploy(plan: Plan, topology: str, tag: str, tell: Callable[[str], None]) -> None:
    """Bring this version up by the same steps as `bookstore deploy swarm`."""
    stack = described(plan, topology, tag)
    images = images_of(topology, tag, edge_tag(plan.checkout), REGISTRY)
    with at_a_manager():
        require_fit(examine(stack))
        needed = [image for image in images if "-acme:" not in image]
        roll_out(stack, tag, needed, Probe(ADDRESS, plan.authority), tell)


def fill(topology: str) -> None:
    """Put the sample catalog in, where one process holds all that it needs."""
    if topology == "monolith":
        inside("app", "bookstore", "stock")


def inside(service: str, *command: str) -> str:
    """What a program says in one of the containers of a service that is well. Raises LabNeeds."""
    name = f"label=com.docker.swarm.service.name={STACK}_{service}"
    # Some that answer nobody have no check of their health.
    well = ["--filter", "health=healthy", "--filter", "health=none"]
    for node in NODES:
        found = docker(node.engine, "ps", "--quiet", "--filter", name, *well).split()
        if found:
            return docker(node.engine, "exec", found[0], *command)
    raise LabNeeds(what=f"a container of {service} that is well")


@contextmanager
def at_a_manager() -> Iterator[None]:
    """What is asked of docker meanwhile is asked of a manager of the lab."""
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = manager().engine
    try:
        yield
    finally:
        if before is None:
            del os.environ["DOCKER_HOST"]
        else:
            os.environ["DOCKER_HOST"] = before
