"""The cluster behind the engine of a manager, by the Docker SDK."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import docker
from docker.errors import APIError, DockerException
from requests import RequestException

from bookstore.autoscaling.engine_words import UNDER_WAY, holds, labels_as_facts, moment
from bookstore.autoscaling.ports import (
    IMAGE_BEFORE,
    MAXIMUM,
    ChangedMeanwhile,
    Replica,
    ScaledService,
    SwarmUnavailable,
)
from bookstore.shared.clock import utcnow

ENGINE_SECONDS = 10
STACK = "com.docker.stack.namespace"
STOPPED = {"paused", "rollback_paused"}
# Who deploys looks at what has come of it, and may take it back.
QUIET = timedelta(seconds=30)
OUT_OF_SEQUENCE = "out of sequence"
Told = Mapping[str, Any]


class DockerSwarm:
    """What `docker` on a manager would do. Connects at its first use."""

    def __init__(self, engine: str | None = None, now: Callable[[], datetime] = utcnow) -> None:
        self._engine, self._now = engine or os.environ.get("DOCKER_HOST"), now
        self._client: docker.APIClient | None = None

    def services(self) -> list[ScaledService]:
        with _asking():
            client = self._connected()
            told = client.services()
            nodes = {node["ID"]: node for node in client.nodes()}
            labeled = [one for one in told if MAXIMUM in _labels(one) and "Replicated" in one["Spec"]["Mode"]]
            services = [self._described(one, told, nodes) for one in labeled]
        return sorted(services, key=lambda service: service.name)

    def scale(self, service: ScaledService, replicas: int) -> None:
        def with_replicas(spec: dict[str, Any]) -> None:
            spec["Mode"]["Replicated"]["Replicas"] = replicas

        self._change(service, with_replicas)

    def rebalance(self, service: ScaledService) -> None:
        def forced(spec: dict[str, Any]) -> None:
            spec["TaskTemplate"]["ForceUpdate"] = spec["TaskTemplate"].get("ForceUpdate", 0) + 1

        self._change(service, forced)

    def _change(self, service: ScaledService, change: Callable[[dict[str, Any]], None]) -> None:
        """Write back the very specification that there is, with one thing changed.

        With the defaults that the SDK would fill in it would be another one, and all replicas be replaced.
        """
        with _asking():
            client = self._connected()
            told = client.inspect_service(service.id)
            if told["Version"]["Index"] != service.version:
                raise ChangedMeanwhile(f"somebody else has changed {service.name}")
            spec = told["Spec"]
            change(spec)
            if before := _image_before(told):
                spec["Labels"] = {**(spec.get("Labels") or {}), IMAGE_BEFORE: before}
            client.update_service(
                service.id,
                version=service.version,
                name=spec["Name"],
                labels=spec.get("Labels"),
                mode=spec["Mode"],
                task_template=spec["TaskTemplate"],
                update_config=spec.get("UpdateConfig"),
                rollback_config=spec.get("RollbackConfig"),
                endpoint_spec=spec.get("EndpointSpec"),
            )

    def _described(self, one: Told, told: Sequence[Told], nodes: Mapping[str, Told]) -> ScaledService:
        assert self._client is not None, "the services were asked for by it"
        filters = {"service": one["ID"], "desired-state": "running"}
        running = [task for task in self._client.tasks(filters) if task["Status"]["State"] == "running"]
        stack = _labels(one).get(STACK)
        siblings = [other for other in told if stack and _labels(other).get(STACK) == stack]
        return ScaledService(
            id=one["ID"],
            name=one["Spec"]["Name"],
            version=one["Version"]["Index"],
            labels=_labels(one),
            replicas=one["Spec"]["Mode"]["Replicated"].get("Replicas", 0),
            running=tuple(Replica(task["ID"], _address(task)) for task in running),
            changing=next(filter(None, map(self._change_of, siblings or [one])), ""),
            spread=_spread(one, running, nodes),
        )

    def _change_of(self, service: Told) -> str:
        """The update of a service that is under way, or has ended just now."""
        update, name = service.get("UpdateStatus") or {}, service["Spec"]["Name"]
        state = update.get("State", "")
        if state in UNDER_WAY:
            return f"an update of {name} is under way"
        if state in STOPPED:
            return f"an update of {name} is {state} and waits for somebody"
        if (ended := update.get("CompletedAt")) and self._now() - moment(ended) < QUIET:
            return f"an update of {name} has ended just now"
        return ""

    def _connected(self) -> "docker.APIClient":
        if self._client is None:
            options = {"base_url": self._engine} if self._engine else {}
            self._client = docker.APIClient(**options, version="auto", timeout=ENGINE_SECONDS)
        return self._client


@contextmanager
def _asking() -> Iterator[None]:
    """What the SDK says in its own words, said in ours."""
    try:
        yield
    except APIError as error:
        if OUT_OF_SEQUENCE in str(error.explanation):
            raise ChangedMeanwhile("somebody else has changed it at the same moment") from error
        raise SwarmUnavailable(str(error.explanation or error)) from error
    except (DockerException, RequestException) as error:
        raise SwarmUnavailable(str(error)) from error


def _image_before(service: Told) -> str:
    """The image of the version before, while the Swarm still knows it."""
    before = (service.get("PreviousSpec") or service["Spec"])["TaskTemplate"]["ContainerSpec"]["Image"]
    return "" if before == service["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] else str(before)


def _labels(service: Told) -> Mapping[str, str]:
    return service["Spec"].get("Labels") or {}


def _address(task: Told) -> str:
    """Of the first network that is the stack's own; that of published ports is everybody's."""
    for attachment in task.get("NetworksAttachments") or []:
        if not attachment["Network"]["Spec"].get("Ingress") and attachment.get("Addresses"):
            return str(attachment["Addresses"][0].partition("/")[0])
    return ""


def _spread(service: Told, running: Sequence[Told], nodes: Mapping[str, Told]) -> dict[str, int]:
    constraints = service["Spec"]["TaskTemplate"].get("Placement", {}).get("Constraints") or []
    counts = Counter(task["NodeID"] for task in running)
    return {
        node["Description"]["Hostname"]: counts[node_id]
        for node_id, node in nodes.items()
        if node["Status"]["State"] == "ready"
        and node["Spec"]["Availability"] == "active"
        and all(holds(constraint, _facts(node)) for constraint in constraints)
    }


def _facts(node: Told) -> dict[str, str]:
    return {
        "node.id": node["ID"],
        "node.hostname": node["Description"]["Hostname"],
        "node.role": node["Spec"]["Role"],
        **labels_as_facts(node["Spec"].get("Labels")),
    }
