"""Bringing a version up on a Swarm, and taking it back when it fails.

The images are fetched to every node first, and the databases migrated by a job that must succeed. Then the
Swarm replaces the replicas in the small steps that the stack file describes, while a visitor keeps asking for
pages: what fails for the visitor fails the deployment, and takes it back.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from bookstore.deploying.errors import (
    MigrationFailed,
    NotConverged,
    NothingBefore,
    NotUp,
    RolledBack,
)
from bookstore.deploying.findings import require_fit
from bookstore.deploying.programs import run
from bookstore.deploying.swarm.convergence import MOST_FAILURES, Sight, converge, look
from bookstore.deploying.swarm.fetching import Reading, clocks, fetch
from bookstore.deploying.swarm.probe import Probe
from bookstore.deploying.swarm.services import (
    ROLLED_BACK,
    Service,
    Task,
    last_lines,
    services_of,
    unfinished,
)
from bookstore.deploying.swarm.stack import SwarmStack, prune

LOG_LINES = 30
MIGRATE_SECONDS = 900
# A Swarm that was told of a change takes a moment until one sees it in what it says.
BEGIN_SECONDS = 2
Tell = Callable[[str], None]
Services = Mapping[str, Service]


def roll_out(stack: SwarmStack, tag: str, images: Iterable[str], probe: Probe, tell: Tell) -> None:
    """Bring this version up, from nothing or in place of another one.

    Raises ImageUnavailable, NotFit and MigrationFailed with nothing changed; RolledBack with the one before
    up again.
    """
    before = {service.name: service for service in services_of(stack.name)}
    readings: list[Reading] = []
    for image in images:
        tell(f"fetching {image} to every node")
        readings += fetch(stack.name, image)
    require_fit(clocks(readings))
    tell("migrating")
    migrate(stack, tag)
    tell("updating")
    if before and probe.is_answered():
        with probe:
            _update(stack, tag, before, probe, tell)
        tell(f"meanwhile {probe.summary()}")
    else:
        _update(stack, tag, before, probe, tell)
    for name in prune(stack):
        tell(f"removed {name}, which nothing uses any more")


def migrate(stack: SwarmStack, tag: str) -> None:
    """Raises MigrationFailed with what the job said."""
    names = stack.deploy_migrations()
    try:
        ends_at = time.monotonic() + MIGRATE_SECONDS
        while open_ones := unfinished(names)[1]:
            for task in open_ones:
                if task.has_failed or time.monotonic() > ends_at:
                    raise MigrationFailed(service=task.name, tag=tag, log=_what_failed(task))
            time.sleep(0.5)
    finally:
        stack.remove_migrations()


def roll_back(stack: str, services: Sequence[Service], tell: Tell) -> None:
    """Give these services what they were before, each in the small steps of its policy."""
    for service in services:
        tell(f"rolling back {service.name}")
        run(service.way_back())
    time.sleep(BEGIN_SECONDS)
    converge(stack, tell=tell)


def go_back(stack: str, parts: Iterable[str], probe: Probe, tell: Tell) -> list[str]:
    """Take the shop back to the version before it; the names of what went back. Raises NothingBefore."""
    chosen = [
        service
        for service in services_of(stack)
        if service.part in set(parts) and service.previous_image not in {"", service.image}
    ]
    if not chosen:
        raise NothingBefore
    with probe:
        roll_back(stack, chosen, tell)
    tell(f"meanwhile {probe.summary()}")
    return [service.name for service in chosen]


def _update(stack: SwarmStack, tag: str, before: Services, probe: Probe, tell: Tell) -> None:
    stack.deploy()
    time.sleep(BEGIN_SECONDS)
    try:
        converge(stack.name, give_up=lambda sight: _hopeless(sight, probe, before), tell=tell)
        reason = _taken_back(look(stack.name), before)
    except NotConverged as error:
        reason = str(error)
    if reason or probe.failures:
        _take_back(stack, tag, reason or probe.summary(), before, tell)


def _hopeless(sight: Sight, probe: Probe, before: Services) -> str:
    """Why it makes no sense to wait on; empty when it does."""
    if probe.failures:
        return probe.summary()
    if taken_back := _taken_back(sight, before):
        return taken_back
    for service in sight.services if not before else ():
        if len(failures := sight.failures(service)) >= MOST_FAILURES:
            return f"{service.name} fails again and again: {failures[0].error}"
    return ""


def _taken_back(sight: Sight, before: Services) -> str:
    """What the Swarm has taken back by itself, and why. What it took back at another time does not count."""
    told = [
        f"{one.name}: {one.update_message}"
        for one in sight.services
        if one.update in ROLLED_BACK
        and (one.name not in before or one.changed_at != before[one.name].changed_at)
    ]
    return "; ".join(told)


def _take_back(stack: SwarmStack, tag: str, reason: str, before: Services, tell: Tell) -> None:
    """Roll back what has changed and end the deployment: RolledBack, or NotUp where nothing was before."""
    sight = look(stack.name)
    why = f"{reason}\n{_log_of_failures(sight, tag)}"
    if not before:
        raise NotUp(tag=tag, reason=why)
    if changed := [service for service in sight.services if _is_changed(service, before)]:
        roll_back(stack.name, changed, tell)
    else:
        converge(stack.name, tell=tell)
    raise RolledBack(tag=tag, reason=why)


def _is_changed(service: Service, before: Services) -> bool:
    """Whether a service of before is another one now, and does not go back by itself already."""
    known = service.name in before and service.update != "rollback_started"
    return known and service.spec != before[service.name].spec


def _log_of_failures(sight: Sight, tag: str) -> str:
    for task in sight.tasks:
        if task.version == tag and task.has_failed:
            return _what_failed(task)
    return "no replica of it has failed"


def _what_failed(task: Task) -> str:
    said = last_lines(task.id, LOG_LINES) or "(it said nothing)"
    return f"{task.name} on {task.node or 'no node'}: {task.error or task.state}\n{said}"
