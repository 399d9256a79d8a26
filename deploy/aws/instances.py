"""What all instances of a deployment have in common: who they are to AWS, and how one is made."""

from collections.abc import Mapping, Sequence

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from environment import Environment
from userdata import user_data

# Debian's images have their file system on this device.
DISK = "/dev/xvda"


class Identity(Construct):
    """The role of the instances: what they may ask AWS for. A Learner Lab has one role for all."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        environment: Environment,
        deployment: str,
        logs: logs.ILogGroup,
        parameters: tuple[str, ...] = ("*",),
        writes: bool = True,
    ) -> None:
        super().__init__(scope, id)
        profile = environment.profile
        if profile.makes_roles:
            self.role: iam.IRole = iam.Role(
                self, "Role", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com")
            )
            self.profile: iam.IInstanceProfile = iam.InstanceProfile(self, "Profile", role=self.role)
            self._permit(environment, logs)
            self._share_parameters([f"bookstore/{deployment}/{name}" for name in parameters], writes)
        else:
            self.role = iam.Role.from_role_name(self, "Role", profile.existing_role, mutable=False)
            self.profile = iam.InstanceProfile.from_instance_profile_attributes(
                self, "Profile", role=self.role, instance_profile_arn=self._existing(environment)
            )

    def _existing(self, environment: Environment) -> str:
        return Stack.of(self).format_arn(
            service="iam",
            region="",
            resource="instance-profile",
            resource_name=environment.profile.existing_instance_profile,
        )

    def _share_parameters(self, names: list[str], writes: bool) -> None:
        """What instances of a deployment tell one another, in the Parameter Store."""
        places = [
            Stack.of(self).format_arn(service="ssm", resource="parameter", resource_name=name)
            for name in names
        ]
        self.allow("ssm", "GetParameter", "GetParametersByPath", on=places)
        if writes:
            self.allow("ssm", "PutParameter", "DeleteParameter", on=places)

    def _permit(self, environment: Environment, log_group: logs.ILogGroup) -> None:
        stack = Stack.of(self)
        # The Session Manager, in place of SSH. It knows no narrower resource than all.
        self.allow("ssm", "UpdateInstanceInformation")
        self.allow(
            "ssmmessages",
            "CreateControlChannel",
            "CreateDataChannel",
            "OpenControlChannel",
            "OpenDataChannel",
        )
        self.allow("logs", "CreateLogStream", "PutLogEvents", on=f"{log_group.log_group_arn}:*")
        self.allow("ec2", "DescribeInstances")
        self.allow("autoscaling", "DescribeAutoScalingInstances")
        groups = stack.format_arn(
            service="autoscaling",
            resource="autoScalingGroup",
            resource_name=f"*:autoScalingGroupName/{stack.stack_name}-*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        self.allow("autoscaling", "CompleteLifecycleAction", on=groups)
        if environment.registry_account:
            self._pull(environment)

    def _pull(self, environment: Environment) -> None:
        self.allow("ecr", "GetAuthorizationToken")
        name = environment.image.partition("/")[2]
        images = Stack.of(self).format_arn(
            service="ecr",
            region=environment.registry_region,
            account=environment.registry_account,
            resource="repository",
            resource_name=f"{name}*",
        )
        self.allow("ecr", "BatchGetImage", "GetDownloadUrlForLayer", "BatchCheckLayerAvailability", on=images)

    def allow(self, service: str, *actions: str, on: str | Sequence[str] = "*") -> None:
        """In a Learner Lab this changes nothing: its one role is as it is."""
        self.role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=[f"{service}:{action}" for action in actions],
                resources=[on] if isinstance(on, str) else list(on),
            )
        )


def launch_template(
    scope: Construct,
    id: str,
    *,
    environment: Environment,
    identity: Identity,
    group: ec2.ISecurityGroup,
    kind: str,
    settings: Mapping[str, str],
    is_public: bool = False,
) -> ec2.LaunchTemplate:
    """No key of SSH, metadata by its second version alone and not for containers, an encrypted disk."""
    profile = environment.profile
    disk = ec2.BlockDeviceVolume.ebs(
        profile.instance_disk_gib, encrypted=True, volume_type=ec2.EbsDeviceVolumeType.GP3
    )
    return ec2.LaunchTemplate(
        scope,
        id,
        machine_image=ec2.MachineImage.generic_linux({environment.region: environment.machine_image}),
        instance_type=ec2.InstanceType(profile.instance_type),
        instance_profile=identity.profile,
        security_group=group,
        associate_public_ip_address=is_public or not profile.private_instances or None,
        http_tokens=ec2.LaunchTemplateHttpTokens.REQUIRED,
        http_put_response_hop_limit=1,
        detailed_monitoring=profile.makes_roles,
        block_devices=[ec2.BlockDevice(device_name=DISK, volume=disk)],
        user_data=user_data(
            kind=kind, settings={**settings, "SESSION_AGENT": _session_agent(environment.region)}
        ),
    )


def _session_agent(region: str) -> str:
    return f"https://s3.{region}.amazonaws.com/amazon-ssm-{region}/latest/debian_amd64/amazon-ssm-agent.deb"
