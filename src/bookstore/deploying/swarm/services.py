"""The services of a stack and the tasks that run them, as the managers tell about them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from bookstore.autoscaling.engine_words import UNDER_WAY
from bookstore.autoscaling.ports import IMAGE_BEFORE, MAXIMUM
from bookstore.deploying.programs import run, run_briefly

PART = "bookstore.part"
LOG_SECONDS = 10
ROLLED_BACK = {"rollback_completed", "rollback_paused", "paused"}


@dataclass(frozen=True)
class Service:
    """What a service should be, and how the change to it goes."""

    name: str
    part: str
    image: str
    previous_image: str
    # None for one that runs on each node once.
    replicas: int | None
    update: str
    update_message: str
    # When the latest change to it began.
    changed_at: str
    spec: Mapping[str, Any]

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """From what `docker service inspect` tells."""
        spec, update = told["Spec"], told.get("UpdateStatus") or {}
        mode = spec["Mode"].get("Replicated")
        return cls(
            name=spec["Name"],
            part=spec.get("Labels", {}).get(PART, ""),
            image=_image(spec),
            previous_image=_image_before(told),
            replicas=int(mode["Replicas"]) if mode else None,
            update=update.get("State", ""),
            update_message=update.get("Message", ""),
            changed_at=update.get("StartedAt", ""),
            spec=spec,
        )

    @property
    def remembering(self) -> list[str]:
        """The options of a change that is no new version: they let the service keep its version before."""
        is_known = self.previous_image not in {"", self.image}
        return ["--label-add", f"{IMAGE_BEFORE}={self.previous_image}"] if is_known else []

    def way_back(self) -> list[str]:
        """The command that takes it to the version before."""
        image = self.previous_image
        if self.spec.get("Labels", {}).get(IMAGE_BEFORE) != image:
            return ["docker", "service", "rollback", "--detach", self.name]
        # What the Swarm remembers is another number of replicas.
        version = ["--label-add", f"bookstore.version={version_of(image)}", "--label-rm", IMAGE_BEFORE]
        options = ["--detach", "--quiet", "--no-resolve-image", "--image", image, *version]
        return ["docker", "service", "update", *options, self.name]

    @property
    def is_scaled(self) -> bool:
        """Whether the autoscaler, if there is one, sets its number of replicas."""
        return MAXIMUM in (self.spec.get("Labels") or {})

    @property
    def is_settled(self) -> bool:
        """Whether no update or rollback of it is under way."""
        return self.update not in UNDER_WAY


@dataclass(frozen=True)
class Task:
    """One container that runs a service, or should, or did."""

    id: str
    name: str
    node: str
    image: str
    desired: str
    state: str
    error: str

    @property
    def is_up(self) -> bool:
        """Whether it runs and is healthy: one that is not yet says `starting`."""
        return self.state == "running" and self.desired == "running"

    @property
    def has_failed(self) -> bool:
        return self.state in {"failed", "rejected"}

    @property
    def version(self) -> str:
        return version_of(self.image)


def service_names() -> set[str]:
    """The names of all services of the cluster, of whichever stack. Raises CommandFailed."""
    return set(run(["docker", "service", "ls", "--format", "{{.Name}}"]).split())


def services_of(stack: str) -> list[Service]:
    """The services of this stack by name. Raises CommandFailed."""
    names = run(["docker", "stack", "services", "--format", "{{.Name}}", stack]).split()
    told = json.loads(run(["docker", "service", "inspect", *names])) if names else []
    return sorted(map(Service.of, told), key=lambda service: service.name)


def tasks_of(names: Sequence[str]) -> list[Task]:
    """Their tasks, the latest of each replica first; those of the past as far as the Swarm remembers."""
    if not names:
        return []
    shown = run(["docker", "service", "ps", "--no-trunc", "--format", "{{json .}}", *names])
    return [_task(json.loads(line)) for line in shown.splitlines()]


def unfinished(jobs: Sequence[str]) -> tuple[list[Task], list[Task]]:
    """The tasks of these jobs, and those that have not succeeded. A job without any counts as a new one."""
    tasks = tasks_of(jobs)
    started = {task.name.partition(".")[0] for task in tasks}
    new = [Task("", job, "", "", "running", "new", "") for job in jobs if job not in started]
    return tasks, new + [task for task in tasks if task.state != "complete"]


def last_lines(task: str, lines: int) -> str:
    """What a task, or all those of a service, said last."""
    # The managers wait for every node that ever ran a task of it, also for those that do not answer.
    return run_briefly(
        ["docker", "service", "logs", "--raw", "--tail", str(lines), task], LOG_SECONDS
    ).strip()


def version_of(image: str) -> str:
    """The tag of an image, which may have a port before and a digest behind it."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def _image_before(told: Mapping[str, Any]) -> str:
    """The image of the version before, or that of the number of replicas before."""
    remembered = told["Spec"].get("Labels", {}).get(IMAGE_BEFORE, "")
    before = _image(told["PreviousSpec"]) if told.get("PreviousSpec") else ""
    return remembered if remembered and before in {"", _image(told["Spec"])} else before


def _image(spec: Mapping[str, Any]) -> str:
    return str(spec["TaskTemplate"]["ContainerSpec"]["Image"])


def _task(told: Mapping[str, str]) -> Task:
    return Task(
        id=told["ID"],
        name=told["Name"],
        node=told["Node"],
        image=told["Image"],
        desired=told["DesiredState"].lower(),
        # "Running 3 minutes ago"
        state=told["CurrentState"].partition(" ")[0].lower(),
        error=told["Error"],
    )
