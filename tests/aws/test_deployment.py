"""The stacks deployed to a stand-in for AWS, in the order in which they stand on one another, and read back."""

import datetime
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto import mock_aws

from deployer import HEALTHY_PERCENT, Synthesized, apply, destroy, kept_by, read_stacks, refresh_request
from tests.aws import standin
from tests.aws.synthesis import CERTIFICATE, assembly

REGION = "us-east-1"


def client(service: str, region: str = REGION) -> Any:
    return boto3.client(service, region_name=region)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account such as a Learner Lab is at its start, on no network."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    standin.MADE.clear()
    with mock_aws():
        client("iam").create_role(RoleName="LabRole", AssumeRolePolicyDocument="{}")
        client("iam").create_instance_profile(InstanceProfileName="LabInstanceProfile")
        client("iam").add_role_to_instance_profile(
            InstanceProfileName="LabInstanceProfile", RoleName="LabRole"
        )
        yield


def imported_certificate() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "shop.example")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=90))
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    arn: str = client("acm").import_certificate(
        Certificate=builder.sign(key, hashes.SHA256()).public_bytes(encoding),
        PrivateKey=key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain),
    )["CertificateArn"]
    return arn


def stacks(deployment: str) -> list[Synthesized]:
    """Those of a Learner Lab, with the certificate and the machine image that this account has."""
    image = client("ec2").describe_images()["Images"][0]["ImageId"]
    arn = imported_certificate()
    folder = assembly(PROFILE="academy", DEPLOYMENTS=deployment, MACHINE_IMAGE=image)
    return [
        replace(one, template=json.loads(json.dumps(one.template).replace(CERTIFICATE, arn)))
        for one in read_stacks(folder)
    ]


def running() -> list[str]:
    found = client("ec2").describe_instances()["Reservations"]
    return [
        one["InstanceId"] for two in found for one in two["Instances"] if one["State"]["Name"] == "running"
    ]


def left() -> dict[str, list[str]]:
    """What of ours there is in the account."""
    return {
        "stacks": [one["StackName"] for one in client("cloudformation").describe_stacks()["Stacks"]],
        "groups": [
            one["AutoScalingGroupName"]
            for one in client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        ],
        "balancers": [
            one["LoadBalancerArn"] for one in client("elbv2").describe_load_balancers()["LoadBalancers"]
        ],
        "databases": [
            one["DBInstanceIdentifier"] for one in client("rds").describe_db_instances()["DBInstances"]
        ],
        "files": [one["FileSystemId"] for one in client("efs").describe_file_systems()["FileSystems"]],
        "buckets": [one["Name"] for one in client("s3").list_buckets()["Buckets"]],
        "secrets": [one["Name"] for one in client("secretsmanager").list_secrets()["SecretList"]],
        "alarms": [one["AlarmName"] for one in client("cloudwatch").describe_alarms()["MetricAlarms"]],
        "topics": [one["TopicArn"] for one in client("sns").list_topics()["Topics"]],
        "parameters": [one["Name"] for one in client("ssm").describe_parameters()["Parameters"]],
        "logs": [one["logGroupName"] for one in client("logs").describe_log_groups()["logGroups"]],
    }


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
