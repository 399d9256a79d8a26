"""A fleet of three instances from their user data: they serve and share files, and one is lost."""

import pytest

from tests.instances import fleets
from tests.instances.cloud import Cloud
from tests.instances.fleets import THREE
from tests.swarm.purchases import buy_through


@pytest.fixture(scope="module")
def fleet(cloud: Cloud) -> Cloud:
    return fleets.bring_up(cloud, "fleet")


def test_each_instance_serves_behind_its_nginx(fleet: Cloud) -> None:
    assert set(fleets.ready(fleet).values()) == {200}
    for one in fleet.instances.values():
        assert fleets.running_on(one) == ["app", "app-worker", "edge"]


def test_the_database_was_migrated_once(fleet: Cloud) -> None:
    fleets.assert_migrated_once(fleet, "fleet")


def test_no_secret_is_in_user_data_nor_in_what_it_said(fleet: Cloud) -> None:
    assert len(fleet.ask("secrets_of_stack")) > THREE
    assert fleet.secrets_told() == []


def test_the_files_are_mounted_as_aws_advises(fleet: Cloud) -> None:
    asked = (fleet.files / ".options").read_text().splitlines()
    assert len(asked) == THREE
    for line in asked:
        for option in ("nfsvers=4.1", "rsize=1048576", "wsize=1048576", "hard", "timeo=600", "noresvport"):
            assert option in line


def test_people_buy_and_a_photo_is_on_every_instance(fleet: Cloud) -> None:
    buy_through(fleet)


def test_an_instance_is_lost_and_replaced_and_no_order_with_it(fleet: Cloud) -> None:
    fleets.lose_one_under_load(fleet, orders="bookstore")
