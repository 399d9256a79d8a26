"""The keys that tokens are verified with: fetched seldom, by one thread, and never awaited without need."""

import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from bookstore.shared.errors import AccountsUnavailable
from bookstore.shared.key_cache import MOST_FETCHES, KeyCache


class Publisher:
    """Accounts as the cache sees it: what it publishes, how slowly, and how often it was asked."""

    def __init__(self, *key_ids: str) -> None:
        self.key_ids = list(key_ids)
        self.asked = 0
        self.away = False
        self.answers = threading.Event()
        self.answers.set()
        self.being_asked = threading.Event()

    def __call__(self) -> Mapping[str, Any]:
        self.asked += 1
        self.being_asked.set()
        assert self.answers.wait(timeout=30)
        if self.away:
            raise AccountsUnavailable
        return {"keys": [_public(key_id) for key_id in self.key_ids]}


def _public(key_id: str) -> Mapping[str, Any]:
    return OKPKey.generate_key("Ed25519", {"kid": key_id}).as_dict(private=False)


def knows(cache: KeyCache, key_id: str) -> bool:
    return key_id in {key.kid for key in cache.keys_for(key_id).keys}


def wait_until(true, seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.01)


def test_a_known_key_is_fetched_once() -> None:
    publisher = Publisher("one")
    cache = KeyCache(publisher, renew_after_seconds=300)
    assert all(knows(cache, "one") for _ in range(50))
    assert publisher.asked == 1


def test_a_brand_new_key_is_found_however_fresh_the_copy_is() -> None:
    publisher = Publisher("one")
    cache = KeyCache(publisher, renew_after_seconds=300)
    assert knows(cache, "one")
    publisher.key_ids.append("two")
    assert knows(cache, "two")
    assert publisher.asked == 2


def test_old_keys_are_renewed_beside_the_requests_while_accounts_is_silent() -> None:
    publisher = Publisher("one")
    cache = KeyCache(publisher, renew_after_seconds=0.05)
    assert knows(cache, "one")
    publisher.answers.clear()
    publisher.being_asked.clear()
    time.sleep(0.1)
    # Nobody answers until the end of the block, so whoever waited would never get here.
    assert all(knows(cache, "one") for _ in range(100))
    assert publisher.being_asked.wait(timeout=20)
    assert publisher.asked == 2
    publisher.key_ids.append("two")
    publisher.answers.set()
    wait_until(lambda: "two" in {key.kid for key in cache.keys_for("one").keys})


def test_a_renewal_that_failed_keeps_the_keys_and_is_not_repeated_at_each_request() -> None:
    publisher = Publisher("one")
    cache = KeyCache(publisher, renew_after_seconds=0.05)
    assert knows(cache, "one")
    publisher.away = True
    time.sleep(0.1)
    assert knows(cache, "one")
    wait_until(lambda: publisher.asked == 2)
    wait_until(lambda: not cache._renewing.locked())
    assert all(knows(cache, "one") for _ in range(100))
    assert publisher.asked == 2


def test_keys_that_were_never_seen_are_asked_for_once_by_all_who_wait_and_they_share_the_failure() -> None:
    publisher = Publisher("one")
    publisher.away = True
    publisher.answers.clear()
    cache = KeyCache(publisher, renew_after_seconds=300)
    came: list[bool] = []
    refused: list[bool] = []

    def ask() -> None:
        came.append(True)
        try:
            cache.keys_for("one")
        except AccountsUnavailable:
            refused.append(True)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert publisher.being_asked.wait(timeout=20)
    wait_until(lambda: len(came) == 8)
    time.sleep(0.2)  # the last of them is on its way into the cache
    publisher.answers.set()
    for thread in threads:
        thread.join(timeout=20)
    assert refused == [True] * 8
    assert publisher.asked == 1
    publisher.away = False
    assert knows(cache, "one")


def test_invented_key_ids_are_no_flood_of_questions() -> None:
    publisher = Publisher("one")
    cache = KeyCache(publisher, renew_after_seconds=300)
    started, refused = time.monotonic(), 0
    for number in range(200):
        try:
            assert not knows(cache, f"invented-{number}")
        except AccountsUnavailable:
            refused += 1
    allowed = MOST_FETCHES + time.monotonic() - started + 1
    assert MOST_FETCHES <= publisher.asked <= allowed
    assert refused == 200 - publisher.asked
    assert knows(cache, "one")


@pytest.mark.parametrize("nonsense", [{}, {"keys": [{"kty": "none"}]}, {"keys": [{}]}])
def test_an_answer_that_is_no_key_set_is_as_good_as_none(nonsense) -> None:
    with pytest.raises(AccountsUnavailable):
        KeyCache(lambda: nonsense, 300).keys_for("one")
