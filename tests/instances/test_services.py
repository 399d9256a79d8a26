"""The three services on a fleet of three instances from their user data; one is lost without a loss."""

import pytest

from bookstore.lab import database
from tests.instances import fleets
from tests.instances.cloud import Cloud
from tests.swarm.purchases import buy_through

TOPOLOGY = "services"
SERVICES = ("accounts", "catalog", "orders")


@pytest.fixture(scope="module")
def services(cloud: Cloud) -> Cloud:
    return fleets.bring_up(cloud, "services")


def test_each_instance_serves_with_all_services_and_their_workers_behind_its_nginx(services: Cloud) -> None:
    assert set(fleets.ready(services).values()) == {200}
    expected = sorted(["edge", *SERVICES, *(f"{name}-worker" for name in SERVICES)])
    for one in services.instances.values():
        assert fleets.running_on(one) == expected


def test_the_three_databases_were_migrated_once_and_hold_what_is_their_services(services: Cloud) -> None:
    fleets.assert_migrated_once(services, "services")
    for table, service in (("sessions", "accounts"), ("listings", "catalog"), ("orders", "orders")):
        places = f"SELECT table_schema FROM information_schema.tables WHERE table_name = '{table}'"
        assert database.ask(places).split() == [f"bookstore_{service}"]


def test_no_secret_is_in_user_data_nor_in_what_it_said(services: Cloud) -> None:
    names = services.ask("secrets_of_stack")
    assert len(names) > len(SERVICES)
    assert services.secrets_told() == []


def test_a_service_reads_no_secret_of_its_neighbors(services: Cloud) -> None:
    for one in services.instances.values():
        for name in SERVICES:
            for container in (name, f"{name}-worker"):
                own = ["secret_key", "service_token", f"{name}_database_url"]
                assert fleets.secrets_in(one, container) == sorted(own)
                told = one.run("docker", "exec", container, "env")
                assert [other for other in SERVICES if f"{other.upper()}_DATABASE_URL" in told] == [name]


def test_people_buy_and_a_photo_is_on_every_instance(services: Cloud) -> None:
    buy_through(services)


def test_an_instance_is_lost_and_replaced_and_no_order_with_it(services: Cloud) -> None:
    fleets.lose_one_under_load(services, orders="bookstore_orders")
