"""The shop as it stands on the lab: who answers, what happens to its nodes, and whether its books agree."""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bookstore.deploying.errors import CommandFailed
from bookstore.deploying.programs import run
from bookstore.deploying.stack import TOPOLOGIES
from bookstore.deploying.swarm.convergence import Sight, look
from bookstore.deploying.swarm.stack import DATABASES
from bookstore.lab import cluster, engines, shop, wires
from bookstore.lab.errors import LabNeeds
from bookstore.lab.plan import NODES, LabNode, Plan


@dataclass
class OpenShop:
    """The shop on a lab, in one piece or in three."""

    plan: Plan
    topology: str = "monolith"

    @property
    def url(self) -> str:
        return shop.ADDRESS

    @property
    def authority(self) -> Path:
        return self.plan.authority

    def sight(self) -> Sight:
        with shop.at_a_manager():
            return look(shop.STACK)

    def healthy(self, service: str = "app") -> int:
        """How many replicas answer, on nodes that are there."""
        try:
            sight = self.sight()
        except (CommandFailed, LabNeeds):
            return 0
        gone = self._gone()
        tasks = [task for task in sight.tasks if task.name.startswith(f"{shop.STACK}_{service}.")]
        return sum(task.is_up and task.node not in gone for task in tasks)

    def missing(self) -> str:
        """What is not as it should be, in words; empty when all is. What is on a node that is gone is not."""
        gone = self._gone()
        try:
            with shop.at_a_manager():
                sight = look(shop.STACK)
                there = [task for task in sight.tasks if task.node not in gone]
                return Sight(sight.services, there).missing()
        except (CommandFailed, LabNeeds) as error:
            return str(error)

    def containers(self, service: str) -> list[tuple[LabNode, str]]:
        """The containers of a service and where they run."""
        name = f"label=com.docker.swarm.service.name={shop.STACK}_{service}"
        return [
            (node, container)
            for node in NODES
            if not self.is_lost(node)
            for container in engines.docker(node.engine, "ps", "--quiet", "--filter", name).split()
        ]

    def lose(self, node: LabNode) -> None:
        """Its cable is pulled, and its power with it."""
        wires.cut(node)
        engines.kill(self.plan, node.name)

    def bring_back(self, node: LabNode) -> None:
        wires.mend(node)
        cluster.revive(self.plan, node)

    def is_lost(self, node: LabNode) -> bool:
        return engines.pid_of(self.plan, node.name) is None

    def kill_replicas(self) -> list[str]:
        """End a replica of each service that answers people, as by `kill -9`; which ones."""
        killed = []
        for service in TOPOLOGIES[self.topology]:
            node, container = self.containers(service)[0]
            engines.docker(node.engine, "kill", container)
            killed.append(f"{service} on {node.name}")
        return killed

    def audit(self) -> str:
        """What `bookstore audit` says over all databases. Raises CommandFailed when it finds something."""
        urls = {f"BOOKSTORE_{name.upper()}": self.secret(name) for name in DATABASES[self.topology]}
        urls["BOOKSTORE_SANDBOX_DATABASE_URL"] = self.secret(DATABASES[self.topology][-1])
        program = [sys.executable, "-m", "bookstore.cli", "audit"]
        with tempfile.TemporaryDirectory() as folder:
            return run(program, {**urls, "BOOKSTORE_DATA_DIR": folder})

    def schema(self, service: str) -> str:
        """The schema of a service on the database server."""
        return f"bookstore_{service}" if self.topology == "services" else "bookstore"

    def secret(self, name: str) -> str:
        return (self.plan.secrets / name).read_text()

    def _gone(self) -> set[str]:
        """The nodes that the others do not reach."""
        return {node.name for node in NODES if self.is_lost(node) or not wires.is_plugged_in(node)}
