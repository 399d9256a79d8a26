"""The fleet: a group of equal instances, each with nginx and the shop, that grows with its load."""

from aws_cdk import Duration
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_sns as sns
from constructs import Construct

from access import boot_settings, grant_secrets, open_data, secrets_of
from edge import Edge
from environment import Environment
from foundation import Foundation
from groups import WARM_UP_SECONDS, instance_group
from instances import Identity, launch_template
from network import application_group
from retention import log_group

CPU_PERCENT = 60


class Fleet(Construct):
    """The group counts on a new instance when its user data has said that it serves."""

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
        self.logs = log_group(self, "Logs", days=environment.profile.log_days)
        self.identity = Identity(
            self, "Identity", environment=environment, deployment=deployment, logs=self.logs
        )
        self.security_group = application_group(self, "Group", vpc=foundation.network.vpc)
        names = secrets_of(topology)
        grant_secrets(foundation=foundation, identity=self.identity, names=names)
        open_data(self, foundation=foundation, group=self.security_group)
        settings = boot_settings(
            environment=environment,
            foundation=foundation,
            deployment=deployment,
            topology=topology,
            secret_names=names,
            logs=self.logs,
        )
        self.group = self._group(alerts, settings)
        self._scale()
        self.groups = {"Fleet": self.group}
        self.least = environment.fleet_min

    def _group(self, alerts: sns.ITopic, settings: dict[str, str]) -> autoscaling.AutoScalingGroup:
        template = launch_template(
            self,
            "Template",
            environment=self._environment,
            identity=self.identity,
            group=self.security_group,
            kind="fleet",
            settings=settings,
        )
        group = instance_group(
            self,
            "Instances",
            name="Fleet",
            template=template,
            vpc=self._foundation.network.vpc,
            subnets=self._foundation.network.instances,
            minimum=self._environment.fleet_min,
            maximum=self._environment.fleet_max,
            alerts=alerts,
            health_checks=autoscaling.HealthChecks.with_additional_checks(
                additional_types=[autoscaling.AdditionalHealthCheckType.ELB],
                grace_period=Duration.seconds(WARM_UP_SECONDS),
            ),
        )
        group.attach_to_application_target_group(self._edge.targets)
        return group

    def _scale(self) -> None:
        self.group.scale_on_request_count(
            "Requests", target_requests_per_minute=self._environment.requests_per_instance
        )
        self.group.scale_on_cpu_utilization("Cpu", target_utilization_percent=CPU_PERCENT)
