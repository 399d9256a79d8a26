"""A container of an image started once on each node: which nodes get the image, and what time it is there."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bookstore.autoscaling.engine_words import moment
from bookstore.deploying.errors import CommandFailed, ImageUnavailable
from bookstore.deploying.findings import Finding
from bookstore.deploying.programs import run
from bookstore.deploying.swarm.services import Task, service_names, unfinished

FETCH_SECONDS = 600
LOOK_EVERY = 0.5
# Holds, tokens and sessions end by the clock of the replica that is asked.
MOST_SKEW_SECONDS = 5.0


@dataclass(frozen=True)
class Reading:
    """When a container ended by the clock of its node, and between which moments it did by ours."""

    node: str
    said: datetime
    asked_at: datetime
    seen_at: datetime

    @property
    def skew(self) -> float:
        """By how many seconds the node's clock is ahead (or behind: less than 0), at the least."""
        ahead, behind = self.said - self.seen_at, self.said - self.asked_at
        return max(ahead.total_seconds(), 0.0) or min(behind.total_seconds(), 0.0)


def fetch(stack: str, image: str) -> list[Reading]:
    """Start an image once on each node, which proves that all of them have it. Raises ImageUnavailable."""
    name, asked_at = f"{stack}_fetch", datetime.now(UTC)
    _remove(name)
    once = ["--mode", "global-job", "--restart-condition", "none", "--detach", "--with-registry-auth"]
    once += ["--label", f"com.docker.stack.namespace={stack}", "--no-healthcheck", "--entrypoint", "true"]
    run(["docker", "service", "create", "--quiet", *once, "--name", name, image])
    try:
        seen = _watch(name, image)
        return [_reading(told, asked_at, seen[told["ID"]]) for told in _inspected(list(seen))]
    finally:
        _remove(name)


def fetched(stack: str, images: Iterable[str]) -> Iterator[Finding]:
    """Whether each node gets each image, and whether their clocks and ours agree."""
    readings: list[Reading] = []
    for image in images:
        try:
            readings += fetch(stack, image)
        except ImageUnavailable as error:
            yield Finding(f"image {image}", holds=False, detail=str(error))
        else:
            yield Finding(f"image {image}", holds=True, detail="starts on each node")
    yield from clocks(readings)


def clocks(readings: Iterable[Reading]) -> Iterator[Finding]:
    """Each node's clock against that of whoever asks, by what shows most."""
    skews: dict[str, float] = {}
    for reading in readings:
        skews[reading.node] = max(skews.get(reading.node, 0.0), reading.skew, key=abs)
    for node, skew in sorted(skews.items()):
        if abs(skew) > MOST_SKEW_SECONDS:
            direction = "ahead of" if skew > 0 else "behind"
            detail = f"{abs(skew):.0f} s or more {direction} ours, {MOST_SKEW_SECONDS:.0f} may be"
            yield Finding(f"clock of {node}", holds=False, detail=detail)
    if skews and all(abs(skew) <= MOST_SKEW_SECONDS for skew in skews.values()):
        detail = f"{', '.join(sorted(skews))}: within {MOST_SKEW_SECONDS:.0f} s of ours, as far as it shows"
        yield Finding("clocks", holds=True, detail=detail)


def _watch(name: str, image: str) -> dict[str, datetime]:
    """Wait until it has ended on each node; when we first saw that, by the ids of its tasks."""
    seen: dict[str, datetime] = {}
    ends_at = time.monotonic() + FETCH_SECONDS
    while True:
        tasks, open_ones = unfinished([name])
        now = datetime.now(UTC)
        seen |= {task.id: now for task in tasks if task.state == "complete" and task.id not in seen}
        if not open_ones:
            return seen
        _require_hope(image, open_ones, is_late=time.monotonic() > ends_at)
        time.sleep(LOOK_EVERY)


def _require_hope(image: str, open_ones: Sequence[Task], *, is_late: bool) -> None:
    failed = [f"{task.node}: {task.error}" for task in open_ones if task.has_failed]
    if failed or is_late:
        slow = [f"{task.node}: {task.state}" for task in open_ones]
        raise ImageUnavailable(image=image, reasons="; ".join(failed or slow))


def _inspected(tasks: Sequence[str]) -> list[dict[str, str]]:
    """Of each task its node, by name, and the moment at which that node saw it end."""
    if not tasks:
        return []
    told = json.loads(run(["docker", "inspect", "--type", "task", *tasks]))
    names = {
        node["ID"]: node["Description"]["Hostname"]
        for node in json.loads(run(["docker", "node", "inspect", *sorted({task["NodeID"] for task in told})]))
    }
    return [
        {"ID": task["ID"], "node": names[task["NodeID"]], "said": task["Status"]["Timestamp"]}
        for task in told
    ]


def _reading(told: dict[str, str], asked_at: datetime, seen_at: datetime) -> Reading:
    return Reading(told["node"], moment(told["said"]), asked_at, seen_at)


def _remove(name: str) -> None:
    if name in service_names():
        try:
            run(["docker", "service", "rm", name])
        except CommandFailed:
            # Somebody else has removed it at this moment.
            return
