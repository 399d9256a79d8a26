"""Waiting until a cluster is what it was told to be."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bookstore.autoscaling.engine_words import holds
from bookstore.deploying.errors import CommandFailed, NotConverged
from bookstore.deploying.swarm.nodes import all_nodes
from bookstore.deploying.swarm.services import Service, Task, services_of, tasks_of

LOOK_EVERY = 1.0
CONVERGE_SECONDS = 600
# The first version in a cluster has nothing to be rolled back to: after so many failures it is given up.
MOST_FAILURES = 4


@dataclass(frozen=True)
class Sight:
    """The services of a stack and their tasks at one moment."""

    services: list[Service]
    tasks: list[Task]

    def of(self, service: Service) -> list[Task]:
        return [task for task in self.tasks if task.name.startswith(f"{service.name}.")]

    def up(self, service: Service) -> list[Task]:
        """Its healthy tasks of the version that it should be."""
        return [task for task in self.of(service) if task.is_up and task.image == service.image]

    def failures(self, service: Service) -> list[Task]:
        """Its tasks of this version that failed, the latest first."""
        return [task for task in self.of(service) if task.has_failed and task.image == service.image]

    def is_whole(self, service: Service) -> bool:
        wanted = _wanted(service) if service.replicas is None else service.replicas
        return service.is_settled and len(self.up(service)) >= wanted

    def missing(self) -> str:
        """What is not yet as it should be, in words; empty when all is."""
        parts = []
        for service in self.services:
            if not self.is_whole(service):
                parts.append(f"{service.name}: {len(self.up(service))} up {service.update}".rstrip())
        return ", ".join(parts)


def look(stack: str) -> Sight:
    services = services_of(stack)
    return Sight(services, tasks_of([service.name for service in services]))


def converge(
    stack: str,
    *,
    seconds: float = CONVERGE_SECONDS,
    give_up: Callable[[Sight], str] = lambda sight: "",
    tell: Callable[[str], None] = lambda news: None,
) -> Sight:
    """Wait until each service is whole. `give_up` says why it makes no sense to wait on, or nothing.

    Raises NotConverged.
    """
    began, told = time.monotonic(), ""
    while True:
        sight, missing = _look_calmly(stack)
        if sight is not None and not missing:
            return sight
        waited = time.monotonic() - began
        reason = give_up(sight) if sight is not None else ""
        if reason or waited > seconds:
            raise NotConverged(seconds=round(waited), reason=reason or missing)
        if missing != told:
            tell(missing)
            told = missing
        time.sleep(LOOK_EVERY)


def _look_calmly(stack: str) -> tuple[Sight | None, str]:
    """What there is and what is missing. While managers choose a leader, they tell nothing."""
    try:
        sight = look(stack)
        return sight, sight.missing()
    except CommandFailed:
        return None, "the managers do not answer"


def spread(tasks: Iterable[Task]) -> Counter[str]:
    """How many healthy tasks each node has."""
    return Counter(task.node for task in tasks if task.is_up)


def _wanted(service: Service) -> int:
    """On how many nodes a service runs that runs on each once: the ready, active ones that it may run on."""
    constraints = service.spec["TaskTemplate"].get("Placement", {}).get("Constraints") or []
    return sum(
        node.is_ready
        and node.availability == "active"
        and all(holds(constraint, node.facts) for constraint in constraints)
        for node in all_nodes()
    )
