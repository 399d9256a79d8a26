"""How stacks do: what CloudFormation, the groups, the load balancers, the databases and the alarms say."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deployer import Client, Synthesized, described, outputs_of, resources_of

SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
# Outputs that tell an operator where to go, or what to do.
TOLD = ("BalancerName", "DistributionName", "PublicAddress", "ForYourDns")


@dataclass(frozen=True, kw_only=True)
class Fact:
    text: str
    is_well: bool = True


@dataclass(frozen=True, kw_only=True)
class Standing:
    stack: str
    state: Fact
    facts: tuple[Fact, ...] = ()

    @property
    def is_well(self) -> bool:
        return self.state.is_well and all(fact.is_well for fact in self.facts)


def standing(stacks: list[Synthesized], client: Client) -> list[Standing]:
    return [_standing(stack, client) for stack in stacks]


def _standing(stack: Synthesized, client: Client) -> Standing:
    cloudformation = client("cloudformation", stack.region)
    found = described(cloudformation, stack.name)
    if found is None:
        return Standing(stack=stack.name, state=Fact(text="is not there", is_well=False))
    state = found["StackStatus"]
    facts = [Fact(text=value) for name, value in outputs_of(found).items() if name in TOLD]
    resources = resources_of(cloudformation, stack.name)
    for kind, look in LOOKS.items():
        if names := resources.get(kind, []):
            facts += look(names, stack.region, client)
    return Standing(stack=stack.name, state=Fact(text=state, is_well=state in SETTLED), facts=tuple(facts))


def _instances(names: list[str], region: str, client: Client) -> Iterator[Fact]:
    groups = client("autoscaling", region).describe_auto_scaling_groups(AutoScalingGroupNames=names)
    for group in groups["AutoScalingGroups"]:
        here, wanted = group["Instances"], group["DesiredCapacity"]
        bounds = f"{group['MinSize']} to {group['MaxSize']}"
        yield Fact(text=f"{len(here)} of {wanted} instances ({bounds})", is_well=len(here) >= wanted)
        yield from map(_instance, here)


def _instance(one: dict[str, Any]) -> Fact:
    state, health = one["LifecycleState"], one["HealthStatus"].lower()
    version = one.get("LaunchTemplate", {}).get("Version", "?")
    words = f"{one['InstanceId']} in {one['AvailabilityZone']}: {state}, {health}, version {version}"
    return Fact(text=words, is_well=(state, health) == ("InService", "healthy"))


def _targets(names: list[str], region: str, client: Client) -> Iterator[Fact]:
    balancing = client("elbv2", region)
    for name in names:
        found = balancing.describe_target_health(TargetGroupArn=name)["TargetHealthDescriptions"]
        ready = [one for one in found if one["TargetHealth"]["State"] == "healthy"]
        yield Fact(text=f"{len(ready)} of {len(found)} targets are ready", is_well=bool(ready))


def _databases(names: list[str], region: str, client: Client) -> Iterator[Fact]:
    for name in names:
        (one,) = client("rds", region).describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        state, version = one["DBInstanceStatus"], one["EngineVersion"]
        yield Fact(text=f"database {name}: {state}, MySQL {version}", is_well=state == "available")


def _alarms(names: list[str], region: str, client: Client) -> Iterator[Fact]:
    found = client("cloudwatch", region).describe_alarms(AlarmNames=names)["MetricAlarms"]
    ringing = [one for one in found if one["StateValue"] == "ALARM"]
    yield Fact(text=f"{len(ringing)} of {len(found)} alarms ring", is_well=not ringing)
    for one in ringing:
        yield Fact(text=f"{one['AlarmName']}: {one.get('AlarmDescription', '')}", is_well=False)


LOOKS = {
    "AWS::AutoScaling::AutoScalingGroup": _instances,
    "AWS::ElasticLoadBalancingV2::TargetGroup": _targets,
    "AWS::RDS::DBInstance": _databases,
    "AWS::CloudWatch::Alarm": _alarms,
}
