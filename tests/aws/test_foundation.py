"""The network and the data: who reaches them, how they are encrypted, and what is kept when they go."""

import pytest
from aws_cdk.assertions import Match
from aws_cdk.assertions import Template as Assertions

from tests.aws.synthesis import PROFILES, Template, only, resources, templates


def foundation(profile: str) -> Template:
    return templates(PROFILE=profile)["bookstore-fleet-foundation"]


@pytest.mark.parametrize("profile", PROFILES)
def test_everything_that_is_kept_is_encrypted(profile: str) -> None:
    template = foundation(profile)
    for server in resources(template, "AWS::RDS::DBInstance").values():
        # A replica is encrypted as its source, and may not say so itself.
        assert server["Properties"].get("StorageEncrypted", "Source" in str(server)) is True
    assert only(template, "AWS::EFS::FileSystem")["Encrypted"] is True
    rules = only(template, "AWS::S3::Bucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rules == [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]


@pytest.mark.parametrize("profile", PROFILES)
def test_the_database_speaks_tls_alone_and_to_nobody_outside(profile: str) -> None:
    template = foundation(profile)
    parameters = only(template, "AWS::RDS::DBParameterGroup")["Parameters"]
    assert parameters["require_secure_transport"] == "ON"
    for server in resources(template, "AWS::RDS::DBInstance").values():
        assert server["Properties"]["PubliclyAccessible"] is False


@pytest.mark.parametrize("profile", PROFILES)
def test_the_groups_of_database_and_files_are_closed_until_a_deployment_opens_them(profile: str) -> None:
    template = foundation(profile)
    groups = resources(template, "AWS::EC2::SecurityGroup")
    assert len(groups) == 2
    for group in groups.values():
        assert "SecurityGroupIngress" not in group["Properties"]
        # The CDK writes a rule that leads nowhere in place of "to everywhere".
        (egress,) = group["Properties"]["SecurityGroupEgress"]
        assert egress["CidrIp"] == "255.255.255.255/32"


def test_the_password_of_the_master_user_is_made_by_secrets_manager() -> None:
    server = only(foundation("standard"), "AWS::RDS::DBInstance")
    assert "{{resolve:secretsmanager:" in str(server["MasterUserPassword"])


@pytest.mark.parametrize(("profile", "days"), [("standard", 7), ("academy", 1), ("production", 14)])
def test_backups_of_the_database_are_kept_as_long_as_the_profile_says(profile: str, days: int) -> None:
    Assertions.from_json(foundation(profile)).has_resource_properties(
        "AWS::RDS::DBInstance", {"BackupRetentionPeriod": days, "CopyTagsToSnapshot": True}
    )


@pytest.mark.parametrize("profile", ["standard", "production"])
def test_what_is_worth_it_is_protected_and_leaves_a_last_copy(profile: str) -> None:
    template = foundation(profile)
    servers = resources(template, "AWS::RDS::DBInstance").values()
    assert all(server["Properties"]["DeletionProtection"] is True for server in servers)
    (main,) = [server for server in servers if "SourceDBInstanceIdentifier" not in server["Properties"]]
    assert (main["DeletionPolicy"], main["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    (files,) = resources(template, "AWS::EFS::FileSystem").values()
    assert files["DeletionPolicy"] == "Retain"
    assert files["Properties"]["BackupPolicy"] == {"Status": "ENABLED"}


def test_a_learner_lab_leaves_nothing_behind_that_costs() -> None:
    template = foundation("academy")
    assert {one.get("DeletionPolicy", "Delete") for one in template["Resources"].values()} == {"Delete"}
    Assertions.from_json(template).has_resource_properties(
        "AWS::RDS::DBInstance", {"DeletionProtection": False, "MultiAZ": False, "StorageType": "gp2"}
    )
    assert not resources(template, "AWS::EC2::NatGateway")


def test_only_production_pays_for_a_second_server_and_a_replica() -> None:
    Assertions.from_json(foundation("production")).has_resource_properties(
        "AWS::RDS::DBInstance",
        {"SourceDBInstanceIdentifier": Match.any_value(), "DeletionProtection": True},
    )
    for profile, servers, spread in (("standard", 1, False), ("academy", 1, False), ("production", 2, True)):
        found = resources(foundation(profile), "AWS::RDS::DBInstance")
        assert len(found) == servers
        assert any(server["Properties"].get("MultiAZ") for server in found.values()) is spread


@pytest.mark.parametrize("profile", PROFILES)
def test_logs_of_access_are_kept_for_a_stated_time_and_from_everybody_else(profile: str) -> None:
    template = foundation(profile)
    bucket = only(template, "AWS::S3::Bucket")
    days = {"standard": 90, "academy": 7, "production": 365}[profile]
    assert bucket["LifecycleConfiguration"]["Rules"] == [{"ExpirationInDays": days, "Status": "Enabled"}]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert only(template, "AWS::EC2::FlowLog")["TrafficType"] == "REJECT"
    for group in resources(template, "AWS::Logs::LogGroup").values():
        assert group["Properties"]["RetentionInDays"] in (7, 30, 90)


@pytest.mark.parametrize(
    ("profile", "instances"), [("standard", "app"), ("academy", "public"), ("production", "app")]
)
def test_instances_lie_in_private_subnets_where_a_nat_gateway_is_paid_for(
    profile: str, instances: str
) -> None:
    template = foundation(profile)
    names = {
        tag["Value"]
        for subnet in resources(template, "AWS::EC2::Subnet").values()
        for tag in subnet["Properties"]["Tags"]
        if tag["Key"] == "aws-cdk:subnet-name"
    }
    assert names == {"public", "data"} | {instances}
    zones = {
        subnet["Properties"]["AvailabilityZone"]
        for subnet in resources(template, "AWS::EC2::Subnet").values()
    }
    assert zones == {"us-east-1a", "us-east-1b", "us-east-1c"}


def test_deployments_share_a_foundation_only_where_told() -> None:
    apart = templates(DEPLOYMENTS="fleet,services")
    assert {"bookstore-fleet-foundation", "bookstore-services-foundation"} <= set(apart)
    together = templates(DEPLOYMENTS="fleet,services", SHARED="fleet,services")
    assert [name for name in together if name.endswith("foundation")] == ["bookstore-shared-foundation"]
    names = {
        one["Properties"]["Description"]
        for one in resources(together["bookstore-shared-foundation"], "AWS::SecretsManager::Secret").values()
        if "BookStore" in one["Properties"].get("Description", "")
    }
    assert {"BookStore: bookstore_password", "BookStore: bookstore_orders_password"} <= names
