"""A fleet of three instances from their user data: they serve, share files, and one is lost without a loss."""

import time

import httpx
import pytest

from bookstore.chaos.load import Load
from bookstore.lab import database
from tests.instances.cloud import TAG, Cloud
from tests.swarm.purchases import buy_through

THREE = 3
# All visitors of the load come from one address, to which nginx gives 20 requests a second on each instance.
RATE = 24
SECONDS_AROUND = 5


@pytest.fixture(scope="module")
def fleet(cloud: Cloud) -> Cloud:
    """Brought up by the verb of operators; its instances start at one moment."""
    cloud.open_account(FLEET_MIN=str(THREE), FLEET_MAX=str(THREE))
    print(cloud.operate("fleet", "apply"))
    cloud.let_the_operator_in()
    began = time.monotonic()
    instances = cloud.start_new_instances()
    assert len(instances) == THREE
    cloud.wait_until_ready(instances)
    print(f"\nthree instances serve {time.monotonic() - began:.0f} s after they were started")
    cloud.balance()
    return cloud


def ready(fleet: Cloud) -> dict[str, int]:
    """What each instance answers to a load balancer that asks whether it can serve."""
    return {
        one.name: httpx.get(f"http://{one.address}/readyz", timeout=10).status_code
        for one in fleet.instances.values()
    }


def test_each_instance_serves_behind_its_nginx(fleet: Cloud) -> None:
    assert set(ready(fleet).values()) == {200}
    for one in fleet.instances.values():
        running = one.run("docker", "ps", "--format", "{{.Names}}").split()
        assert sorted(running) == ["app", "app-worker", "edge"]


def test_the_database_was_migrated_once(fleet: Cloud) -> None:
    assert fleet.ask("parameters", "/bookstore/fleet") == {f"/bookstore/fleet/migrated/{TAG}": "migrated"}
    migrated = [one for one in fleet.instances.values() if f"migrating to {TAG}" in one.log]
    assert len(migrated) == 1


def test_no_secret_is_in_user_data_nor_in_what_it_said(fleet: Cloud) -> None:
    values = [*fleet.ask("secrets_of_stack").values()]
    assert len(values) > THREE
    told = [one["user_data"] for one in fleet.ask("instances")]
    told += [one.log for one in fleet.instances.values()]
    assert [value for value in values for text in told if value in text] == []


def test_the_files_are_mounted_as_aws_advises(fleet: Cloud) -> None:
    asked = (fleet.files / ".options").read_text().splitlines()
    assert len(asked) == THREE
    for line in asked:
        for option in ("nfsvers=4.1", "rsize=1048576", "wsize=1048576", "hard", "timeo=600", "noresvport"):
            assert option in line


def test_people_buy_and_a_photo_is_on_every_instance(fleet: Cloud) -> None:
    buy_through(fleet)


def test_an_instance_is_lost_and_replaced_and_no_order_with_it(fleet: Cloud) -> None:
    lost = next(iter(fleet.instances.values()))
    load = Load(fleet.url, fleet.authority, rate=RATE)
    with load:
        time.sleep(SECONDS_AROUND)
        began = time.monotonic()
        fleet.break_down(lost)
        (another,) = fleet.start_new_instances()
        fleet.wait_until_ready([another])
        fleet.balance()
        replaced = time.monotonic() - began
        time.sleep(SECONDS_AROUND)
    print(f"\nan instance lost: {load.summary()}; another serves after {replaced:.0f} s")

    assert set(ready(fleet).values()) == {200}
    assert len(fleet.instances) == THREE
    assert lost.name not in fleet.instances
    assert load.failures == [], "\n".join(map(str, load.failures[:10]))
    rows = database.ask("SELECT reference, status FROM bookstore.orders").splitlines()
    known = dict(row.split("\t") for row in rows)
    assert set(load.ordered.values()) <= set(known)
    assert {known[reference] for reference in load.paid} == {"paid"}
    assert "agree" in another.run("docker", "exec", "app", "bookstore", "audit")
