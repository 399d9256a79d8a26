"""Whether docker leads to the lab, and the shop that is found there."""

import os
from pathlib import Path

from bookstore.chaos.errors import NotTheLab
from bookstore.chaos.game_day import Scene
from bookstore.deploying.errors import CommandFailed
from bookstore.deploying.swarm.services import Service, services_of
from bookstore.lab import engines, machine, programs, shop
from bookstore.lab.errors import LabNeeds
from bookstore.lab.open_shop import OpenShop
from bookstore.lab.plan import NODES, Plan


def find_lab(checkout: Path) -> OpenShop:
    """The shop on the lab of this checkout.

    Raises NotTheLab when there is none or docker leads elsewhere, LabNeeds when one may not touch it.
    """
    plan = Plan(checkout.resolve())
    host = os.environ.get("DOCKER_HOST", "")
    if host and host not in {node.engine for node in NODES}:
        raise NotTheLab(what=f"docker leads to {host}")
    if not any(engines.pid_of(plan, node.name) for node in NODES):
        raise NotTheLab(what=f"no node of a lab of {plan.checkout} runs: `make lab` brings it up")
    try:
        with shop.at_a_manager():
            services = services_of(shop.STACK)
    except (CommandFailed, LabNeeds) as error:
        raise NotTheLab(what=str(error)) from error
    if not services:
        raise NotTheLab(what="there is no shop on it")
    machine.require_able(plan)
    os.environ["PATH"] = programs.PLACES
    return OpenShop(plan, topology_of(services))


def topology_of(services: list[Service]) -> str:
    """In one piece or in three, as the names of the services tell."""
    parts = {service.name.rpartition("_")[2] for service in services}
    return "monolith" if "app" in parts else "services"


def lab_of(scene: Scene) -> OpenShop:
    """The lab behind a scene: only game days that need none are held elsewhere."""
    assert isinstance(scene.shop, OpenShop), "this trouble is made on the lab"
    return scene.shop
