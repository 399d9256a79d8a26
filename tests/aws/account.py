"""An account such as a Learner Lab is at its start, played by moto on no network, and what is in it."""

import datetime
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import boto3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto import mock_aws

from deployer import Synthesized, read_stacks
from tests.aws import standin
from tests.aws.synthesis import CERTIFICATE, assembly

REGION = "us-east-1"


def client(service: str, region: str = REGION) -> Any:
    return boto3.client(service, region_name=region)


@contextmanager
def learner_lab() -> Iterator[None]:
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


def stacks(deployments: str) -> list[Synthesized]:
    """Those of a Learner Lab, with the certificate and the machine image that this account has."""
    arn = imported_certificate()
    return [
        replace(one, template=json.loads(json.dumps(one.template).replace(CERTIFICATE, arn)))
        for one in read_stacks(assembly(PROFILE="academy", DEPLOYMENTS=deployments, MACHINE_IMAGE=image()))
    ]


def stacks_with_roles(deployments: str, zone: str) -> list[Synthesized]:
    """Those of an account of one's own, which has a zone for the names."""
    return read_stacks(assembly(DEPLOYMENTS=deployments, MACHINE_IMAGE=image(), HOSTED_ZONE=zone))


def image() -> str:
    """A machine image that this account has."""
    name: str = client("ec2").describe_images()["Images"][0]["ImageId"]
    return name


def hosted_zone() -> str:
    """The id of a new zone for the shop's names."""
    made = client("route53").create_hosted_zone(Name="shop.example", CallerReference="1")
    identity: str = made["HostedZone"]["Id"]
    return identity.rpartition("/")[2]


def names_in(zone: str) -> set[str]:
    """The addresses in a zone."""
    found = client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return {one["Name"] for one in found if one["Type"] == "A"}


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
