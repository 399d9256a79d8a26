"""What the three profiles promise over all stacks."""

import json

import pytest
from aws_cdk.assertions import Match
from aws_cdk.assertions import Template as Assertions

from tests.aws.synthesis import PROFILES, Template, assembly, only, resources, templates

DEPLOYMENTS = [
    {"DEPLOYMENTS": "monolith"},
    {"DEPLOYMENTS": "fleet"},
    {"DEPLOYMENTS": "swarm"},
    {"DEPLOYMENTS": "services"},
    {"DEPLOYMENTS": "services", "SERVICES_ON": "swarm"},
]
# The most that CloudFormation takes as the body of a request; more would need a bucket.
MOST_BYTES = 51_200
NEEDS_A_ROLE = ("AWS::IAM::", "AWS::Lambda::", "Custom::", "AWS::CloudFormation::CustomResource")


def every_template(profile: str) -> dict[str, Template]:
    found: dict[str, Template] = {}
    for chosen in DEPLOYMENTS:
        for name, template in templates(PROFILE=profile, **chosen).items():
            found[f"{name} {chosen.get('SERVICES_ON', '')}"] = template
    return found


@pytest.mark.parametrize("profile", PROFILES)
def test_every_template_is_taken_by_cloudformation_without_a_bucket(profile: str) -> None:
    for name, template in every_template(profile).items():
        assert len(json.dumps(template, separators=(",", ":")).encode()) < MOST_BYTES, name


@pytest.mark.parametrize("profile", PROFILES)
def test_nothing_is_prepared_in_the_account_beforehand(profile: str) -> None:
    for template in every_template(profile).values():
        assert "BootstrapVersion" not in template.get("Parameters", {})
    for chosen in DEPLOYMENTS:
        manifest = json.loads((assembly(PROFILE=profile, **chosen) / "manifest.json").read_text())
        for artifact in manifest["artifacts"].values():
            if artifact["type"] == "aws:cloudformation:stack":
                assert "assumeRoleArn" not in artifact["properties"]
                assert "cloudFormationExecutionRoleArn" not in artifact["properties"]


def test_in_a_learner_lab_no_role_is_made_and_nothing_that_needs_one() -> None:
    for name, template in every_template("academy").items():
        kinds = {one["Type"] for one in template["Resources"].values()}
        assert not [kind for kind in kinds if kind.startswith(NEEDS_A_ROLE)], name
        assert "AWS::EC2::NatGateway" not in kinds


@pytest.mark.parametrize("profile", PROFILES)
def test_no_profile_needs_a_function_of_the_cdk(profile: str) -> None:
    for template in every_template(profile).values():
        kinds = {one["Type"] for one in template["Resources"].values()}
        assert not [kind for kind in kinds if kind.startswith(NEEDS_A_ROLE[1:])]


@pytest.mark.parametrize("profile", PROFILES)
def test_no_template_has_a_secret_in_it(profile: str) -> None:
    for template in every_template(profile).values():
        for secret in resources(template, "AWS::SecretsManager::Secret").values():
            assert "SecretString" not in secret["Properties"]
            assert secret["Properties"]["GenerateSecretString"]["PasswordLength"] >= 30


def test_only_production_has_cloudfront_and_a_firewall() -> None:
    for profile in PROFILES:
        kinds = {
            one["Type"]
            for template in every_template(profile).values()
            for one in template["Resources"].values()
        }
        assert ("AWS::CloudFront::Distribution" in kinds) is (profile == "production")
        assert ("AWS::WAFv2::WebACL" in kinds) is (profile == "production")


def cdn() -> Template:
    return templates(PROFILE="production", REGION="eu-west-1")["bookstore-fleet-cdn"]


def test_cloudfront_keeps_static_files_and_photos_and_passes_all_else() -> None:
    configuration = only(cdn(), "AWS::CloudFront::Distribution")["DistributionConfig"]
    assert configuration["Aliases"] == ["shop.example"]
    kept = {one["PathPattern"]: one for one in configuration["CacheBehaviors"]}
    assert set(kept) == {"/static/*", "/media/*"}
    # The ids that AWS has given to "caching optimized" and "caching disabled".
    assert {one["CachePolicyId"] for one in kept.values()} == {"658327ea-f89d-4fab-a63d-7e88639e58f6"}
    default = configuration["DefaultCacheBehavior"]
    assert default["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert {"POST", "PUT", "PATCH", "DELETE"} <= set(default["AllowedMethods"])
    assert default["ViewerProtocolPolicy"] == "redirect-to-https"
    (origin,) = configuration["Origins"]
    assert origin["DomainName"] == "origin-fleet.shop.example"
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert configuration["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert "Bucket" in configuration["Logging"]


def test_the_balancers_certificate_has_the_name_that_cloudfront_asks_for() -> None:
    template = templates(PROFILE="production", REGION="eu-west-1")["bookstore-fleet"]
    certificate = only(template, "AWS::CertificateManager::Certificate")
    assert certificate["SubjectAlternativeNames"] == ["origin-fleet.shop.example"]
    assert only(template, "AWS::Route53::RecordSet")["Name"] == "origin-fleet.shop.example."


def test_the_firewall_refuses_who_asks_too_often() -> None:
    firewall = Assertions.from_json(cdn())
    firewall.has_resource_properties(
        "AWS::WAFv2::WebACL",
        {
            "Scope": "CLOUDFRONT",
            "Rules": Match.array_with(
                [
                    Match.object_like(
                        {
                            "Action": {"Block": {}},
                            "Statement": {"RateBasedStatement": {"AggregateKeyType": "IP", "Limit": 2000}},
                        }
                    )
                ]
            ),
        },
    )


def test_the_firewall_logs_what_it_decided_for_a_year_and_no_credentials() -> None:
    group = only(cdn(), "AWS::Logs::LogGroup")
    assert (group["LogGroupName"], group["RetentionInDays"]) == ("aws-waf-logs-bookstore-fleet-cdn", 365)
    log = only(cdn(), "AWS::WAFv2::LoggingConfiguration")
    (firewall,) = resources(cdn(), "AWS::WAFv2::WebACL")
    assert log["ResourceArn"] == {"Fn::GetAtt": [firewall, "Arn"]}
    (place,) = log["LogDestinationConfigs"]
    (group_name,) = resources(cdn(), "AWS::Logs::LogGroup")
    assert place["Fn::Join"][1][-2:] == [":log-group:", {"Ref": group_name}]
    headers = [one["SingleHeader"]["Name"] for one in log["RedactedFields"]]
    assert headers == ["authorization", "cookie"]


def test_cloudfront_is_where_aws_keeps_it_and_the_shop_where_it_was_told() -> None:
    folder = assembly(PROFILE="production", REGION="eu-west-1")
    artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
    assert artifacts["bookstore-fleet-cdn"]["environment"].endswith("/us-east-1")
    assert artifacts["bookstore-fleet"]["environment"].endswith("/eu-west-1")
