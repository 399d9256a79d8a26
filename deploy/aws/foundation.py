"""What deployments stand on: the network, and for those that share their data, where it is kept.

A foundation is a stack of its own, so that a deployment can go and its data stay, and so that several
deployments can stand on one.
"""

from dataclasses import replace

from aws_cdk import Stack
from constructs import Construct

from credentials import BACKUP, SHOP, Credentials, databases_of
from database import Database
from environment import Environment
from files import Files
from monitoring import Alerts, Watches, of_database, of_files
from network import Network
from retention import log_bucket

TOPOLOGIES = ("monolith", "services")


class Foundation(Stack):
    """With topologies, there are a database server, shared files and secrets; without, the network alone."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        environment: Environment,
        topologies: tuple[str, ...],
        **stack: object,
    ) -> None:
        super().__init__(scope, id, **stack)
        profile = environment.profile
        self.logs = log_bucket(self, "Logs", days=profile.access_log_days)
        # One machine alone is reached from outside: nothing lies behind a gateway, and none is paid for.
        reach = profile if topologies else replace(profile, private_instances=False, nat_gateways=0)
        self.network = Network(self, "Network", profile=reach, zones=environment.zones, logs=self.logs)
        self.alerts = Alerts(self, "Alerts", environment=environment).topic
        if not topologies:
            return
        self.database = Database(self, "Database", profile=profile, network=self.network, name=id)
        self.files = Files(self, "Files", profile=profile, network=self.network)
        databases = [f"{name}_password" for topology in topologies for name in databases_of(topology)]
        self.credentials = Credentials(
            self, "Credentials", names=(*SHOP, BACKUP, *databases), is_protected=profile.is_protected
        )
        watches = [*of_database(self.database, profile=profile), *of_files(self.files)]
        Watches(self, "Watches", watches=watches, alerts=self.alerts)
