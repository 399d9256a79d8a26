"""One replica whose clock is wrong.

The nodes of the lab are one machine with one clock, and a namespace cannot give a process another one. So
the clock is wrong for the programs of one replica: a small library (`clock_ahead.c`) stands between them and
the system. The replica is one more of the shop's, under the same name of the network, so that nginx asks it
as it asks the others. Debian's libfaketime would do, but Python's waits fail or never end under it.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from bookstore.chaos.game_day import Scene
from bookstore.chaos.on_the_lab import lab_of
from bookstore.deploying.errors import CommandFailed
from bookstore.deploying.programs import run
from bookstore.deploying.stack import TOPOLOGIES
from bookstore.lab import cluster, database, engines, programs, shop
from bookstore.lab.errors import LabNeeds
from bookstore.lab.open_shop import OpenShop
from bookstore.lab.plan import NODES, LabNode

# More than a step of an order has until others take it for abandoned (20 s), less than tokens live (300 s).
AHEAD_SECONDS = 30
# Orders bear the time of the replica that took them.
CLEARLY_AHEAD_SECONDS = 15
SERVICE = f"{shop.STACK}_skewed"
INSIDE = "/clock"
START_SECONDS = 180


@contextmanager
def clock_skew(scene: Scene) -> Iterator[None]:
    """Raises LabNeeds without a compiler."""
    lab = lab_of(scene)
    library = _make_library(lab.plan.state / "clock")
    try:
        _create(skewed(_spec(lab), library))
        scene.wait_until(lambda: bool(_replicas()), "the replica with that clock is healthy", START_SECONDS)
        scene.saw(f"one more replica answers, whose clock is {AHEAD_SECONDS} s ahead")
        scene.wait_until(lambda: _orders_ahead(lab) > 0, "it takes an order", START_SECONDS)
        yield
        scene.saw(f"{_orders_ahead(lab)} orders bear a time that has not come yet")
    finally:
        _remove(scene)


def skewed(spec: Mapping[str, Any], library: Path) -> dict[str, Any]:
    """From what a service of the shop is, one replica of it beside the stack, with another clock."""
    task = spec["TaskTemplate"]
    container = task["ContainerSpec"]
    mount = {"Type": "bind", "Source": str(library.parent), "Target": INSIDE, "ReadOnly": True}
    own = {
        "Env": [*container.get("Env", []), f"LD_PRELOAD={INSIDE}/{library.name}"],
        "Mounts": [*container.get("Mounts", []), mount],
        "Labels": {},
    }
    # By the names that its like has, it is found as they are.
    return {
        "Name": SERVICE,
        "Labels": {},
        "TaskTemplate": {**task, "ContainerSpec": {**container, **own}},
        "Mode": {"Replicated": {"Replicas": 1}},
        "EndpointSpec": {"Mode": "dnsrr"},
    }


def _make_library(folder: Path) -> Path:
    """Compile it for the replicas, which are Debian as the lab is. Raises LabNeeds."""
    if shutil.which("cc", path=programs.PLACES) is None:
        raise LabNeeds(what="a C compiler for this game day: scripts/ensure-cluster installs one")
    folder.mkdir(exist_ok=True)
    library = folder / "clock_ahead.so"
    options = ["-shared", "-fPIC", "-O2", f"-DAHEAD_SECONDS={AHEAD_SECONDS}"]
    run(["cc", *options, "-o", str(library), str(Path(__file__).with_name("clock_ahead.c"))])
    return library


def _spec(lab: OpenShop) -> Mapping[str, Any]:
    """What the service that takes orders is."""
    name = f"{shop.STACK}_{TOPOLOGIES[lab.topology][-1]}"
    told = json.loads(engines.docker(cluster.manager().engine, "service", "inspect", name))
    spec: Mapping[str, Any] = told[0]["Spec"]
    return spec


def _create(spec: Mapping[str, Any]) -> None:
    """By the engine itself: the docker program has no way to hand in what it has handed out."""
    socket = cluster.manager().engine.removeprefix("unix://")
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=socket), base_url="http://docker", timeout=60
    ) as engine:
        answer = engine.post("/services/create", json=spec)
    if answer.is_error:
        raise CommandFailed(command="create a service", said=answer.text)


def _replicas() -> list[str]:
    """Those that are healthy."""
    return [container for node in NODES for container in _containers(node, "--filter", "health=healthy")]


def _containers(node: LabNode, *options: str) -> list[str]:
    own = ["--filter", f"label=com.docker.swarm.service.name={SERVICE}", *options]
    return engines.docker(node.engine, "ps", "--quiet", *own).split()


def _orders_ahead(lab: OpenShop) -> int:
    """How many orders were placed later than now, by the clock of the database."""
    ahead = f"UTC_TIMESTAMP() + INTERVAL {CLEARLY_AHEAD_SECONDS} SECOND"
    table = f"{lab.schema('orders')}.orders"
    return int(database.ask(f"SELECT COUNT(*) FROM {table} WHERE placed_at > {ahead}"))  # noqa: S608  # our own words


def _remove(scene: Scene) -> None:
    """It stops as any replica: it says so, finishes what it has, and only then it is gone."""
    with suppress(CommandFailed):
        engines.docker(cluster.manager().engine, "service", "rm", SERVICE)
    scene.wait_until(lambda: not any(map(_containers, NODES)), "the replica with that clock is gone")
