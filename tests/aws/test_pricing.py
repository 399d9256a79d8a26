"""The estimate of a month: each thing once, at the price of the dated table, and no guess."""

import json
from pathlib import Path

import pytest
import yaml

from pricing import HOURS, TABLE, NoPrice, estimate
from tests.aws.synthesis import PROFILES, templates

DEPLOYMENTS = ("monolith", "fleet", "swarm", "services")
ORDER_IN_DOCS = ("academy", "standard", "production")
DOCS = Path(__file__).parents[2] / "docs"

PRICES = yaml.safe_load(TABLE.read_text())


def of(profile: str, deployment: str) -> dict[str, tuple[int, float]]:
    found = estimate(templates(PROFILE=profile, DEPLOYMENTS=deployment).values())
    return {item.meaning: (item.count, round(item.dollars, 2)) for item in found.items}


def test_a_learner_lab_pays_for_two_instances_with_addresses_and_one_database() -> None:
    items = of("academy", "fleet")
    assert items["instance t3.small"] == (2, round(2 * 0.0208 * HOURS, 2))
    assert items["database db.t3.micro"] == (1, round(0.017 * HOURS, 2))
    # Of the load balancer in three zones, and of the instances.
    assert items["public address"] == (5, round(5 * 0.005 * HOURS, 2))
    assert "NAT gateway" not in items


def test_two_zones_and_a_replica_are_three_servers_with_three_disks() -> None:
    items = of("production", "fleet")
    assert items["database db.m7g.large"][0] == 3
    assert items["GB of database disk"] == (300, round(300 * 0.115, 2))
    assert items["NAT gateway"][0] == 3


def test_the_monolith_has_one_address_and_no_load_balancer() -> None:
    items = of("standard", "monolith")
    assert items["public address"][0] == 1
    assert items["instance t3.small"][0] == 1
    assert not {"load balancer", "NAT gateway", "database db.t4g.small"} & set(items)


def test_the_sum_is_of_its_parts_and_dated() -> None:
    found = estimate(templates(DEPLOYMENTS="fleet").values())
    assert found.monthly == pytest.approx(sum(item.dollars for item in found.items))
    assert found.hourly == pytest.approx(found.monthly / 730)
    assert (found.region, found.as_of) == ("us-east-1", PRICES["as_of"])


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_every_deployment_has_a_price(deployment: str, profile: str) -> None:
    assert 20 < estimate(templates(PROFILE=profile, DEPLOYMENTS=deployment).values()).monthly < 2000


def test_what_the_table_does_not_know_is_named_and_not_guessed() -> None:
    fleet = json.loads(json.dumps(templates(DEPLOYMENTS="fleet")).replace("t3.small", "t9.small"))
    with pytest.raises(NoPrice, match=r"prices\.yaml has no price for t9\.small"):
        estimate(fleet.values())


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_the_documents_say_what_an_hour_costs(deployment: str) -> None:
    hours = [
        f"{estimate(templates(PROFILE=profile, DEPLOYMENTS=deployment).values()).hourly:.2f}"
        for profile in ORDER_IN_DOCS
    ]
    row = f"| {deployment} | {' | '.join(hours)} |"
    assert row in (DOCS / "aws.md").read_text()
    assert row.replace(".", ",") in (DOCS / "aws.es.md").read_text()
