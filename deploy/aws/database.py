"""The database server: MySQL on RDS, encrypted at rest and on the wire, backed up, for the app alone."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds
from constructs import Construct

from network import Network
from profiles import Profile
from retention import log_group

VERSION = rds.MysqlEngineVersion.of("8.4.8", "8.4")
LOGS = ("error", "slowquery")
STORAGE = {"gp2": rds.StorageType.GP2, "gp3": rds.StorageType.GP3}


class Database(Construct):
    """`secret` has the master user, whom only the step that makes databases and users needs."""

    def __init__(self, scope: Construct, id: str, *, profile: Profile, network: Network, name: str) -> None:
        super().__init__(scope, id)
        self._profile, self._network = profile, network
        self.group = ec2.SecurityGroup(
            self, "Group", vpc=network.vpc, description="Database server", allow_all_outbound=False
        )
        self.instance = self._instance(name)
        self.secret = self.instance.secret
        self.replica = self._replica() if profile.database_replica else None
        self._keep_logs(name)

    def _instance(self, name: str) -> rds.DatabaseInstance:
        profile = self._profile
        return rds.DatabaseInstance(
            self,
            "Instance",
            instance_identifier=name,
            engine=rds.DatabaseInstanceEngine.mysql(version=VERSION),
            credentials=rds.Credentials.from_generated_secret("operator"),
            backup_retention=Duration.days(profile.database_backup_days),
            preferred_backup_window="02:30-03:00",
            preferred_maintenance_window="sun:03:30-sun:04:30",
            copy_tags_to_snapshot=True,
            allocated_storage=profile.database_disk_gib,
            max_allocated_storage=profile.database_disk_gib * 5,
            storage_type=STORAGE[profile.database_disk_type],
            storage_encrypted=True,
            multi_az=profile.database_multi_az,
            cloudwatch_logs_exports=list(LOGS),
            # A protected server leaves a last snapshot behind; the other one nothing.
            removal_policy=RemovalPolicy.SNAPSHOT if profile.is_protected else RemovalPolicy.DESTROY,
            **self._common(),
        )

    def _replica(self) -> rds.DatabaseInstanceReadReplica:
        """Encrypted as what it is a copy of."""
        return rds.DatabaseInstanceReadReplica(
            self,
            "Replica",
            source_database_instance=self.instance,
            removal_policy=RemovalPolicy.DESTROY,
            **self._common(),
        )

    def _common(self) -> dict[str, object]:
        return {
            "vpc": self._network.vpc,
            "vpc_subnets": self._network.data,
            "security_groups": [self.group],
            "instance_type": ec2.InstanceType(self._profile.database_type),
            "parameter_group": self._parameters(),
            "deletion_protection": self._profile.is_protected,
            "auto_minor_version_upgrade": True,
            "publicly_accessible": False,
        }

    def _parameters(self) -> rds.ParameterGroup:
        if found := self.node.try_find_child("Parameters"):
            return found
        return rds.ParameterGroup(
            self,
            "Parameters",
            engine=rds.DatabaseInstanceEngine.mysql(version=VERSION),
            parameters={
                "require_secure_transport": "ON",
                "character_set_server": "utf8mb4",
                "slow_query_log": "1",
                "long_query_time": "1",
                "log_output": "FILE",
            },
        )

    def _keep_logs(self, name: str) -> None:
        """Made before the server is, whose own would be kept for ever."""
        for kind in LOGS:
            place = f"/aws/rds/instance/{name}/{kind}"
            group = log_group(self, f"{kind.capitalize()}Log", days=self._profile.log_days, name=place)
            self.instance.node.add_dependency(group)
