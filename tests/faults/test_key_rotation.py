"""Keys change while people go on: nobody is logged out, in one process or three."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bookstore.accounts import keys
from bookstore.app import accounts_policy
from bookstore.config import Settings
from bookstore.shared.errors import AccountsUnavailable
from tests.faults.split_shop import SplitShop, split_shop
from tests.people import PASSWORD, join, log_in, submit

ROTATIONS = 5
# Nobody is away here, so a busy machine may take its time to answer.
PATIENCE = {
    "neighbor_connect_timeout_seconds": 10,
    "neighbor_timeout_seconds": 10,
    "neighbor_call_seconds": 15,
}


@pytest.fixture
def split(settings: Settings) -> Iterator[SplitShop]:
    with split_shop(settings, **PATIENCE) as shop:
        yield shop


def rotate(database: Any, settings: Settings) -> None:
    with database.writing() as session:
        keys.rotate(session, accounts_policy(settings))


@pytest.fixture(params=["monolith", "services"])
def app_and_databases(request: pytest.FixtureRequest) -> tuple[Any, dict[str, Any]]:
    if request.param == "monolith":
        shop = request.getfixturevalue("shop")
        return shop.app, shop.databases
    split: SplitShop = request.getfixturevalue("split")
    return split, split.databases


def test_key_rotation_during_traffic_logs_nobody_out(
    app_and_databases: tuple[Any, dict[str, Any]], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hardest case: each new key signs at once, without the ten minutes that others have to see it."""
    monkeypatch.setattr(keys, "PUBLISHED_BEFORE_USE", timedelta(0))
    app, databases = app_and_databases
    people = [join(app, f"Person {number}", f"person{number}@example.com") for number in range(4)]
    stop, wrong, seen = threading.Event(), [], [0] * len(people)

    def go_on(number: int) -> None:
        person = people[number]
        while not stop.is_set():
            for page in ("/accounts/profile", "/sell", "/orders/"):
                answer = person.get(page)
                if answer.status_code != 200:
                    wrong.append((person.name, page, answer.status_code))
            # A fresh token, signed with whatever key is new by now, must be good everywhere at once.
            entered = app.test_client()
            submit(entered, "/accounts/login", {"email": person.email, "password": PASSWORD})
            for page in ("/orders/", "/sell"):
                if entered.get(page).status_code != 200:
                    wrong.append((person.name, page, "just logged in"))
            seen[number] += 1

    threads = [threading.Thread(target=go_on, args=(number,)) for number in range(len(people))]
    for thread in threads:
        thread.start()
    for done in range(1, ROTATIONS + 1):
        rotate(databases["accounts"], settings)
        wait_for_rounds(seen, done)
    stop.set()
    for thread in threads:
        thread.join(timeout=60)
    assert wrong == []
    published = app.test_client().get("/.well-known/jwks.json").json["keys"]
    assert len(published) == ROTATIONS + 1


def wait_for_rounds(seen: list[int], more: int) -> None:
    """Until everybody has gone round once more since the keys changed."""
    import time

    goal, ends = [count + 1 for count in seen], time.monotonic() + 60
    while any(count < wanted for count, wanted in zip(seen, goal, strict=True)):
        assert time.monotonic() < ends, f"nobody goes on after rotation {more}"
        time.sleep(0.02)


def test_the_very_first_login_is_known_everywhere_at_once(split: SplitShop) -> None:
    """Before the first key, a stranger's cookie has made the services fetch an empty set."""
    stranger = split.test_client()
    stranger.set_cookie("bookstore_token", "a.b.c")
    assert stranger.get("/orders/").status_code == 302
    ana = join(split, "Ana Sells", "ana@example.com")
    assert [ana.get(page).status_code for page in ("/orders/", "/sell")] == [200, 200]


def test_a_new_secret_key_in_the_settings_logs_nobody_out(split: SplitShop, settings: Settings) -> None:
    ana = join(split, "Ana Sells", "ana@example.com")
    assert ana.get("/orders/").status_code == 200
    changed = accounts_policy(replace(settings, secret_key="another secret of the settings, 0123456789"))
    with split.databases["accounts"].writing() as session:
        keys.ensure_signing_key(session, changed)
    split.shops["accounts"].app.extensions["bookstore.accounts"] = replace(
        split.shops["accounts"].app.extensions["bookstore.accounts"], policy=changed
    )
    again = log_in(split, "Ana Sells", "ana@example.com", ana.user_id)
    for person in (ana, again):
        assert [person.get(page).status_code for page in ("/orders/", "/sell")] == [200, 200]


def test_unknown_is_not_invalid(split: SplitShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """When too many keys are asked for, a cookie that cannot be judged now is kept."""
    ana = join(split, "Ana Sells", "ana@example.com")
    verifier = split.shops["orders"].app.extensions["bookstore.verifier"]

    def refuse() -> None:
        raise AccountsUnavailable

    monkeypatch.setattr(verifier._keys, "_take_allowance", refuse)
    answer = ana.get("/orders/")
    assert answer.status_code == 503
    assert ana.browser.get_cookie("bookstore_token") is not None
    monkeypatch.undo()
    assert ana.get("/orders/").status_code == 200
