"""The highest sustained rate is found by doubling and bisecting, and percentiles are nearest ranks."""

from collections.abc import Callable

import pytest
from bench.open_load import Asked, Load
from bench.sustained import Trial, best_of, highest, percentile, trial_of


def trial(rate: float, p99: float, errors: int = 0, others: float = 0.5) -> Trial:
    return Trial(
        rate=rate,
        counted_seconds=1.0,
        requests=1000,
        right=rate,
        errors={"status 500": errors} if errors else {},
        p50=1.0,
        p95=1.0,
        p99=p99,
        p999=p99,
        generator=0.02,
        body_bytes=100,
        cost={"others": others},
    )


def carries(most: float) -> Callable[[float], Trial]:
    """A shop that answers in time up to this rate."""
    return lambda rate: trial(rate, 249.9 if rate <= most else 250.0)


def test_the_rate_is_doubled_until_it_fails_twice_and_then_bisected() -> None:
    rates = [one.rate for one in highest(carries(110), 10)]
    assert rates == [10, 20, 40, 80, 160, 160, 120, 120, 100, 110]


def test_a_first_rate_that_is_too_high_is_halved() -> None:
    rates = [one.rate for one in highest(carries(3), 10)]
    assert rates == [10, 10, 5, 5, 2.5, 3.75, 3.75, 3.125, 3.125, 2.8125]


def test_what_sustains_nothing_has_no_best_rate() -> None:
    trials = highest(carries(0), 16)
    assert [one.rate for one in trials] == [16, 16, 8, 8, 4, 4, 2, 2, 1, 1]
    assert best_of(trials) is None


def test_a_rate_that_fails_once_is_tried_again() -> None:
    answers = iter([300.0, 100.0])
    trials = highest(lambda rate: trial(rate, next(answers, 300.0)), 10, bisections=0)
    assert [one.rate for one in trials] == [10, 10, 20, 20]
    assert best_of(trials) is trials[1]


def test_a_failure_while_others_take_the_processors_counts_half() -> None:
    trials = highest(lambda rate: trial(rate, 300.0 if rate > 10 else 100.0, others=0.6), 10, bisections=0)
    assert [one.rate for one in trials] == [10, 20, 20, 20, 20]


@pytest.mark.parametrize(("errors", "sustained"), [(0, True), (1, True), (2, False)])
def test_one_error_in_a_thousand_is_borne(errors: int, sustained: bool) -> None:
    assert trial(10, 100, errors).is_sustained is sustained


@pytest.mark.parametrize(
    ("part", "milliseconds"), [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0), (0.999, 999.0), (0.0, 1.0)]
)
def test_percentiles_are_nearest_ranks(part: float, milliseconds: float) -> None:
    assert percentile([number / 1000 for number in range(1, 1001)], part) == pytest.approx(milliseconds)


def test_of_nothing_there_is_no_percentile() -> None:
    assert percentile([], 0.5) is None


def test_a_trial_tells_right_answers_per_second_and_errors_by_kind() -> None:
    asked = [Asked(0.0, 0.010, ""), Asked(0.5, 0.030, "status 500"), Asked(1.0, 0.020, "")]
    load = Load(answers=4, asked=asked, body_bytes=400, seconds_of_cpu=0.002)
    found = trial_of(load, 2.0, 2.0)
    assert (found.requests, found.right, found.errors) == (3, 1.0, {"status 500": 1})
    assert (found.p50, found.p99, found.body_bytes) == (20.0, 30.0, 100)
    assert found.generator == pytest.approx(0.5)
