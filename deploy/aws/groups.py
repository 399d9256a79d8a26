"""Groups of instances: how one is made, and how it brings instances up and replaces them."""

from aws_cdk import CfnOutput, CfnParameter, Duration, Stack
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_sns as sns
from constructs import Construct

# What an instance may take until it serves: packages, images, and the migration if it is the first one.
START_SECONDS = 900
# The time in which the measures of a new instance do not count.
WARM_UP_SECONDS = 120
# The user data knows it by this name.
HOOK = "ready"


def instance_group(
    scope: Construct,
    id: str,
    *,
    name: str,
    template: ec2.LaunchTemplate,
    vpc: ec2.IVpc,
    subnets: ec2.SubnetSelection,
    minimum: int,
    maximum: int,
    alerts: sns.ITopic,
    health_checks: autoscaling.HealthChecks | None = None,
) -> autoscaling.AutoScalingGroup:
    """`name` is what the deployer finds it by, in the outputs of its stack."""
    group = autoscaling.AutoScalingGroup(
        scope,
        id,
        vpc=vpc,
        vpc_subnets=subnets,
        launch_template=template,
        min_capacity=minimum,
        max_capacity=maximum,
        default_instance_warmup=Duration.seconds(WARM_UP_SECONDS),
        health_checks=health_checks or autoscaling.HealthChecks.ec2(),
        group_metrics=[autoscaling.GroupMetrics.all()],
        notifications=[autoscaling.NotificationConfiguration(topic=alerts)],
    )
    _wait_until_ready(group)
    _pin_version(group, template, name)
    return group


def _wait_until_ready(group: autoscaling.AutoScalingGroup) -> None:
    """A new instance counts when its user data has said so; one that fails, or says nothing, goes again.

    It is a property of the group, not a resource of its own: those would come after the first instances.
    """
    group.node.default_child.lifecycle_hook_specification_list = [
        autoscaling.CfnAutoScalingGroup.LifecycleHookSpecificationProperty(
            lifecycle_hook_name=HOOK,
            lifecycle_transition="autoscaling:EC2_INSTANCE_LAUNCHING",
            heartbeat_timeout=START_SECONDS,
            default_result="ABANDON",
        )
    ]


def _pin_version(group: autoscaling.AutoScalingGroup, template: ec2.LaunchTemplate, name: str) -> None:
    """The group keeps the version of the template that it has; an instance refresh brings it to the newest.

    Were it the newest here, CloudFormation would move the group at once, and a refresh that fails had
    nothing to go back to. The deployer says which version the group has (`deployer.py`).
    """
    stack = Stack.of(group)
    version = CfnParameter(
        stack,
        f"{name}Version",
        default="1",
        allowed_pattern="[0-9]+",
        description="Version of the launch template that the instances have",
    )
    group.node.default_child.add_property_override("LaunchTemplate.Version", version.value_as_string)
    CfnOutput(stack, f"{name}Group", value=group.auto_scaling_group_name)
    CfnOutput(stack, f"{name}Template", value=template.launch_template_id)
    CfnOutput(stack, f"{name}Newest", value=template.latest_version_number)
