"""The folder that all instances share: photos and copies of the search index, on EFS."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_efs as efs
from constructs import Construct

from network import Network
from profiles import Profile

PORT = 2049


class Files(Construct):
    """Encrypted at rest; reached from the instances alone, by NFS."""

    def __init__(self, scope: Construct, id: str, *, profile: Profile, network: Network) -> None:
        super().__init__(scope, id)
        self.group = ec2.SecurityGroup(
            self, "Group", vpc=network.vpc, description="Shared files", allow_all_outbound=False
        )
        self.file_system = efs.FileSystem(
            self,
            "FileSystem",
            vpc=network.vpc,
            vpc_subnets=network.data,
            security_group=self.group,
            encrypted=True,
            performance_mode=efs.PerformanceMode.GENERAL_PURPOSE,
            throughput_mode=efs.ThroughputMode.BURSTING,
            lifecycle_policy=efs.LifecyclePolicy.AFTER_30_DAYS,
            # Kept for 35 days in the account's default vault of AWS Backup.
            enable_automatic_backups=profile.backs_up_files,
            removal_policy=RemovalPolicy.RETAIN if profile.is_protected else RemovalPolicy.DESTROY,
        )
