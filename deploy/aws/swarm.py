"""The Swarm: a group of managers and a group of workers, which form a cluster and renew it by themselves."""

from collections.abc import Mapping

from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_sns as sns
from constructs import Construct

from access import boot_settings, grant_secrets, open_data, secrets_of
from credentials import BACKUP
from edge import Edge
from environment import MANAGERS, WORKERS, Environment
from foundation import Foundation
from groups import instance_group
from instances import Identity, launch_template
from network import allow, application_group
from retention import log_group

# What the nodes say to one another.
PORTS = (
    ("Managers", 2377, "tcp", "what managers tell nodes"),
    ("GossipTcp", 7946, "tcp", "gossip of nodes"),
    ("GossipUdp", 7946, "udp", "gossip of nodes"),
    ("Overlay", 4789, "udp", "network of containers"),
)
# The image of the whole shop makes the backups of both.
PARTS = {"monolith": "shop edge", "services": "shop accounts catalog orders edge"}
# Workers know where managers are and how to join as a worker. They are told no secret by AWS.
FOR_WORKERS = ("swarm/managers", "swarm/managers/*", "swarm/token-worker")
OWN_SETTINGS = ("SECRET_", "DATABASE")


class Swarm(Construct):
    """Managers are replaced when EC2 says that one is broken, never because the shop does not answer.

    Were the balancer asked, a shop that is away would cost all managers at once, and with them the Swarm.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        environment: Environment,
        foundation: Foundation,
        edge: Edge,
        alerts: sns.ITopic,
        deployment: str,
        topology: str,
    ) -> None:
        super().__init__(scope, id)
        self._environment, self._foundation, self._edge = environment, foundation, edge
        self._alerts, self._deployment, self._topology = alerts, deployment, topology
        self._secret_names = (*secrets_of(topology), BACKUP)
        self.logs = log_group(self, "Logs", days=environment.profile.log_days)
        self.security_group = application_group(self, "Group", vpc=foundation.network.vpc)
        # Containers of the app run on all nodes, so all nodes reach the database and the files.
        open_data(self, foundation=foundation, group=self.security_group)
        self._open_cluster()
        self.groups = {"Managers": self._managers(), "Workers": self._workers()}
        self.least = MANAGERS + WORKERS

    def _open_cluster(self) -> None:
        for name, port, protocol, meaning in PORTS:
            group = self.security_group
            allow(self, name, source=group, target=group, port=port, protocol=protocol, meaning=meaning)

    def _managers(self) -> autoscaling.AutoScalingGroup:
        identity = self._identity("ManagerIdentity", ("*",))
        grant_secrets(foundation=self._foundation, identity=identity, names=self._secret_names)
        return self._nodes("manager", MANAGERS, identity, self._settings())

    def _workers(self) -> autoscaling.AutoScalingGroup:
        identity = self._identity("WorkerIdentity", FOR_WORKERS, writes=False)
        settings = {
            name: value for name, value in self._settings().items() if not name.startswith(OWN_SETTINGS)
        }
        return self._nodes("worker", WORKERS, identity, settings)

    def _identity(self, id: str, parameters: tuple[str, ...], *, writes: bool = True) -> Identity:
        return Identity(
            self,
            id,
            environment=self._environment,
            deployment=self._deployment,
            logs=self.logs,
            parameters=parameters,
            writes=writes,
        )

    def _settings(self) -> dict[str, str]:
        settings = boot_settings(
            environment=self._environment,
            foundation=self._foundation,
            deployment=self._deployment,
            topology=self._topology,
            secret_names=self._secret_names,
            logs=self.logs,
        )
        return settings | {"NODES": str(MANAGERS + WORKERS), "IMAGE_PARTS": PARTS[self._topology]}

    def _nodes(
        self,
        kind: str,
        count: int,
        identity: Identity,
        settings: Mapping[str, str],
    ) -> autoscaling.AutoScalingGroup:
        name = f"{kind.capitalize()}s"
        template = launch_template(
            self,
            f"{name}Template",
            environment=self._environment,
            identity=identity,
            group=self.security_group,
            kind="swarm",
            settings={**settings, "NODE_KIND": kind},
        )
        nodes = instance_group(
            self,
            name,
            name=name,
            template=template,
            vpc=self._foundation.network.vpc,
            subnets=self._foundation.network.instances,
            minimum=count,
            maximum=count,
            alerts=self._alerts,
        )
        nodes.attach_to_application_target_group(self._edge.targets)
        return nodes
