"""How a group brings instances up and replaces them."""

from aws_cdk import CfnOutput, CfnParameter, Stack
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2

# What an instance may take until it serves: packages, images, and the migration if it is the first one.
START_SECONDS = 900
# The user data knows it by this name.
HOOK = "ready"


def wait_until_ready(group: autoscaling.AutoScalingGroup) -> None:
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


def pin_version(group: autoscaling.AutoScalingGroup, template: ec2.LaunchTemplate, *, name: str) -> None:
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
