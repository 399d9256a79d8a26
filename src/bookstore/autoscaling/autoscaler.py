"""Look, decide, act: again and again, for each service that is labeled."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from bookstore.autoscaling.labels import LabelWrong, aim_of, port_of
from bookstore.autoscaling.policy import Action, Decision, Load, Memory, Pace, Sight, decide
from bookstore.autoscaling.ports import ChangedMeanwhile, Replica, ScaledService, Swarm, SwarmUnavailable
from bookstore.autoscaling.readings import MetricsMissing, MetricsStale, Reading, load_between, read
from bookstore.autoscaling.telling import CLUSTER, Teller

FIRST_LOOK = "it was looked at for the first time: what changes shows at the next look"


class Metrics(Protocol):
    """Who asks the replicas for their pages of metrics."""

    def pages(self, replicas: Sequence[Replica], port: int) -> Mapping[str, str]:
        """The page of each replica that answered, by its id."""


class Autoscaler:
    """Keeps nothing but what it saw lately: one that starts anew looks twice before it acts."""

    def __init__(
        self, swarm: Swarm, metrics: Metrics, pace: Pace, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._swarm, self._metrics, self._pace, self._clock = swarm, metrics, pace, clock
        self._memories: dict[str, Memory] = {}
        self._readings: dict[str, Mapping[str, Reading]] = {}
        self._teller = Teller()

    def run_until(self, stop: threading.Event, every_seconds: float) -> None:
        """Look at this pace until told to stop."""
        while not stop.is_set():
            began = time.monotonic()
            self.look()
            stop.wait(max(0.1, every_seconds - (time.monotonic() - began)))

    def look(self) -> None:
        """Look at each service once, and do what follows."""
        try:
            services = self._swarm.services()
        except SwarmUnavailable as error:
            self._readings.clear()
            self._refuse(CLUSTER, 0, "no_swarm", str(error))
            return
        found = f"{', '.join(service.name for service in services) or 'no service'} to look after"
        self._teller.tell(CLUSTER, 0, Decision(Action.HOLD, 0, "found", found))
        gone = self._memories.keys() - {service.id for service in services}
        for service_id in gone:
            del self._memories[service_id]
            self._readings.pop(service_id, None)
        for service in services:
            self._see_to(service)

    def _see_to(self, service: ScaledService) -> None:
        try:
            aim, port = aim_of(service.labels), port_of(service.labels)
        except LabelWrong as error:
            self._refuse(service.name, service.replicas, "label", str(error))
            return
        sight = self._sight(service, port)
        memory = self._memories.get(service.id, Memory())
        decision, after = decide(sight, aim, self._pace, memory)
        try:
            self._carry_out(service, decision)
        except (ChangedMeanwhile, SwarmUnavailable) as error:
            # What was remembered before still holds: the next look decides again.
            self._refuse(service.name, service.replicas, "not_done", f"{decision.reason}, but {error}")
            return
        self._memories[service.id] = after
        self._teller.tell(service.name, service.replicas, decision)

    def _sight(self, service: ScaledService, port: int) -> Sight:
        readings, unknown = self._read(service, port)
        before = self._readings.get(service.id, {})
        self._readings[service.id] = readings
        load: Load | None = None
        try:
            load = load_between(before, readings)
        except MetricsStale as error:
            unknown = str(error)
        if load is not None:
            self._teller.measure(service.name, load)
        return Sight(
            at=self._clock(),
            replicas=service.replicas,
            running=len(service.running),
            answering=len(readings),
            load=load,
            unknown=unknown or FIRST_LOOK,
            changing=service.changing,
            spread=service.spread,
        )

    def _read(self, service: ScaledService, port: int) -> tuple[dict[str, Reading], str]:
        """What each replica told, and what is wrong with what one told, if anything is."""
        readings, unknown = {}, ""
        for replica, page in self._metrics.pages(service.running, port).items():
            try:
                readings[replica] = read(page, self._clock())
            except MetricsMissing as error:
                unknown = f"{replica}: {error}"
        return readings, unknown

    def _carry_out(self, service: ScaledService, decision: Decision) -> None:
        if decision.action in {Action.UP, Action.DOWN}:
            self._swarm.scale(service, decision.replicas)
        elif decision.action is Action.REBALANCE:
            self._swarm.rebalance(service)

    def _refuse(self, service: str, replicas: int, why: str, reason: str) -> None:
        self._teller.tell(service, replicas, Decision(Action.REFUSE, replicas, why, reason))
