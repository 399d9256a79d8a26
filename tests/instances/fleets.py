"""A fleet of three instances behind a load balancer: what it promises, whatever runs on them."""

import time

import httpx

from bookstore.chaos.load import Load
from bookstore.lab import database
from tests.instances.cloud import Cloud
from tests.instances.images import IMAGE, TAG
from tests.instances.machine import Instance

THREE = 3
# All visitors of the load come from one address, to which nginx gives 20 requests a second on each instance.
RATE = 24
SECONDS_AROUND = 5


def bring_up(cloud: Cloud, deployment: str) -> Cloud:
    """The account with the fleet of this deployment in it, open to people."""
    cloud.open_account(FLEET_MIN=str(THREE), FLEET_MAX=str(THREE))
    cloud.bring_up(deployment, THREE)
    cloud.balance()
    return cloud


def ready(fleet: Cloud) -> dict[str, int]:
    """What each instance answers to a load balancer that asks whether it can serve."""
    return {
        one.name: httpx.get(f"http://{one.address}/readyz", timeout=10).status_code
        for one in fleet.instances.values()
    }


def running_on(instance: Instance) -> list[str]:
    """The names of its containers."""
    return sorted(instance.run("docker", "ps", "--format", "{{.Names}}").split())


def secrets_in(instance: Instance, container: str) -> list[str]:
    """The names of the secrets that a container can read."""
    program = "import os; print(*sorted(os.listdir('/run/secrets')))"
    return instance.run("docker", "exec", container, "python3", "-c", program).split()


def assert_migrated_once(fleet: Cloud, deployment: str) -> None:
    name = f"/bookstore/{deployment}"
    assert fleet.ask("parameters", name) == {f"{name}/migrated/{TAG}": "migrated"}
    migrated = [one for one in fleet.instances.values() if f"migrating to {TAG}" in one.log]
    assert len(migrated) == 1


def lose_one_under_load(fleet: Cloud, orders: str) -> None:
    """An instance breaks down while people buy: nobody notices, no order in the schema `orders` is lost."""
    lost = next(iter(fleet.instances.values()))
    load = Load(fleet.url, fleet.authority, rate=RATE)
    with load:
        time.sleep(SECONDS_AROUND)
        another = fleet.replace(lost)
        fleet.balance()
        time.sleep(SECONDS_AROUND)
    print(f"an instance was lost: {load.summary()}")

    assert set(ready(fleet).values()) == {200}
    assert len(fleet.instances) == THREE
    assert lost.name not in fleet.instances
    _assert_nothing_lost(load, orders)
    assert "agree" in audit(another)


def audit(instance: Instance) -> str:
    """What `bookstore audit` says, in the image of the whole shop, which knows all databases."""
    options = ["--rm", "--network", "shop", "--env-file", "/etc/bookstore/shop.env"]
    options += ["--volume", "/etc/bookstore/secrets:/run/secrets:ro"]
    return instance.run("docker", "run", *options, f"{IMAGE}:{TAG}", "audit")


def _assert_nothing_lost(load: Load, orders: str) -> None:
    assert load.failures == [], "\n".join(map(str, load.failures[:10]))
    rows = database.ask(f"SELECT reference, status FROM {orders}.orders").splitlines()
    known = dict(row.split("\t") for row in rows)
    assert set(load.ordered.values()) <= set(known)
    assert {known[reference] for reference in load.paid} == {"paid"}
