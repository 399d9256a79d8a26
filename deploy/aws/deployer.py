"""Brings synthesized stacks up in the order in which they stand on one another, and takes them down again.

It uses CloudFormation alone: the account needs no preparation, and the rights are the operator's own.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, WaiterError

CAPABILITIES = ["CAPABILITY_IAM"]
# How many instances of a group may be away, or too many, while it is renewed. A fleet gets the new one first;
# of a Swarm's nodes one at a time goes, so that managers keep their majority; the one machine goes first,
# because it holds the disk.
HEALTHY_PERCENT = {"Fleet": (100, 150), "Managers": (66, 100), "Workers": (50, 100), "Monolith": (0, 100)}
# How long between two looks at what is being replaced, and when it has come to an end.
LOOK_SECONDS = 15
ENDED = ("Successful", "Failed", "Cancelled", "RollbackSuccessful", "RollbackFailed")
Client = Callable[[str, str], Any]
Tell = Callable[[str], None]


class TakenBack(RuntimeError):
    """AWS could not bring something up, or found it unwell, and went back to what was there before."""


@dataclass(frozen=True, kw_only=True)
class Synthesized:
    """A stack as the app has written it."""

    name: str
    region: str
    template: Mapping[str, Any]
    is_protected: bool

    @property
    def body(self) -> str:
        return json.dumps(self.template, separators=(",", ":"))

    @property
    def groups(self) -> list[str]:
        """The names of the groups whose version of the launch template is a parameter."""
        return [name.removesuffix("Version") for name in self.template.get("Parameters", {})]


def read_stacks(folder: Path) -> list[Synthesized]:
    """Those first on which others stand."""
    artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
    stacks = {name: one for name, one in artifacts.items() if one["type"] == "aws:cloudformation:stack"}
    return [_read(folder, name, stacks[name]) for name in _in_order(stacks)]


def apply(stacks: list[Synthesized], client: Client, tell: Tell) -> None:
    """Returns when the instances run what is wanted. Raises TakenBack."""
    for stack in stacks:
        cloudformation = client("cloudformation", stack.region)
        found = described(cloudformation, stack.name)
        if found is not None and found["StackStatus"] == "ROLLBACK_COMPLETE":
            raise TakenBack(f"{stack.name} never came up; destroy it before another try")
        tell(f"{stack.name}: {'updating' if found else 'creating'}")
        parameters = _parameters(stack, outputs_of(found), client)
        _put(stack, cloudformation, parameters, is_there=found is not None)
        for group in stack.groups:
            _refresh(stack, group, client, tell)


def destroy(stacks: list[Synthesized], client: Client, tell: Tell) -> None:
    """Those last on which others stand. What CloudFormation keeps, by the template's word, is named.

    Raises TakenBack.
    """
    for stack in reversed(stacks):
        cloudformation = client("cloudformation", stack.region)
        if described(cloudformation, stack.name) is None:
            continue
        for kept in kept_by(stack):
            tell(f"{stack.name}: keeps {kept}")
        tell(f"{stack.name}: deleting")
        _unprotect(stack, client)
        cloudformation.delete_stack(StackName=stack.name)
        _await(cloudformation, "stack_delete_complete", stack.name)
        _forget_parameters(stack, client)


def kept_by(stack: Synthesized) -> list[str]:
    """What outlives the stack: the thing itself, or a last snapshot of it."""
    return [
        f"{'a snapshot of ' if one['DeletionPolicy'] == 'Snapshot' else ''}{name} ({one['Type']})"
        for name, one in stack.template["Resources"].items()
        if one.get("DeletionPolicy", "Delete") in ("Retain", "Snapshot")
    ]


def refresh_request(
    *, name: str, group: str, template: str, version: str, alarms: list[str]
) -> dict[str, Any]:
    """Replaces instances by those of another version; goes back when one fails or an alarm goes off."""
    least, most = HEALTHY_PERCENT[name]
    preferences: dict[str, Any] = {
        "MinHealthyPercentage": least,
        "MaxHealthyPercentage": most,
        "SkipMatching": True,
        "AutoRollback": True,
    }
    if alarms:
        preferences["AlarmSpecification"] = {"Alarms": alarms}
    return {
        "AutoScalingGroupName": group,
        "Strategy": "Rolling",
        "DesiredConfiguration": {"LaunchTemplate": {"LaunchTemplateId": template, "Version": version}},
        "Preferences": preferences,
    }


def _read(folder: Path, name: str, artifact: Mapping[str, Any]) -> Synthesized:
    properties = artifact["properties"]
    return Synthesized(
        name=name,
        region=artifact["environment"].rpartition("/")[2],
        template=json.loads((folder / properties["templateFile"]).read_text()),
        is_protected=properties.get("terminationProtection", False),
    )


def _in_order(stacks: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    done: set[str] = set()

    def visit(name: str) -> Iterator[str]:
        if name in done or name not in stacks:
            return
        done.add(name)
        for before in stacks[name].get("dependencies", []):
            yield from visit(before)
        yield name

    for name in stacks:
        yield from visit(name)


def described(cloudformation: Any, name: str) -> dict[str, Any] | None:
    """What CloudFormation says of a stack; None when there is none of this name."""
    try:
        (found,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return found


def outputs_of(found: Mapping[str, Any] | None) -> dict[str, str]:
    """What a stack that was described tells; nothing when there is none."""
    return {one["OutputKey"]: one["OutputValue"] for one in (found or {}).get("Outputs", [])}


def resources_of(cloudformation: Any, name: str) -> dict[str, list[str]]:
    """The names by which AWS knows the resources of a stack, by kind."""
    found: dict[str, list[str]] = {}
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=name):
        for one in page["StackResourceSummaries"]:
            # What could not be made has none.
            if known := one.get("PhysicalResourceId"):
                found.setdefault(one["ResourceType"], []).append(known)
    return found


def template_of(cloudformation: Any, name: str) -> Mapping[str, Any] | None:
    """The template by which a stack was made; None when there is no such stack."""
    if described(cloudformation, name) is None:
        return None
    body = cloudformation.get_template(StackName=name)["TemplateBody"]
    return json.loads(body) if isinstance(body, str) else body


def _parameters(stack: Synthesized, outputs: Mapping[str, str], client: Client) -> list[dict[str, str]]:
    """The groups keep the version that they have; a new one begins with the first."""
    versions = {name: _version_of(outputs.get(f"{name}Group"), stack, client) for name in stack.groups}
    return [
        {"ParameterKey": f"{name}Version", "ParameterValue": version} for name, version in versions.items()
    ]


def _version_of(group: str | None, stack: Synthesized, client: Client) -> str:
    if group is None:
        return "1"
    (found,) = client("autoscaling", stack.region).describe_auto_scaling_groups(
        AutoScalingGroupNames=[group]
    )["AutoScalingGroups"]
    return str(found["LaunchTemplate"]["Version"])


def _put(
    stack: Synthesized, cloudformation: Any, parameters: list[dict[str, str]], *, is_there: bool
) -> None:
    request = {
        "StackName": stack.name,
        "TemplateBody": stack.body,
        "Parameters": parameters,
        "Capabilities": CAPABILITIES,
    }
    if not is_there:
        cloudformation.create_stack(**request, EnableTerminationProtection=stack.is_protected)
        _await(cloudformation, "stack_create_complete", stack.name)
        return
    try:
        cloudformation.update_stack(**request)
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return
        raise
    _await(cloudformation, "stack_update_complete", stack.name)


def _await(cloudformation: Any, state: str, name: str) -> None:
    try:
        cloudformation.get_waiter(state).wait(StackName=name)
    except WaiterError as error:
        raise TakenBack(f"{name}: {_first_failure(cloudformation, name)}") from error


def _first_failure(cloudformation: Any, name: str) -> str:
    """The reason that began it; all that come later follow from it."""
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [one for one in events if one["ResourceStatus"].endswith("_FAILED")]
    if not failed:
        return "CloudFormation did not come to an end in time"
    first = min(failed, key=lambda one: one["Timestamp"])
    return f"{first['LogicalResourceId']}: {first.get('ResourceStatusReason', first['ResourceStatus'])}"


def _refresh(stack: Synthesized, name: str, client: Client, tell: Tell) -> None:
    outputs = outputs_of(described(client("cloudformation", stack.region), stack.name))
    group, newest = outputs[f"{name}Group"], outputs[f"{name}Newest"]
    if _version_of(group, stack, client) == newest:
        return
    tell(f"{stack.name}: replacing the instances of {name}")
    request = refresh_request(
        name=name,
        group=group,
        template=outputs[f"{name}Template"],
        version=newest,
        alarms=[alarm for alarm in outputs.get("RefreshAlarms", "").split(",") if alarm],
    )
    scaling = client("autoscaling", stack.region)
    refresh = scaling.start_instance_refresh(**request)["InstanceRefreshId"]
    _await_refresh(scaling, group, refresh, lambda done: tell(f"{stack.name}: {name} {done}% replaced"))


def _await_refresh(scaling: Any, group: str, refresh: str, progress: Callable[[int], None]) -> None:
    shown = -1
    while True:
        (found,) = scaling.describe_instance_refreshes(
            AutoScalingGroupName=group, InstanceRefreshIds=[refresh]
        )["InstanceRefreshes"]
        if found.get("PercentageComplete", 0) != shown:
            shown = found.get("PercentageComplete", 0)
            progress(shown)
        if found["Status"] in ENDED:
            break
        time.sleep(LOOK_SECONDS)
    if found["Status"] != "Successful":
        raise TakenBack(f"{group}: {found['Status']}: {found.get('StatusReason', 'AWS gives no reason')}")


def _unprotect(stack: Synthesized, client: Client) -> None:
    """Take off what keeps a stack from going, and empty the buckets of its logs."""
    cloudformation = client("cloudformation", stack.region)
    if stack.is_protected:
        cloudformation.update_termination_protection(StackName=stack.name, EnableTerminationProtection=False)
    unprotect = {
        "AWS::RDS::DBInstance": _unprotect_database,
        "AWS::ElasticLoadBalancingV2::LoadBalancer": _unprotect_balancer,
        "AWS::S3::Bucket": _empty_bucket,
    }
    found = resources_of(cloudformation, stack.name)
    for kind, action in unprotect.items():
        for name in found.get(kind, []):
            action(name, stack.region, client)


def _unprotect_database(name: str, region: str, client: Client) -> None:
    client("rds", region).modify_db_instance(
        DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True
    )


def _unprotect_balancer(arn: str, region: str, client: Client) -> None:
    off = [{"Key": "deletion_protection.enabled", "Value": "false"}]
    client("elbv2", region).modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=off)


def _empty_bucket(name: str, region: str, client: Client) -> None:
    storage = client("s3", region)
    for page in storage.get_paginator("list_objects_v2").paginate(Bucket=name):
        if found := [{"Key": one["Key"]} for one in page.get("Contents", [])]:
            storage.delete_objects(Bucket=name, Delete={"Objects": found})


def _forget_parameters(stack: Synthesized, client: Client) -> None:
    """What the instances told one another; CloudFormation knows nothing of it."""
    store = client("ssm", stack.region)
    path = f"/bookstore/{stack.name.removeprefix('bookstore-')}"
    for page in store.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True):
        for one in page["Parameters"]:
            store.delete_parameter(Name=one["Name"])
