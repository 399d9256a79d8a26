"""The nodes of the Swarm, as its managers tell about them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from bookstore.autoscaling.engine_words import labels_as_facts
from bookstore.deploying.programs import run


@dataclass(frozen=True)
class Node:
    """A machine of the cluster."""

    id: str
    name: str
    address: str
    state: str
    availability: str
    engine: str
    labels: Mapping[str, str]
    is_manager: bool
    is_leader: bool
    is_reachable: bool

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """From what `docker node inspect` tells."""
        manager = told.get("ManagerStatus") or {}
        return cls(
            id=told["ID"],
            name=told["Description"]["Hostname"],
            address=told["Status"].get("Addr", ""),
            state=told["Status"]["State"],
            availability=told["Spec"]["Availability"],
            engine=told["Description"]["Engine"].get("EngineVersion", "0.0"),
            labels=told["Spec"].get("Labels") or {},
            is_manager=told["Spec"]["Role"] == "manager",
            is_leader=bool(manager.get("Leader")),
            is_reachable=manager.get("Reachability") == "reachable",
        )

    @property
    def facts(self) -> dict[str, str]:
        """What placement constraints may ask of it."""
        role = "manager" if self.is_manager else "worker"
        own = {"node.id": self.id, "node.hostname": self.name, "node.role": role}
        return own | labels_as_facts(self.labels)

    @property
    def is_ready(self) -> bool:
        return self.state == "ready"


def all_nodes() -> list[Node]:
    """All nodes by name. Raises CommandFailed when the engine is no manager of a Swarm that has a leader."""
    ids = run(["docker", "node", "ls", "--quiet"]).split()
    told = json.loads(run(["docker", "node", "inspect", *ids]))
    return sorted(map(Node.of, told), key=lambda node: node.name)
