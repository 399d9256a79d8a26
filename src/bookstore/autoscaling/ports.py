"""The cluster as the autoscaler sees it, in its own words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

# A service that has the first of these is scaled.
MAXIMUM = "bookstore.autoscale.max"
MINIMUM = "bookstore.autoscale.min"
TARGET = "bookstore.autoscale.target"
P95 = "bookstore.autoscale.p95"
PORT = "bookstore.autoscale.port"
# A Swarm remembers one specification before the present one, and another number of replicas takes that place.
# So the image of the version before is kept in a label, for `bookstore deploy swarm rollback`.
IMAGE_BEFORE = "bookstore.image.before"


@dataclass(frozen=True)
class Replica:
    """A task of a service that runs and is healthy."""

    id: str
    # Where it answers on the network that it shares with the autoscaler; empty when it has no address there.
    address: str


@dataclass(frozen=True, kw_only=True)
class ScaledService:
    """A labeled service at one moment. `version` is how the cluster knows that nobody changed it since."""

    id: str
    name: str
    version: int
    labels: Mapping[str, str]
    replicas: int
    running: tuple[Replica, ...]
    # The update or rollback under way, of this service or of another one of its stack; empty without one.
    changing: str
    # Its replicas on each node that may run them.
    spread: Mapping[str, int]


class SwarmUnavailable(Exception):
    """The managers do not answer, or have no leader; the message says what they said."""


class ChangedMeanwhile(Exception):
    """Somebody else has changed the service since it was looked at. Nothing was done."""


class Swarm(Protocol):
    """All of it raises SwarmUnavailable."""

    def services(self) -> list[ScaledService]:
        """The services that are labeled, by name."""

    def scale(self, service: ScaledService, replicas: int) -> None:
        """Let so many run; those that run go on as they are. Raises ChangedMeanwhile."""

    def rebalance(self, service: ScaledService) -> None:
        """Replace the replicas in the steps of the service's update policy. Raises ChangedMeanwhile."""
