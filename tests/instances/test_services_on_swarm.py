"""The three services on five instances that make a Swarm of themselves, and lose their leader."""

import pytest

from tests.instances import swarms
from tests.instances.cloud import Cloud
from tests.swarm.purchases import buy_through

TOPOLOGY = "services"
SERVICES = {"accounts": 3, "catalog": 4, "orders": 3}
REPLICAS = {**SERVICES, **{f"{name}-worker": 1 for name in SERVICES}, "backup": 1, "edge": 5}


@pytest.fixture(scope="module")
def services(cloud: Cloud) -> Cloud:
    return swarms.bring_up(cloud, "services", SERVICES_ON="swarm")


def test_it_has_three_managers_and_two_workers_and_the_services_on_all(services: Cloud) -> None:
    swarms.assert_deployed(services, "services", REPLICAS)


def test_workers_have_no_secret_of_the_shop(services: Cloud) -> None:
    swarms.assert_workers_have_no_secret(services)


def test_people_buy_and_a_photo_is_on_every_instance(services: Cloud) -> None:
    buy_through(services)


def test_a_manager_is_lost_and_another_takes_its_place(services: Cloud) -> None:
    swarms.lose_the_leader(services, "services", REPLICAS)
