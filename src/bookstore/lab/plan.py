"""Where everything of the lab is. A machine has one lab, so its names and addresses are always the same."""

from dataclasses import dataclass
from pathlib import Path

BRIDGE = "bookstore-lab"
# The machine itself, as the nodes see it: the load balancer, the registry and the database listen there.
OUTSIDE = "10.77.0.254"
NETWORK_BITS = 24
REGISTRY = f"{OUTSIDE}:5000"
DATABASE_PORT = 3306
# Paths of sockets must be short, so these are not in the folder of the lab.
SOCKETS = Path("/run/bookstore-lab")
BUILDER = "builder"


@dataclass(frozen=True)
class LabNode:
    """One machine of the cluster: a network namespace with a Docker engine."""

    number: int
    is_manager: bool

    @property
    def name(self) -> str:
        return f"node{self.number}"

    @property
    def namespace(self) -> str:
        return f"bookstore-{self.name}"

    @property
    def cable(self) -> str:
        """The end of its network cable that is plugged into the bridge."""
        return f"bs-{self.name}"

    @property
    def address(self) -> str:
        return f"10.77.0.{self.number}"

    @property
    def engine(self) -> str:
        """What DOCKER_HOST must be to talk to its engine."""
        return engine_of(self.name)


NODES = tuple(LabNode(number, is_manager=number <= 3) for number in range(1, 6))


def engine_of(name: str) -> str:
    return f"unix://{SOCKETS / name}.sock"


@dataclass(frozen=True)
class Plan:
    """The checkout whose shop the lab runs, and the folder in it where the lab keeps everything."""

    checkout: Path

    @property
    def folder(self) -> Path:
        return self.checkout / ".docker-lab"

    @property
    def state(self) -> Path:
        """What goes with the lab: databases, engines, photos, logs."""
        return self.folder / "state"

    @property
    def builder(self) -> Path:
        """Images and their layers; they stay, so that the next lab is up sooner."""
        return self.folder / "builder"

    @property
    def media(self) -> Path:
        """Plays the shared folder (EFS, NFS): all nodes are this machine, so a folder of it does."""
        return self.state / "media"

    @property
    def media_disk(self) -> Path:
        """What is in the shared folder, as one file."""
        return self.state / "media.ext4"

    @property
    def backups(self) -> Path:
        """Plays a shared folder as well."""
        return self.state / "backups"

    @property
    def secrets(self) -> Path:
        return self.state / "secrets"

    @property
    def certificate(self) -> Path:
        """What the load balancer shows, with its key behind it."""
        return self.state / "shop.pem"

    @property
    def authority(self) -> Path:
        """The certificate alone, for clients that are to trust it."""
        return self.state / "shop.crt"

    @property
    def stack_files(self) -> Path:
        return self.checkout / "deploy" / "swarm"
