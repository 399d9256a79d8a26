"""Replacing the version that runs by another one, without a request that fails.

A candidate of the new version starts under a name that nobody asks for. Once it is healthy it gets the name
by which nginx asks, and answers while the container of the old version finishes what it has and is replaced.
Then the candidate goes. One that does not become healthy goes before anybody has met it.
"""

import time
from collections.abc import Callable
from contextlib import suppress

from bookstore.deploying.errors import CommandFailed, VersionUnhealthy
from bookstore.deploying.programs import run
from bookstore.deploying.stack import MIGRATIONS, WORKERS, Stack

HEALTHY_SECONDS = 180
STOP_SECONDS = 45
LOG_LINES = 30
# nginx keeps what a name leads to for a second; the old container must not go while nginx knows no other.
NAME_SECONDS = 2.5
Tell = Callable[[str], None]


def roll_out(stack: Stack, tag: str, tell: Tell, *, migrate: bool = True) -> None:
    """Bring this version up, from nothing or in place of another one.

    An older version does not `migrate`: a schema only ever grows, and it finds in it what it needs.
    Raises VersionUnhealthy, with all services that were not reached yet as before; CommandFailed.
    """
    tell("database")
    stack.compose("up", "--detach", "database")
    for once in MIGRATIONS[stack.topology] if migrate else ():
        tell(once)
        stack.compose("run", "--rm", once)
    for service in stack.shops:
        tell(service)
        _replace(stack, service, tag)
    for worker in WORKERS[stack.topology]:
        tell(worker)
        stack.compose("up", "--detach", "--no-deps", worker)
    tell("edge")
    stack.compose("up", "--detach", "--no-deps", "edge")
    [edge] = stack.containers("edge")
    _wait_until_healthy(stack, "edge", edge, tag)
    for service in stack.beside:
        tell(service)
        stack.compose("up", "--detach", "--no-deps", service)


def _replace(stack: Stack, service: str, tag: str) -> None:
    candidate = f"{stack.project}-{service}-candidate"
    _remove(candidate)
    stack.compose("run", "--detach", "--no-deps", "--name", candidate, service)
    try:
        _wait_until_healthy(stack, service, candidate, tag)
    except VersionUnhealthy:
        _remove(candidate)
        raise
    _let_answer(stack, service, candidate)
    time.sleep(NAME_SECONDS)
    stack.compose("up", "--detach", "--no-deps", service)
    for container in stack.containers(service):
        _wait_until_healthy(stack, service, container, tag)
    run(["docker", "stop", "-t", str(STOP_SECONDS), candidate])
    _remove(candidate)


def _let_answer(stack: Stack, service: str, candidate: str) -> None:
    """Give it the service's name on the network that nginx is on."""
    network = f"{stack.project}_front"
    run(["docker", "network", "disconnect", network, candidate])
    run(["docker", "network", "connect", "--alias", service, network, candidate])


def _remove(container: str) -> None:
    """Remove it with what it kept for itself, if it is there."""
    with suppress(CommandFailed):
        run(["docker", "rm", "--force", "--volumes", container])


def _wait_until_healthy(stack: Stack, service: str, container: str, tag: str) -> None:
    ends_at = time.monotonic() + HEALTHY_SECONDS
    while (health := stack.health(container)) != "healthy":
        # A container that ended is started again by the engine; once is enough to know.
        if health != "starting" or time.monotonic() > ends_at:
            raise VersionUnhealthy(service=service, tag=tag, log=_last_lines(container))
        time.sleep(0.5)


def _last_lines(container: str) -> str:
    try:
        return run(["docker", "logs", "--tail", str(LOG_LINES), container]).strip()
    except CommandFailed as error:
        return str(error)
