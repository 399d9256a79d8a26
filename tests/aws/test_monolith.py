"""One machine: its disk and its address outlive it, and only the web reaches it."""

import pytest
import yaml

from tests.aws.synthesis import PROFILES, Template, only, resources, templates
from tests.aws.test_edge import group_named
from userdata import DEPLOY, FOLDER


def monolith(profile: str = "standard", **settings: str) -> Template:
    return templates(PROFILE=profile, DEPLOYMENTS="monolith", **settings)["bookstore-monolith"]


@pytest.mark.parametrize("profile", PROFILES)
def test_it_is_a_group_of_one_in_the_zone_of_its_disk(profile: str) -> None:
    template = monolith(profile)
    group = only(template, "AWS::AutoScaling::AutoScalingGroup")
    assert (group["MinSize"], group["MaxSize"]) == ("1", "1")
    assert len(group["VPCZoneIdentifier"]) == 1
    assert "publicSubnet1" in str(group["VPCZoneIdentifier"])
    assert only(template, "AWS::EC2::Volume")["AvailabilityZone"] == "us-east-1a"


@pytest.mark.parametrize("profile", PROFILES)
def test_all_disks_are_encrypted_and_the_metadata_service_is_the_second(profile: str) -> None:
    template = monolith(profile)
    assert only(template, "AWS::EC2::Volume")["Encrypted"] is True
    data = only(template, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    assert all(disk["Ebs"]["Encrypted"] is True for disk in data["BlockDeviceMappings"])
    assert data["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    assert "KeyName" not in data


@pytest.mark.parametrize("profile", PROFILES)
def test_the_web_reaches_it_and_nothing_else_does(profile: str) -> None:
    template = monolith(profile)
    _, group = group_named(template, "Instances of the shop")
    assert [rule["FromPort"] for rule in group["SecurityGroupIngress"]] == [80, 443]
    assert not resources(template, "AWS::EC2::SecurityGroupIngress")


@pytest.mark.parametrize("profile", ["standard", "production"])
def test_its_disk_is_copied_each_night_and_once_more_at_the_end(profile: str) -> None:
    template = monolith(profile)
    (disk,) = resources(template, "AWS::EC2::Volume").values()
    assert (disk["DeletionPolicy"], disk["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    details = only(template, "AWS::DLM::LifecyclePolicy")["PolicyDetails"]
    assert details["Schedules"][0]["RetainRule"] == {"Count": 7}
    (tag,) = details["TargetTags"]
    assert tag in disk["Properties"]["Tags"]


def test_in_a_learner_lab_nothing_of_it_stays() -> None:
    template = monolith("academy")
    assert {one.get("DeletionPolicy", "Delete") for one in template["Resources"].values()} == {"Delete"}
    assert not resources(template, "AWS::DLM::LifecyclePolicy")


def test_the_key_of_its_backups_outlives_it() -> None:
    secrets = resources(monolith(), "AWS::SecretsManager::Secret").values()
    kept = [one["Properties"]["Description"] for one in secrets if one["DeletionPolicy"] == "Retain"]
    assert kept == ["BookStore: backup_key"]


def test_its_name_leads_to_its_address() -> None:
    record = only(monolith(), "AWS::Route53::RecordSet")
    assert (record["Name"], record["Type"]) == ("monolith.shop.example.", "A")
    assert "Address" in str(record["ResourceRecords"])
    told = monolith("standard", HOSTED_ZONE="")["Outputs"]["ForYourDns"]["Value"]
    assert "monolith.shop.example leads to " in str(told)


def test_it_stands_on_a_network_alone() -> None:
    foundation = templates(DEPLOYMENTS="monolith")["bookstore-monolith-foundation"]
    assert resources(foundation, "AWS::EC2::VPC")
    assert not resources(foundation, "AWS::EC2::NatGateway")
    assert not resources(foundation, "AWS::RDS::DBInstance")
    assert not resources(foundation, "AWS::EFS::FileSystem")


def test_what_every_container_says_is_shipped() -> None:
    stack = yaml.safe_load((DEPLOY / "compose" / "monolith.yaml").read_text())["services"]
    shipped = yaml.safe_load((FOLDER / "logs-compose.yaml").read_text())["services"]
    assert set(shipped) == {name for name in stack if name not in ("prometheus", "grafana")}
    for name, service in shipped.items():
        assert service["logging"]["driver"] == "awslogs"
        assert service["logging"]["options"]["awslogs-stream"].endswith(f"/{name}")
