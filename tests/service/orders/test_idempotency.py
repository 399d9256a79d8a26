"""Requests that are repeated."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select

from bookstore.orders import idempotency
from bookstore.orders.idempotency import (
    Answer,
    IdempotencyKey,
    IdempotencyKeyRequired,
    IdempotencyKeyReused,
    RepeatedRefusal,
    Request,
    RequestInProgress,
)
from bookstore.orders.policy import Policy
from bookstore.orders.ports import CatalogUnavailable, OutOfStock
from bookstore.shared.clock import utcnow
from tests.service.orders.crashes import SimulatedCrash
from tests.service.orders.stall import Stall


class Work:
    """Something that must happen once; it counts how often it does."""

    def __init__(self, outcome: BaseException | None = None) -> None:
        self.outcome = outcome
        self.subjects: list[str] = []

    def __call__(self, subject: str) -> Answer:
        self.subjects.append(subject)
        if self.outcome is not None:
            raise self.outcome
        return Answer(201, {"reference": subject})


def ask(
    stall: Stall,
    work: Any,
    key: str = "the key",
    *,
    user: str = "bruno",
    body: dict[str, Any] | None = None,
    operation: str = "place_order",
    policy: Policy | None = None,
) -> Answer:
    numbers = iter(f"number {count}" for count in range(100))
    with stall.session() as session:
        return idempotency.once(
            session,
            policy or Policy(request_wait=timedelta(0)),
            Request(user, operation, key, body or {"lines": [1]}),
            lambda: next(numbers),
            work,
        )


def test_the_first_answer_is_given_again(stall: Stall) -> None:
    work = Work()

    first = ask(stall, work)

    assert ask(stall, work) == first == Answer(201, {"reference": "number 0"})
    assert work.subjects == ["number 0"]


def test_the_order_of_the_fields_of_a_body_does_not_matter(stall: Stall) -> None:
    work = Work()

    ask(stall, work, body={"a": 1, "b": 2})
    ask(stall, work, body={"b": 2, "a": 1})

    assert len(work.subjects) == 1


def test_the_same_key_for_something_else_is_refused(stall: Stall) -> None:
    work = Work()
    ask(stall, work)

    with pytest.raises(IdempotencyKeyReused):
        ask(stall, work, body={"lines": [2]})

    assert len(work.subjects) == 1


@pytest.mark.parametrize("other", [{"user": "carla"}, {"operation": "pay"}, {"key": "The Key"}])
def test_keys_are_each_users_own_for_each_operation_and_letter_by_letter(
    stall: Stall, other: dict[str, str]
) -> None:
    work = Work()
    ask(stall, work)

    ask(stall, work, **other)  # type: ignore[arg-type]

    assert len(work.subjects) == 2


@pytest.mark.parametrize("key", ["", " ", " a", "ñ", "x" * 256, "line\nbreak"])
def test_a_request_without_a_proper_key_is_refused(stall: Stall, key: str) -> None:
    work = Work()

    with pytest.raises(IdempotencyKeyRequired):
        ask(stall, work, key)
    assert work.subjects == []


def test_a_refusal_is_an_answer_too(stall: Stall) -> None:
    work = Work(OutOfStock([7]))
    with pytest.raises(OutOfStock):
        ask(stall, work)
    work.outcome = None

    with pytest.raises(RepeatedRefusal) as again:
        ask(stall, work)

    assert (again.value.status, again.value.code) == (409, "out_of_stock")
    assert again.value.details == {"listing_ids": [7]}
    assert str(again.value) == str(OutOfStock([7]))
    assert len(work.subjects) == 1


@pytest.mark.parametrize("failure", [CatalogUnavailable(), RuntimeError("a bug")])
def test_what_failed_on_our_side_is_tried_again_with_the_same_number(
    stall: Stall, failure: Exception
) -> None:
    work = Work(failure)
    with pytest.raises(type(failure)):
        ask(stall, work)
    work.outcome = None

    assert ask(stall, work).body == {"reference": "number 0"}
    assert work.subjects == ["number 0", "number 0"]


def test_after_a_crash_the_request_goes_on_with_the_same_number(stall: Stall) -> None:
    work = Work(SimulatedCrash())
    with pytest.raises(SimulatedCrash):
        ask(stall, work)
    work.outcome = None

    with pytest.raises(RequestInProgress):
        ask(stall, work)
    with time_machine.travel(utcnow() + Policy().request_claim + timedelta(seconds=1)):
        assert ask(stall, work).body == {"reference": "number 0"}
    assert work.subjects == ["number 0", "number 0"]


def test_of_twenty_at_once_one_is_carried_out_and_all_get_its_answer(stall: Stall) -> None:
    start = threading.Barrier(20)
    work = Work()

    def send(_: int) -> Answer:
        start.wait()
        return ask(stall, work, policy=Policy(request_wait=timedelta(seconds=20)))

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send, range(20)))

    assert answers == [Answer(201, {"reference": "number 0"})] * 20
    assert work.subjects == ["number 0"]


def test_who_does_not_want_to_wait_is_told_that_it_is_in_progress(stall: Stall) -> None:
    inside, done = threading.Event(), threading.Event()

    def slow(subject: str) -> Answer:
        inside.set()
        done.wait(timeout=30)
        return Answer(201, {"reference": subject})

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, stall, slow)
        inside.wait(timeout=30)
        with pytest.raises(RequestInProgress):
            ask(stall, Work())
        done.set()
        assert first.result(timeout=30).status == 201


def test_keys_are_forgotten_after_two_days(stall: Stall) -> None:
    work = Work()
    ask(stall, work, "old")
    with time_machine.travel(utcnow() + timedelta(hours=47), tick=True):
        ask(stall, work, "young")

    with time_machine.travel(utcnow() + timedelta(hours=48, seconds=5)), stall.session() as session:
        assert idempotency.purge(session, Policy()) == 1
        assert idempotency.purge(session, Policy()) == 0
    with stall.database.reading() as session:
        assert session.scalar(select(func.count(IdempotencyKey.id))) == 1


def test_an_order_placed_through_a_crash_is_one_order(stall: Stall) -> None:
    """The number of the order is stored with the key before the copies are held."""
    policy = replace(stall.policy, request_claim=timedelta(0))
    placed: list[str] = []

    def place_and_die(reference: str) -> Answer:
        placed.append(stall.order((1, 2), reference=reference).reference)
        raise SimulatedCrash

    def place(reference: str) -> Answer:
        return Answer(201, {"reference": stall.order((1, 2), reference=reference).reference})

    with pytest.raises(SimulatedCrash):
        ask(stall, place_and_die, policy=policy)
    answer = ask(stall, place, policy=policy)

    assert [answer.body["reference"]] == placed
    assert stall.catalog.copies(1) == (1, 2, 0)
