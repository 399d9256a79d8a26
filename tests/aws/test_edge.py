"""The load balancer: who may come, how, and in which order connections end."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from aws_cdk.assertions import Match
from aws_cdk.assertions import Template as Assertions

from tests.aws.synthesis import CERTIFICATE, PROFILES, Template, only, resources, templates

ROOT = Path(__file__).parents[2]


def fleet(profile: str = "standard", **settings: str) -> Template:
    return templates(PROFILE=profile, **settings)["bookstore-fleet"]


def attributes(template: Template, kind: str) -> dict[str, str]:
    key = "LoadBalancerAttributes" if kind == "LoadBalancer" else "TargetGroupAttributes"
    return {one["Key"]: one["Value"] for one in only(template, f"AWS::ElasticLoadBalancingV2::{kind}")[key]}


def group_named(template: Template, description: str) -> tuple[str, dict[str, Any]]:
    (found,) = [
        (name, one["Properties"])
        for name, one in resources(template, "AWS::EC2::SecurityGroup").items()
        if one["Properties"]["GroupDescription"] == description
    ]
    return found


def rules_into(template: Template, group: str) -> list[dict[str, Any]]:
    """What is let in by rules of their own, beside those that stand in the group itself."""
    found = [one["Properties"] for one in resources(template, "AWS::EC2::SecurityGroupIngress").values()]
    return [rule for rule in found if group in str(rule["GroupId"])]


@pytest.mark.parametrize("profile", PROFILES)
def test_http_leads_to_https_and_old_tls_is_not_spoken(profile: str) -> None:
    listeners = {
        one["Properties"]["Port"]: one["Properties"]
        for one in resources(fleet(profile), "AWS::ElasticLoadBalancingV2::Listener").values()
    }
    assert set(listeners) == {80, 443}
    (action,) = listeners[80]["DefaultActions"]
    assert action["RedirectConfig"] == {"Port": "443", "Protocol": "HTTPS", "StatusCode": "HTTP_301"}
    assert listeners[443]["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2")


@pytest.mark.parametrize("profile", ["standard", "academy"])
def test_anybody_may_come_by_http_and_https_and_by_nothing_else(profile: str) -> None:
    _, group = group_named(fleet(profile), "Load balancer")
    assert {(rule["CidrIp"], rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupIngress"]} == {
        ("0.0.0.0/0", 80, 80),
        ("0.0.0.0/0", 443, 443),
    }


def test_in_production_only_cloudfront_may_come() -> None:
    template = fleet("production")
    name, group = group_named(template, "Load balancer")
    assert "SecurityGroupIngress" not in group
    (rule,) = rules_into(template, name)
    assert (rule["SourcePrefixListId"], rule["FromPort"], rule["ToPort"]) == ("pl-3b927c52", 443, 443)


@pytest.mark.parametrize("profile", PROFILES)
def test_who_sits_in_front_ends_idle_connections_first(profile: str) -> None:
    app = int(re.search(r'"keepalive": (\d+)', (ROOT / "src/bookstore/wsgi.py").read_text())[1])
    templates_of_nginx = ROOT / "deploy/nginx/templates/nginx.conf"
    nginx = int(re.search(r"keepalive_timeout (\d+)s", templates_of_nginx.read_text())[1])
    balancer = int(attributes(fleet(profile), "LoadBalancer")["idle_timeout.timeout_seconds"])
    assert app > nginx > balancer


@pytest.mark.parametrize("profile", PROFILES)
def test_an_instance_is_left_alone_before_it_goes_for_longer_than_its_answers_take(profile: str) -> None:
    stack = yaml.safe_load((ROOT / "deploy/swarm/monolith.yaml").read_text())
    longest = int(stack["services"]["app"]["stop_grace_period"].removesuffix("s"))
    drain = int(attributes(fleet(profile), "TargetGroup")["deregistration_delay.timeout_seconds"])
    assert drain > longest


@pytest.mark.parametrize("profile", PROFILES)
def test_an_instance_gets_requests_while_it_says_that_it_is_ready(profile: str) -> None:
    targets = only(fleet(profile), "AWS::ElasticLoadBalancingV2::TargetGroup")
    assert targets["HealthCheckPath"] == "/readyz"
    assert targets["Matcher"] == {"HttpCode": "200"}


@pytest.mark.parametrize("profile", PROFILES)
def test_access_is_logged_and_bad_headers_are_dropped(profile: str) -> None:
    found = attributes(fleet(profile), "LoadBalancer")
    assert found["access_logs.s3.enabled"] == "true"
    assert found["access_logs.s3.prefix"] == "balancer-fleet"
    assert found["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert found["routing.http.xff_header_processing.mode"] == "append"


@pytest.mark.parametrize(("profile", "protected"), [("standard", "true"), ("academy", "false")])
def test_the_balancer_is_protected_where_the_profile_protects(profile: str, protected: str) -> None:
    assert attributes(fleet(profile), "LoadBalancer")["deletion_protection.enabled"] == protected


def test_with_a_hosted_zone_names_and_certificates_are_made() -> None:
    template = fleet()
    Assertions.from_json(template).has_resource_properties(
        "AWS::Route53::RecordSet",
        {"Name": "shop.example.", "Type": "A", "AliasTarget": Match.any_value()},
    )
    certificate = only(template, "AWS::CertificateManager::Certificate")
    assert (certificate["DomainName"], certificate["ValidationMethod"]) == ("shop.example", "DNS")
    (validation,) = certificate["DomainValidationOptions"]
    assert validation["HostedZoneId"] == "Z0123456789ABCDEFGHIJ"


def test_without_one_an_imported_certificate_serves_and_the_operator_reads_what_to_do() -> None:
    template = fleet("standard", HOSTED_ZONE="", CERTIFICATE=CERTIFICATE)
    assert not resources(template, "AWS::Route53::RecordSet")
    assert not resources(template, "AWS::CertificateManager::Certificate")
    Assertions.from_json(template).has_resource_properties(
        "AWS::ElasticLoadBalancingV2::Listener", {"Certificates": [{"CertificateArn": CERTIFICATE}]}
    )
    assert "shop.example leads to " in str(template["Outputs"]["ForYourDns"]["Value"])
