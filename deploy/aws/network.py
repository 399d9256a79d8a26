"""The network: subnets for balancers, instances and data, each with no more of a way out than it needs."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_s3 as s3
from constructs import Construct

from profiles import Profile

ADDRESSES = "10.20.0.0/16"


class Network(Construct):
    """Without a NAT gateway, instances lie in public subnets behind closed security groups."""

    def __init__(
        self, scope: Construct, id: str, *, profile: Profile, zones: tuple[str, ...], logs: s3.IBucket
    ) -> None:
        super().__init__(scope, id)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(ADDRESSES),
            availability_zones=list(zones),
            nat_gateways=profile.nat_gateways,
            subnet_configuration=_subnets(profile),
            # Closing it would take a Lambda function with a role; nothing of ours is in it.
            restrict_default_security_group=False,
        )
        self.vpc.apply_removal_policy(RemovalPolicy.DESTROY)
        self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        self.vpc.add_flow_log(
            "Flow",
            destination=ec2.FlowLogDestination.to_s3(logs),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )
        self.balancers = ec2.SubnetSelection(subnet_group_name="public")
        self.instances = ec2.SubnetSelection(
            subnet_group_name="app" if profile.private_instances else "public"
        )
        self.data = ec2.SubnetSelection(subnet_group_name="data")

    @property
    def balancer_addresses(self) -> list[str]:
        """Where a load balancer connects from: nginx believes nobody else."""
        return [
            subnet.ipv4_cidr_block for subnet in self.vpc.select_subnets(subnet_group_name="public").subnets
        ]


def _subnets(profile: Profile) -> list[ec2.SubnetConfiguration]:
    kinds = {"public": ec2.SubnetType.PUBLIC, "data": ec2.SubnetType.PRIVATE_ISOLATED}
    if profile.private_instances:
        kinds["app"] = ec2.SubnetType.PRIVATE_WITH_EGRESS
    return [
        ec2.SubnetConfiguration(name=name, subnet_type=kind, cidr_mask=22) for name, kind in kinds.items()
    ]


def application_group(scope: Construct, id: str, *, vpc: ec2.IVpc) -> ec2.SecurityGroup:
    """The security group of the instances of one deployment: closed, with the way out that they need."""
    group = ec2.SecurityGroup(
        scope, id, vpc=vpc, description="Instances of the shop", allow_all_outbound=False
    )
    # Debian's packages, the registry, the services of AWS by HTTPS; mails.
    for port, meaning in ((80, "packages"), (443, "registry and AWS"), (587, "mails")):
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(port), meaning)
    return group


def allow(
    scope: Construct,
    id: str,
    *,
    source: ec2.ISecurityGroup,
    target: ec2.ISecurityGroup,
    port: int,
    protocol: str = "tcp",
    meaning: str,
) -> None:
    """Open one port from group to group, both ways of seeing it.

    The rules belong to the stack that wants them, not to the group's, else two stacks need one another.
    """
    ec2.CfnSecurityGroupIngress(
        scope,
        f"{id}In",
        group_id=target.security_group_id,
        source_security_group_id=source.security_group_id,
        ip_protocol=protocol,
        from_port=port,
        to_port=port,
        description=meaning,
    )
    ec2.CfnSecurityGroupEgress(
        scope,
        f"{id}Out",
        group_id=source.security_group_id,
        destination_security_group_id=target.security_group_id,
        ip_protocol=protocol,
        from_port=port,
        to_port=port,
        description=meaning,
    )
