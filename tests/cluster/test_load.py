"""The load of the game days on a real shop: it buys, it counts what fails, and it finds out what became of it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bookstore.chaos.load import Load
from tests.cluster.live_shop import LiveShop
from tests.cluster.tls_front import tls_front

RATE = 12
LIMIT_SECONDS = 120


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[LiveShop]:
    shop = LiveShop(tmp_path / "data")
    shop.run("migrate")
    shop.start()
    yield shop
    shop.close()


@pytest.fixture
def load(shop: LiveShop, tmp_path: Path) -> Iterator[Load]:
    with tls_front(tmp_path, shop.port) as (url, certificate):
        yield Load(url, certificate, rate=RATE)


def wait_for(load: Load, orders: int) -> None:
    ends_at = time.monotonic() + LIMIT_SECONDS
    while len(load.paid) < orders:
        assert time.monotonic() < ends_at, [*map(str, load.failures[:5])]
        time.sleep(0.05)


def finish(load: Load) -> int:
    """Purchases finished by asking again. On a machine that is busy, one may be put off again."""
    finished, ends_at = 0, time.monotonic() + LIMIT_SECONDS
    while load.unfinished and time.monotonic() < ends_at:
        finished += load.repeat_unfinished()
    return finished


def assert_bought_once(load: Load) -> None:
    assert load.unfinished == {}
    assert load.orders_at_the_shop() == dict.fromkeys(load.ordered.values(), "paid")
    assert len(set(load.ordered.values())) == len(load.ordered) == len(load.paid)
    assert {failure.status for failure in load.failures} <= {None, 502, 503}


def test_people_read_order_and_pay(load: Load) -> None:
    with load:
        wait_for(load, 2)
    assert load.answers["GET 200"] > 30
    assert load.answers["failed"] == len(load.failures)
    assert f"{load.answers.total()} requests" in load.summary()
    finish(load)
    assert_bought_once(load)


def test_what_is_away_counts_and_is_bought_once_by_asking_again(load: Load, shop: LiveShop) -> None:
    with load:
        wait_for(load, 1)
        shop.kill()
        ends_at = time.monotonic() + LIMIT_SECONDS
        while not load.unfinished or not load.failures:
            assert time.monotonic() < ends_at
            time.sleep(0.05)
        shop.start()
    unfinished = len(load.unfinished)
    assert unfinished >= 1
    assert finish(load) == unfinished
    assert_bought_once(load)


def test_a_token_is_renewed_before_it_ends(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bookstore.chaos.load.TOKEN_SECONDS", 0)
    before = {buyer.token for buyer in load.buyers}
    with load:
        wait_for(load, len(load.buyers))
    assert not before <= {buyer.token for buyer in load.buyers}
    finish(load)
    assert_bought_once(load)
