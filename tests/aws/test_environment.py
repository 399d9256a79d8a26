"""What operators may say, and what is refused with a reason before anything is made."""

import pytest

from environment import UnsafeSetting
from tests.aws.synthesis import environment


def test_a_fleet_of_two_to_three_in_three_zones_is_what_few_settings_make() -> None:
    chosen = environment()
    assert (chosen.profile.name, chosen.deployments) == ("standard", ("fleet",))
    assert (chosen.fleet_min, chosen.fleet_max) == (2, 3)
    assert chosen.zones == ("us-east-1a", "us-east-1b", "us-east-1c")


def test_the_fleet_has_the_domain_and_the_others_a_name_in_it() -> None:
    chosen = environment()
    assert chosen.name_of("fleet") == "shop.example"
    assert chosen.name_of("monolith") == "monolith.shop.example"
    assert chosen.name_of("swarm") == "swarm.shop.example"


@pytest.mark.parametrize(
    ("settings", "named", "reason"),
    [
        ({"DOMAIN": ""}, "DOMAIN", "is missing"),
        ({"DOMAIN": "shop.example; rm"}, "DOMAIN", "not the name of a domain"),
        ({"PROFILE": "cheap"}, "PROFILE", "none of standard, academy, production"),
        ({"DEPLOYMENTS": "fleet,heap"}, "DEPLOYMENTS", "heap is none of"),
        ({"SHARED": "swarm"}, "SHARED", "swarm is not among"),
        ({"FLEET_MIN": "1"}, "FLEET_MIN", "one instance alone"),
        ({"FLEET_MAX": "1"}, "FLEET_MAX", "less than FLEET_MIN"),
        ({"FLEET_MIN": "many"}, "FLEET_MIN", "not a number"),
        ({"ZONES": "us-east-1a"}, "ZONES", "two zones or more"),
        ({"HOSTED_ZONE": ""}, "CERTIFICATE", "imported into ACM"),
        ({"MACHINE_IMAGE": "debian"}, "MACHINE_IMAGE", "not the id of an AMI"),
        ({"PROFILE": "academy", "REGION": "eu-west-1"}, "REGION", "Learner Lab has us-east-1 and us-west-2"),
        (
            {"PROFILE": "academy", "DEPLOYMENTS": "fleet,swarm,monolith,services"},
            "DEPLOYMENTS",
            "up to 12 instances",
        ),
        (
            {"PROFILE": "production", "HOSTED_ZONE": "", "CERTIFICATE": "arn"},
            "HOSTED_ZONE",
            "CloudFront finds",
        ),
        (
            {"PROFILE": "production", "CLOUDFRONT_PREFIX_LIST": ""},
            "CLOUDFRONT_PREFIX_LIST",
            "only CloudFront",
        ),
    ],
)
def test_what_is_missing_wrong_or_unsafe_is_named_with_its_reason(
    settings: dict[str, str], named: str, reason: str
) -> None:
    with pytest.raises(UnsafeSetting, match=rf"BOOKSTORE_AWS_{named}: .*{reason}"):
        environment(**settings)


def test_one_machine_alone_needs_no_certificate_of_acm() -> None:
    assert environment(DEPLOYMENTS="monolith", HOSTED_ZONE="").deployments == ("monolith",)
