"""The shop on one machine, by the compose file, with an address and a disk that outlive the machine."""

from aws_cdk import CfnOutput, CfnTag, Duration, RemovalPolicy, Stack
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_dlm as dlm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_sns as sns
from constructs import Construct

from credentials import BACKUP, SHOP, Credentials
from edge import zone
from environment import Environment
from foundation import Foundation
from groups import instance_group
from instances import Identity, launch_template
from network import application_group
from retention import log_group

SECRETS = (*SHOP, BACKUP, "database_password", "database_root_password")
DISK_GIB = 30
SNAPSHOTS_KEPT = 7
DISK_TAG = "bookstore:disk"


class Monolith(Construct):
    """A group of one: a machine that fails is replaced by one that takes its address and its disk."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        environment: Environment,
        foundation: Foundation,
        alerts: sns.ITopic,
    ) -> None:
        super().__init__(scope, id)
        self._environment, self._foundation = environment, foundation
        profile = environment.profile
        self.logs = log_group(self, "Logs", days=profile.log_days)
        self.identity = Identity(
            self, "Identity", environment=environment, deployment="monolith", logs=self.logs
        )
        self.credentials = Credentials(self, "Credentials", names=SECRETS, is_protected=profile.is_protected)
        self.credentials.grant_read(self.identity.role)
        self.disk = self._disk()
        self.address = ec2.CfnEIP(self, "Address", domain="vpc")
        self._allow_taking_over()
        self.group = self._group(alerts)
        self._name()

    def _disk(self) -> ec2.CfnVolume:
        disk = ec2.CfnVolume(
            self,
            "Disk",
            availability_zone=self._environment.zones[0],
            encrypted=True,
            size=DISK_GIB,
            volume_type="gp3",
            tags=[CfnTag(key=DISK_TAG, value=Stack.of(self).stack_name)],
        )
        profile = self._environment.profile
        disk.apply_removal_policy(RemovalPolicy.SNAPSHOT if profile.is_protected else RemovalPolicy.DESTROY)
        if profile.backs_up_files:
            self._take_snapshots()
        return disk

    def _take_snapshots(self) -> None:
        """One each night; those of an encrypted disk are encrypted."""
        role = iam.Role(self, "SnapshotRole", assumed_by=iam.ServicePrincipal("dlm.amazonaws.com"))
        role.add_managed_policy(
            iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AWSDataLifecycleManagerServiceRole")
        )
        schedule = dlm.CfnLifecyclePolicy.ScheduleProperty(
            name="nightly",
            create_rule=dlm.CfnLifecyclePolicy.CreateRuleProperty(
                interval=24, interval_unit="HOURS", times=["04:30"]
            ),
            retain_rule=dlm.CfnLifecyclePolicy.RetainRuleProperty(count=SNAPSHOTS_KEPT),
            copy_tags=True,
        )
        dlm.CfnLifecyclePolicy(
            self,
            "Snapshots",
            description="Disk of the shop each night",
            state="ENABLED",
            execution_role_arn=role.role_arn,
            policy_details=dlm.CfnLifecyclePolicy.PolicyDetailsProperty(
                resource_types=["VOLUME"],
                target_tags=[CfnTag(key=DISK_TAG, value=Stack.of(self).stack_name)],
                schedules=[schedule],
            ),
        )

    def _allow_taking_over(self) -> None:
        instances = self._arn("instance", "*")
        self.identity.allow("ec2", "DescribeVolumes")
        self.identity.allow("ec2", "AttachVolume", on=[self._arn("volume", self.disk.ref), instances])
        address = self._arn("elastic-ip", self.address.attr_allocation_id)
        self.identity.allow("ec2", "AssociateAddress", on=[address, instances])

    def _arn(self, kind: str, name: str) -> str:
        return Stack.of(self).format_arn(service="ec2", resource=kind, resource_name=name)

    def _group(self, alerts: sns.ITopic) -> autoscaling.AutoScalingGroup:
        vpc = self._foundation.network.vpc
        group = application_group(self, "Group", vpc=vpc)
        # Nobody stands in front of it: it ends TLS itself.
        group.add_ingress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(80), "HTTP, which leads to HTTPS")
        group.add_ingress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "HTTPS")
        template = launch_template(
            self,
            "Template",
            environment=self._environment,
            identity=self.identity,
            group=group,
            kind="monolith",
            settings=self._settings(),
            is_public=True,
        )
        return instance_group(
            self,
            "Machine",
            name="Monolith",
            template=template,
            vpc=vpc,
            # The zone of its disk.
            subnets=ec2.SubnetSelection(
                subnet_group_name="public", availability_zones=[self._environment.zones[0]]
            ),
            minimum=1,
            maximum=1,
            alerts=alerts,
        )

    def _settings(self) -> dict[str, str]:
        environment = self._environment
        secrets = {name: secret.secret_arn for name, secret in self.credentials.secrets.items()}
        return {
            "DEPLOYMENT": "monolith",
            "TOPOLOGY": "monolith",
            "REGION": environment.region,
            "SHOP_DOMAIN": environment.name_of("monolith"),
            "IMAGE": environment.image,
            "TAG": environment.tag,
            "REGISTRY_ACCOUNT": environment.registry_account,
            "REGISTRY_REGION": environment.registry_region,
            "ACME_EMAIL": environment.acme_email,
            "VOLUME": self.disk.ref,
            "ADDRESS_ID": self.address.attr_allocation_id,
            "LOG_GROUP": self.logs.log_group_name,
            "SECRET_NAMES": " ".join(secrets),
            **{f"SECRET_{name}": arn for name, arn in secrets.items()},
        }

    def _name(self) -> None:
        name = self._environment.name_of("monolith")
        CfnOutput(Stack.of(self), "PublicAddress", value=self.address.ref)
        if self._environment.hosted_zone:
            route53.ARecord(
                self,
                "Name",
                zone=zone(self, self._environment),
                record_name=f"{name}.",
                target=route53.RecordTarget.from_ip_addresses(self.address.ref),
                ttl=Duration.minutes(1),
            )
        else:
            CfnOutput(Stack.of(self), "ForYourDns", value=f"{name} leads to {self.address.ref} (A)")
