"""The stacks deployed to a stand-in for AWS, in the order in which they stand on one another, and read back."""

import re
import warnings

import boto3
import pytest
from botocore.stub import Stubber

from deployer import HEALTHY_PERCENT, apply, destroy, kept_by, read_stacks, refresh_request
from tests.aws import standin
from tests.aws.account import (
    REGION,
    client,
    hosted_zone,
    left,
    names_in,
    running,
    stacks,
    stacks_with_roles,
)
from tests.aws.synthesis import assembly


@pytest.mark.usefixtures("aws")
def test_a_fleet_is_there_with_all_that_belongs_to_it_and_gone_when_it_is_taken_down() -> None:
    chosen, told = stacks("fleet"), []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        apply(chosen, client, told.append)
    skipped = re.findall(r"Tried to parse (\S+) but", " ".join(str(one.message) for one in warned))
    assert set(skipped) == standin.LEFT_OUT
    (group,) = client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert (group["MinSize"], group["MaxSize"], len(group["Instances"])) == (2, 3, 2)
    (targets,) = client("elbv2").describe_target_groups()["TargetGroups"]
    health = client("elbv2").describe_target_health(TargetGroupArn=targets["TargetGroupArn"])
    assert sorted(one["Target"]["Id"] for one in health["TargetHealthDescriptions"]) == sorted(running())
    assert targets["HealthCheckPath"] == "/readyz"
    (balancer,) = client("elbv2").describe_load_balancers()["LoadBalancers"]
    listeners = client("elbv2").describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    assert {one["Port"]: bool(one.get("Certificates")) for one in listeners} == {80: False, 443: True}
    policies = client("autoscaling").describe_policies()["ScalingPolicies"]
    assert {one["PolicyType"] for one in policies} == {"TargetTrackingScaling"}
    assert len(policies) == 2
    (server,) = client("rds").describe_db_instances()["DBInstances"]
    assert server["StorageEncrypted"] is True
    names = set(left()["alarms"])
    assert {"bookstore-fleet-monitoring-Errors", "bookstore-fleet-foundation-DatabaseCpu"} <= names
    assert [one["RoleName"] for one in client("iam").list_roles()["Roles"]] == ["LabRole"]

    client("ssm").put_parameter(Name="/bookstore/fleet/migrated/abc123", Value="migrated", Type="String")
    client("s3").put_object(Bucket=left()["buckets"][0], Key="AWSLogs/one", Body=b"log")
    apply(chosen, client, told.append)
    destroy(chosen, client, told.append)
    assert not running()
    assert {kind: names for kind, names in left().items() if names} == {}
    assert told[:3] == [f"{one.name}: creating" for one in chosen]
    assert told[-3:] == [f"{one.name}: deleting" for one in reversed(chosen)]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("deployment", "groups"),
    [
        ("monolith", {"Machine": 1}),
        ("swarm", {"Managers": 3, "Workers": 2}),
        ("services", {"Fleet": 2}),
    ],
)
def test_each_deployment_comes_up_alone_and_leaves_nothing(deployment: str, groups: dict[str, int]) -> None:
    chosen = stacks(deployment)
    apply(chosen, client, lambda line: None)

    found = client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert sorted(len(one["Instances"]) for one in found) == sorted(groups.values())
    assert len(running()) == sum(groups.values())
    assert f"bookstore-{deployment}-monitoring-{next(iter(groups))}Broken" in left()["alarms"]
    balancers = client("elbv2").describe_target_groups()["TargetGroups"]
    served = [
        one["Target"]["Id"]
        for two in balancers
        for one in client("elbv2").describe_target_health(TargetGroupArn=two["TargetGroupArn"])[
            "TargetHealthDescriptions"
        ]
    ]
    assert sorted(served) == ([] if deployment == "monolith" else sorted(running()))

    destroy(chosen, client, lambda line: None)
    assert not running()
    assert {kind: names for kind, names in left().items() if names} == {}


@pytest.mark.usefixtures("aws")
def test_names_certificates_and_roles_come_and_go_with_a_zone_and_data_stays() -> None:
    zone, told = hosted_zone(), []
    chosen = stacks_with_roles("monolith,swarm", zone)
    apply(chosen, client, told.append)

    assert names_in(zone) == {"monolith.shop.example.", "swarm.shop.example."}
    certificates = client("acm").list_certificates()["CertificateSummaryList"]
    assert [one["DomainName"] for one in certificates] == ["swarm.shop.example"]
    assert len(client("iam").list_roles()["Roles"]) == 1 + len(("monolith", "snapshots", "manager", "worker"))

    destroy(chosen, client, told.append)
    assert names_in(zone) == set()
    assert [one["RoleName"] for one in client("iam").list_roles()["Roles"]] == ["LabRole"]
    assert {kind: len(names) for kind, names in left().items() if names} == {"files": 1, "secrets": 2}
    kept = " ".join(line for line in told if ": keeps " in line)
    assert "a snapshot of DatabaseInstance" in kept
    assert "a snapshot of MonolithDisk" in kept


def test_those_first_on_which_others_stand() -> None:
    names = [one.name for one in read_stacks(assembly(DEPLOYMENTS="fleet"))]
    assert names == ["bookstore-fleet-foundation", "bookstore-fleet", "bookstore-fleet-monitoring"]


def test_what_outlives_the_stacks_is_named_beforehand() -> None:
    foundation, *_ = read_stacks(assembly(DEPLOYMENTS="fleet"))
    kept = " ".join(kept_by(foundation))
    assert "a snapshot of DatabaseInstance" in kept
    assert "AWS::EFS::FileSystem" in kept
    assert kept_by(read_stacks(assembly(DEPLOYMENTS="fleet", PROFILE="academy"))[0]) == []


@pytest.mark.parametrize("name", HEALTHY_PERCENT)
def test_a_refresh_goes_back_by_itself_and_is_what_aws_understands(name: str) -> None:
    request = refresh_request(
        name=name, group="group", template="lt-1", version="2", alarms=["bookstore-fleet-monitoring-Errors"]
    )
    assert request["Preferences"]["AutoRollback"] is True
    assert request["Preferences"]["AlarmSpecification"] == {"Alarms": ["bookstore-fleet-monitoring-Errors"]}
    scaling = boto3.client("autoscaling", REGION, aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(scaling) as stubber:
        stubber.add_response("start_instance_refresh", {"InstanceRefreshId": "1"}, request)
        assert scaling.start_instance_refresh(**request)["InstanceRefreshId"] == "1"


def test_of_three_managers_a_refresh_leaves_two() -> None:
    least, most = HEALTHY_PERCENT["Managers"]
    assert (3 * least / 100, most) == (pytest.approx(2, abs=0.05), 100)
