"""The group of instances: its size, who reaches it, what it may do, and how it grows and is renewed."""

import pytest
from aws_cdk.assertions import Match
from aws_cdk.assertions import Template as Assertions

from tests.aws.synthesis import PROFILES, Template, only, resources, templates
from tests.aws.test_edge import fleet, group_named, rules_into


def both(profile: str) -> list[Template]:
    found = templates(PROFILE=profile, DEPLOYMENTS="fleet,services") if profile != "academy" else {}
    found = found or {**templates(PROFILE=profile), **templates(PROFILE=profile, DEPLOYMENTS="services")}
    return [found["bookstore-fleet"], found["bookstore-services"]]


@pytest.mark.parametrize("profile", PROFILES)
def test_two_to_three_instances_in_all_zones_that_the_balancer_vouches_for(profile: str) -> None:
    for template in both(profile):
        group = only(template, "AWS::AutoScaling::AutoScalingGroup")
        assert (group["MinSize"], group["MaxSize"]) == ("2", "3")
        assert group["HealthCheckType"] == "ELB"
        assert len(group["VPCZoneIdentifier"]) == 3
        assert len(group["TargetGroupARNs"]) == 1


def test_the_size_is_the_operators_to_say() -> None:
    group = only(fleet(FLEET_MIN="3", FLEET_MAX="9"), "AWS::AutoScaling::AutoScalingGroup")
    assert (group["MinSize"], group["MaxSize"]) == ("3", "9")


@pytest.mark.parametrize("profile", PROFILES)
def test_it_grows_with_requests_per_instance_and_with_cpu(profile: str) -> None:
    assertions = Assertions.from_json(fleet(profile))
    assertions.resource_count_is("AWS::AutoScaling::ScalingPolicy", 2)
    for metric, target in (("ALBRequestCountPerTarget", 2400), ("ASGAverageCPUUtilization", 60)):
        assertions.has_resource_properties(
            "AWS::AutoScaling::ScalingPolicy",
            {
                "PolicyType": "TargetTrackingScaling",
                "TargetTrackingConfiguration": {
                    "PredefinedMetricSpecification": Match.object_like({"PredefinedMetricType": metric}),
                    "TargetValue": target,
                },
            },
        )


@pytest.mark.parametrize("profile", PROFILES)
def test_an_instance_counts_only_when_its_user_data_says_so(profile: str) -> None:
    (hook,) = only(fleet(profile), "AWS::AutoScaling::AutoScalingGroup")["LifecycleHookSpecificationList"]
    assert hook["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_LAUNCHING"
    assert (hook["LifecycleHookName"], hook["DefaultResult"]) == ("ready", "ABANDON")


@pytest.mark.parametrize("profile", PROFILES)
def test_the_group_keeps_its_version_until_a_refresh_that_can_go_back(profile: str) -> None:
    template = fleet(profile)
    group = only(template, "AWS::AutoScaling::AutoScalingGroup")
    assert group["LaunchTemplate"]["Version"] == {"Ref": "FleetVersion"}
    assert template["Parameters"]["FleetVersion"]["Default"] == "1"
    assert {"FleetGroup", "FleetTemplate", "FleetNewest"} <= set(template["Outputs"])


@pytest.mark.parametrize("profile", PROFILES)
def test_only_the_balancer_reaches_instances_and_only_instances_reach_the_data(profile: str) -> None:
    for template in both(profile):
        instances, group = group_named(template, "Instances of the shop")
        balancer, _ = group_named(template, "Load balancer")
        assert "SecurityGroupIngress" not in group
        (rule,) = rules_into(template, instances)
        assert (rule["FromPort"], rule["ToPort"]) == (80, 80)
        assert balancer in str(rule["SourceSecurityGroupId"])
        into_data = {}
        for kind in ("Database", "Files"):
            (rule,) = rules_into(template, f"ExportsOutputFnGetAtt{kind}Group")
            assert instances in str(rule["SourceSecurityGroupId"])
            into_data[kind] = (rule["FromPort"], rule["ToPort"])
        assert into_data == {"Database": (3306, 3306), "Files": (2049, 2049)}


@pytest.mark.parametrize("profile", PROFILES)
def test_no_instance_has_a_key_of_ssh_an_open_disk_or_the_first_metadata_service(profile: str) -> None:
    for template in both(profile):
        data = only(template, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
        assert data["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
        assert "KeyName" not in data
        assert all(disk["Ebs"]["Encrypted"] is True for disk in data["BlockDeviceMappings"])
        public = [one["AssociatePublicIpAddress"] for one in data.get("NetworkInterfaces", [])]
        assert public == ([True] if profile == "academy" else [])


@pytest.mark.parametrize("profile", ["standard", "production"])
def test_instances_may_do_what_they_need_and_on_their_own_things(profile: str) -> None:
    (policy,) = resources(fleet(profile), "AWS::IAM::Policy").values()
    allowed: dict[str, list[object]] = {}
    for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            allowed.setdefault(action, []).append(statement["Resource"])
    assert not [action for action in allowed if "*" in action]
    # These know no narrower resource, by AWS's own reference.
    anywhere = {action for action, places in allowed.items() if "*" in places}
    assert anywhere == {
        "autoscaling:DescribeAutoScalingInstances",
        "ec2:DescribeInstances",
        "ecr:GetAuthorizationToken",
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    }
    assert "parameter/bookstore/fleet/*" in str(allowed["ssm:PutParameter"])
    assert len(allowed["secretsmanager:GetSecretValue"]) == 4


def test_in_a_learner_lab_instances_have_the_role_that_is_there() -> None:
    data = only(fleet("academy"), "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    assert "instance-profile/LabInstanceProfile" in str(data["IamInstanceProfile"]["Arn"])
