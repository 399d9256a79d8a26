"""A spike is borne when nobody is treated badly, whoever ordered could pay, and all is soon as usual."""

import pytest
from bench.open_load import Asked, Load
from bench.rush import Tills, judged, recovered

REFUSED = "status 503 with Retry-After"


def seconds(*kinds: str) -> list[Asked]:
    """One request in each second from 100 on: quick, slow, or refused."""
    asked = {"quick": (0.01, ""), "slow": (0.25, ""), "refused": (0.01, REFUSED)}
    return [Asked(100.0 + place, *asked[kind]) for place, kind in enumerate(kinds)]


@pytest.mark.parametrize(
    ("kinds", "after"),
    [
        (("quick", "quick"), 0),
        (("slow", "quick"), 1),
        (("quick", "refused", "slow", "quick"), 3),
        (("quick", "slow"), None),
        ((), None),
    ],
)
def test_recovered_is_the_second_from_which_on_all_is_as_usual(
    kinds: tuple[str, ...], after: int | None
) -> None:
    assert recovered(seconds(*kinds), 100.0) == after


def test_what_was_asked_during_the_spike_says_nothing_of_the_recovery() -> None:
    assert recovered([Asked(99.0, 30.0, REFUSED), *seconds("quick")], 100.0) == 0


def test_polite_refusals_are_borne_and_everything_else_is_wrong() -> None:
    asked = [Asked(50.0, 2.0, ""), Asked(51.0, 0.1, REFUSED), *seconds("quick")]
    done = judged(Load(asked=asked), Tills(3, 3), 50.0, over=100.0)
    assert (done.requests, done.refused, done.wrong, done.p99_of_served) == (3, 1, {}, 2000.0)
    assert done.is_borne


@pytest.mark.parametrize("wrong", ["status 503", "status 500", "no answer", "a wrong page"])
def test_one_that_is_not_refused_politely_is_too_many(wrong: str) -> None:
    asked = [Asked(50.0, 0.1, wrong), *seconds("quick")]
    assert not judged(Load(asked=asked), Tills(), 50.0, over=100.0).is_borne


def test_an_order_that_could_not_be_paid_is_one_too_many() -> None:
    assert not judged(Load(asked=seconds("quick")), Tills(3, 2), 50.0, over=100.0).is_borne


def test_eleven_seconds_are_too_long() -> None:
    asked = seconds(*["slow"] * 11, "quick")
    assert not judged(Load(asked=asked), Tills(), 50.0, over=100.0).is_borne
    assert judged(Load(asked=asked[1:]), Tills(), 50.0, over=101.0).is_borne
