"""Asks the stand-in for AWS, in the environment of the stacks: `python -m tests.instances.account QUESTION [NAME]`.

The answer is JSON. `serve HOST PORT` is the stand-in itself.
"""

import base64
import json
import os
import sys
from typing import Any

import boto3

REGION = "us-east-1"


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def zone(domain: str) -> str:
    """The id of a new hosted zone."""
    made = client("route53").create_hosted_zone(Name=domain, CallerReference=domain)
    identity: str = made["HostedZone"]["Id"]
    return identity.rpartition("/")[2]


def image() -> str:
    """A machine image that there is."""
    name: str = client("ec2").describe_images()["Images"][0]["ImageId"]
    return name


def instances() -> list[dict[str, str]]:
    """Those that run, each with what EC2 would start it with."""
    found = client("ec2").describe_instances(
        Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    )
    return [_instance(one) for two in found["Reservations"] for one in two["Instances"]]


def _instance(one: dict[str, Any]) -> dict[str, str]:
    data = client("ec2").describe_instance_attribute(InstanceId=one["InstanceId"], Attribute="userData")
    return {
        "id": one["InstanceId"],
        "image": one["ImageId"],
        "address": one["PrivateIpAddress"],
        "zone": one["Placement"]["AvailabilityZone"],
        "user_data": base64.b64decode(data["UserData"]["Value"]).decode(),
    }


def terminate(name: str) -> None:
    """As EC2 does when a machine breaks; the group then has one too few, and makes another."""
    client("ec2").terminate_instances(InstanceIds=[name])


def volumes() -> dict[str, str]:
    """The disks that the stacks keep, each with the instance that has it, if any has."""
    found = client("cloudformation").describe_stacks()["Stacks"]
    kept = [name for one in found for name in _made(one["StackName"], "AWS::EC2::Volume")]
    # Asked for none, EC2 tells of all, those of instances too.
    described = client("ec2").describe_volumes(VolumeIds=kept)["Volumes"] if kept else []
    return {
        one["VolumeId"]: "".join(holder["InstanceId"] for holder in one["Attachments"]) for one in described
    }


def _made(stack: str, kind: str) -> list[str]:
    """Ids of what a stack has of this kind."""
    found = client("cloudformation").list_stack_resources(StackName=stack)["StackResourceSummaries"]
    return [one["PhysicalResourceId"] for one in found if one["ResourceType"] == kind]


def leads_to(name: str) -> str:
    """The instance to whose public address this name leads."""
    (zone,) = client("route53").list_hosted_zones()["HostedZones"]
    records = client("route53").list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    (record,) = [one for one in records if (one["Name"], one["Type"]) == (f"{name}.", "A")]
    (value,) = record["ResourceRecords"]
    (address,) = client("ec2").describe_addresses(PublicIps=[value["Value"]])["Addresses"]
    instance: str = address["InstanceId"]
    return instance


def secrets_of_stack() -> dict[str, str]:
    """All secrets by their full names."""
    found = client("secretsmanager").list_secrets()["SecretList"]
    return {
        one["Name"]: client("secretsmanager").get_secret_value(SecretId=one["ARN"])["SecretString"]
        for one in found
    }


def balancer_subnets() -> list[str]:
    """The addresses from which a load balancer reaches instances."""
    (balancer,) = client("elbv2").describe_load_balancers()["LoadBalancers"]
    names = [zone["SubnetId"] for zone in balancer["AvailabilityZones"]]
    return [one["CidrBlock"] for one in client("ec2").describe_subnets(SubnetIds=names)["Subnets"]]


def parameters(path: str) -> dict[str, str]:
    found = client("ssm").get_parameters_by_path(Path=path, Recursive=True, WithDecryption=True)
    return {one["Name"]: one["Value"] for one in found["Parameters"]}


def serve(host: str, port: str) -> None:
    """moto, with the kinds of resources that we taught it; it asks itself when it makes these."""
    from moto.server import main

    from tests.aws import standin  # noqa: F401

    os.environ["AWS_ENDPOINT_URL"] = f"http://{host}:{port}"
    main(["-H", host, "-p", port])


QUESTIONS = {
    function.__name__: function
    for function in (
        zone,
        image,
        instances,
        terminate,
        volumes,
        leads_to,
        secrets_of_stack,
        balancer_subnets,
        parameters,
        serve,
    )
}

if __name__ == "__main__":
    answer = QUESTIONS[sys.argv[1]](*sys.argv[2:])  # type: ignore[operator]
    json.dump(answer, sys.stdout)
