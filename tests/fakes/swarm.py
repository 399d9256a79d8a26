"""A cluster in memory, for the autoscaler: it does what the port promises and nothing else."""

from collections import Counter
from dataclasses import dataclass, field

from bookstore.autoscaling.ports import MAXIMUM, ChangedMeanwhile, Replica, ScaledService, SwarmUnavailable


@dataclass
class _Service:
    name: str
    stack: str
    labels: dict[str, str]
    replicas: int
    version: int = 1
    changing: str = ""
    rebalanced: int = 0
    running: list[tuple[str, Replica]] = field(default_factory=list)


@dataclass
class FakeSwarm:
    """The port, and what a test does to the cluster behind it."""

    nodes: list[str] = field(default_factory=lambda: ["node1", "node2"])
    is_away: bool = False
    _services: dict[str, _Service] = field(default_factory=dict)

    def services(self) -> list[ScaledService]:
        self._answer()
        scaled = [one for one in self._services.values() if MAXIMUM in one.labels]
        return [self._described(one) for one in sorted(scaled, key=lambda one: one.name)]

    def scale(self, service: ScaledService, replicas: int) -> None:
        self._unchanged(service).replicas = replicas

    def rebalance(self, service: ScaledService) -> None:
        self._unchanged(service).rebalanced += 1

    def add(self, name: str, replicas: int, labels: dict[str, str], stack: str = "shop") -> None:
        self._services[name] = _Service(name, stack, labels, replicas)

    def place(self, name: str, node: str, replica: str, address: str, *, runs: bool = True) -> None:
        """A replica of a service on a node, which runs or only starts."""
        if runs:
            self._services[name].running.append((node, Replica(replica, address)))

    def change(self, name: str, state: str) -> None:
        """An update of the service: `updating`, `paused`, `just completed`, `completed` long ago."""
        self._services[name].changing = "" if state == "completed" else f"an update of {name} is {state}"

    def touch(self, name: str) -> None:
        """Somebody else changes the service."""
        self._services[name].version += 1

    def replicas_of(self, name: str) -> int:
        return self._services[name].replicas

    def rebalanced(self, name: str) -> int:
        return self._services[name].rebalanced

    def _answer(self) -> None:
        if self.is_away:
            raise SwarmUnavailable("there is no leader")

    def _unchanged(self, service: ScaledService) -> _Service:
        self._answer()
        found = self._services[service.name]
        if found.version != service.version:
            raise ChangedMeanwhile(f"somebody else has changed {service.name}")
        found.version += 1
        return found

    def _described(self, one: _Service) -> ScaledService:
        counts = Counter(node for node, _ in one.running)
        changes = [other.changing for other in self._services.values() if other.stack == one.stack]
        return ScaledService(
            id=f"id-{one.name}",
            name=one.name,
            version=one.version,
            labels=one.labels,
            replicas=one.replicas,
            running=tuple(replica for _, replica in one.running),
            changing=next(filter(None, changes), ""),
            spread={node: counts[node] for node in self.nodes},
        )
