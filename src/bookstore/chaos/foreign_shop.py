"""A shop on a cluster that is not the lab, as far as the engine lets one reach it to which docker leads."""

from dataclasses import dataclass

from bookstore.chaos.errors import NotTheLab
from bookstore.deploying.errors import CommandFailed
from bookstore.deploying.programs import run
from bookstore.deploying.swarm.convergence import look
from bookstore.deploying.swarm.services import services_of


@dataclass(frozen=True)
class ForeignShop:
    """Its replicas are asked for, killed and audited where they run on the node of this engine."""

    stack: str

    def missing(self) -> str:
        try:
            return look(self.stack).missing()
        except CommandFailed as error:
            return str(error)

    def kill_replicas(self) -> list[str]:
        """Raises NotTheLab when none runs on this node."""
        found = self._containers()
        if not found:
            raise NotTheLab(what=f"no replica of {self.stack} runs on the node that docker leads to")
        service, container = found[0]
        run(["docker", "kill", container])
        return [service]

    def audit(self) -> str:
        """By a replica, which knows where the databases are; in one piece, as three know one each."""
        containers = [container for service, container in self._containers() if service.endswith("_app")]
        if not containers:
            raise CommandFailed(
                command="bookstore audit", said="no replica of the monolith runs on this node"
            )
        return run(["docker", "exec", containers[0], "bookstore", "audit"])

    def _containers(self) -> list[tuple[str, str]]:
        """The replicas on this node that answer people, each with the name of its service."""
        shops = [service.name for service in services_of(self.stack) if service.part == "shop"]
        found = []
        for name in shops:
            own = ["--filter", f"label=com.docker.swarm.service.name={name}", "--filter", "health=healthy"]
            found += [(name, container) for container in run(["docker", "ps", "--quiet", *own]).split()]
        return found
