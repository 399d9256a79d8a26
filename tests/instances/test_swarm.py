"""Five instances make a Swarm of themselves, deploy the shop on it, and lose their leader."""

import pytest

from tests.instances import swarms
from tests.instances.cloud import Cloud
from tests.swarm.purchases import buy_through

REPLICAS = {"app": 8, "worker": 1, "backup": 1, "edge": 5}


@pytest.fixture(scope="module")
def swarm(cloud: Cloud) -> Cloud:
    return swarms.bring_up(cloud, "swarm")


def test_it_has_three_managers_and_two_workers_and_the_shop_on_all(swarm: Cloud) -> None:
    swarms.assert_deployed(swarm, "swarm", REPLICAS)


def test_workers_have_no_secret_of_the_shop(swarm: Cloud) -> None:
    swarms.assert_workers_have_no_secret(swarm)


def test_people_buy_and_a_photo_is_on_every_instance(swarm: Cloud) -> None:
    buy_through(swarm)


def test_a_manager_is_lost_and_another_takes_its_place(swarm: Cloud) -> None:
    swarms.lose_the_leader(swarm, "swarm", REPLICAS)
