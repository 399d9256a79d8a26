"""The shop as three services on five nodes."""

import time

from bookstore.chaos.load import Load
from bookstore.lab import shop
from tests.swarm.browsers import browse_through
from tests.swarm.purchases import buy_through
from tests.swarm.running_lab import RunningLab

SHOPS = {"accounts": 3, "catalog": 4, "orders": 3}


def test_people_with_a_browser_do_all_that_they_do_elsewhere(services: RunningLab) -> None:
    assert browse_through(services) > 30


def test_ana_sells_and_bruno_buys_from_three_services(services: RunningLab) -> None:
    buy_through(services)
    for name, replicas in SHOPS.items():
        assert services.healthy(name) == replicas


def test_each_service_knows_its_own_database_alone(services: RunningLab) -> None:
    for name in SHOPS:
        mails = [] if name == "catalog" else ["smtp_password"]
        own = [f"{name}_database_url", "secret_key", "service_token", *mails]
        assert shop.inside(name, "ls", "/run/secrets").split() == own


def test_people_buy_from_three_services_and_the_books_agree(services: RunningLab) -> None:
    with Load(services.url, services.authority, rate=60) as load:
        time.sleep(10)
    print(f"\nthree services: {load.summary()}")
    services.assert_nothing_lost(load)
