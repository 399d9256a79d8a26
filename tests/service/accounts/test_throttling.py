"""Limits hold per account and per address, across replicas, and in a rush."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from bookstore.accounts import throttling
from bookstore.accounts.models import AttemptCounter, UserSession
from bookstore.shared.errors import TooManyRequests
from tests.people import PASSWORD, join, submit
from tests.service.accounts.rows import count

MORNING = datetime(2030, 5, 4, 9, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=15)


def try_login(app, email="ana@example.com", password="not her password", address="10.0.0.1"):
    return app.test_client().post(
        "/api/v1/accounts/sessions",
        json={"email": email, "password": password},
        environ_base={"REMOTE_ADDR": address},
    )


def attempts(database):
    with database.reading() as session:
        return {row.name: row.attempts for row in session.query(AttemptCounter)}


def test_after_too_many_failures_even_the_right_password_must_wait(new_app, database):
    app = new_app(failures_per_account=3)
    with time_machine.travel(MORNING, tick=False) as clock:
        ana = join(app, "Ana Sells", "ana@example.com")
        assert [try_login(app).status_code for _ in range(3)] == [401, 401, 401]
        before = count(database, UserSession)
        clock.shift(60)
        refused = try_login(app, password=PASSWORD)
        assert refused.status_code == 429
        assert refused.json["code"] == "too_many_requests"
        assert refused.headers["Retry-After"] == str(14 * 60)
        assert count(database, UserSession) == before
        clock.shift(14 * 60)
        assert try_login(app, password=PASSWORD).status_code == 201
    assert ana.email == "ana@example.com"


def test_the_page_shows_the_refusal_in_the_style_of_the_shop(new_app):
    app = new_app(failures_per_account=1)
    join(app, "Ana Sells", "ana@example.com")
    try_login(app)
    answer = submit(app.test_client(), "/accounts/login", {"email": "ana@example.com", "password": PASSWORD})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) <= 900
    assert "Too many attempts." in answer.text


def test_an_unknown_address_is_limited_like_a_known_one(new_app):
    app = new_app(failures_per_account=2)
    codes = [try_login(app, email="nobody@example.com").status_code for _ in range(3)]
    assert codes == [401, 401, 429]


def test_the_spelling_of_the_address_does_not_give_more_attempts(new_app):
    app = new_app(failures_per_account=2)
    spellings = ["ana@example.com", "ANA@example.com", "Ana@Example.COM"]
    assert [try_login(app, email=email).status_code for email in spellings] == [401, 401, 429]


def test_one_client_address_is_limited_over_all_accounts(new_app):
    app = new_app(failures_per_address=2)
    join(app, "Ana Sells", "ana@example.com")
    codes = [try_login(app, email=f"p{number}@example.com").status_code for number in range(2)]
    assert codes == [401, 401]
    assert try_login(app, password=PASSWORD).status_code == 429
    assert try_login(app, password=PASSWORD, address="10.0.0.2").status_code == 201


def test_the_limit_holds_across_two_replicas(new_app):
    first, second = new_app(failures_per_account=2), new_app(failures_per_account=2)
    assert try_login(first).status_code == 401
    assert try_login(second).status_code == 401
    assert try_login(first).status_code == 429
    assert try_login(second).status_code == 429


def test_success_begins_the_account_anew_and_costs_the_address_nothing(new_app, database):
    app = new_app(failures_per_account=3)
    join(app, "Ana Sells", "ana@example.com")
    for _ in range(2):
        try_login(app)
    assert try_login(app, password=PASSWORD).status_code == 201
    left = attempts(database)
    assert left["login:address:10.0.0.1"] == 2 + 0
    assert not any(name.startswith("login:account:") for name in left)
    assert [try_login(app).status_code for _ in range(4)] == [401, 401, 401, 429]


def test_nobody_is_told_apart_by_the_names_of_the_counters(new_app, database):
    try_login(new_app())
    with database.reading() as session:
        names = [row.name for row in session.query(AttemptCounter)]
    assert len(names) == 2
    assert not any("ana" in name for name in names)


def test_of_twenty_attempts_at_the_same_moment_five_get_through(database):
    start, outcomes = threading.Barrier(20), []

    def attempt():
        start.wait()
        try:
            with database.writing() as session:
                throttling.count_attempt(session, "login:account:x", 5, WINDOW)
            outcomes.append("through")
        except TooManyRequests:
            outcomes.append("refused")

    threads = [threading.Thread(target=attempt) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 15 + ["through"] * 5


def test_the_first_attempts_at_the_same_moment_all_get_through(database):
    """They all find no counter, and one makes it while the others look."""
    outcomes = []

    def attempt(start, counter):
        with database.writing() as session:
            start.wait()
            throttling.count_attempt(session, counter, 8, WINDOW)
        outcomes.append("through")

    for number in range(10):
        start = threading.Barrier(8)
        threads = [
            threading.Thread(target=attempt, args=(start, f"login:account:{number}")) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert outcomes == ["through"] * 80
    assert set(attempts(database).values()) == {8}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("2001:db8:1:2:3::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("", "unix:", True),
    ],
)
def test_a_subscriber_counts_as_one_address(one, other, same):
    counters = [throttling.address_counter("login", address) for address in (one, other)]
    assert (counters[0] == counters[1]) is same


def test_guesses_at_the_current_password_count_as_failed_logins(new_app, database):
    app = new_app(failures_per_account=2)
    ana = join(app, "Ana Sells", "ana@example.com")
    guess = {"current": "not her password", "new": "a wholly new password"}
    assert [ana.post("/accounts/password", guess).status_code for _ in range(3)] == [422, 422, 429]
    assert try_login(app, password=PASSWORD).status_code == 429
