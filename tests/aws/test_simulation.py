"""A simulated day: the policies act within their bounds and in time, and the documents say what came out."""

from pathlib import Path

import pytest
import yaml

from environment import Environment
from fleet import CPU_PERCENT
from simulation import Day, Measured, Policy, big_day, simulate
from tests.aws.synthesis import environment

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/scaling.md").read_text()
ONE = Measured(capacity=100, answer_seconds=0.01, boot_seconds=60, most_waiting=100)
TARGET = environment().requests_per_instance


def policy(fewest: int, most: int) -> Policy:
    return Policy(fewest=fewest, most=most, requests_per_minute=TARGET)


def peak(day: Day) -> int:
    return round(max(one.rate for one in day.minutes))


def test_a_quiet_day_changes_nothing() -> None:
    day = simulate(lambda second: 1.0, policy(2, 6), ONE)
    assert day.changes == []
    assert day.instance_hours == 48
    assert day.requests == pytest.approx(86400)


def test_a_jump_is_followed_after_three_minutes_and_a_boot() -> None:
    noon = 12 * 60
    day = simulate(lambda second: 250.0 if second >= noon * 60 else 1.0, policy(2, 6), ONE)
    first, many = day.changes[0]
    assert (first - noon, many) == (4, 6)
    assert day.refused > 0
    # The backlog is gone soon after the others came.
    assert day.minutes[first + 2].p95 < 0.1


def test_after_a_peak_the_group_shrinks_within_its_bounds_and_not_at_once() -> None:
    day = simulate(lambda second: 150.0 if second < 3600 else 1.0, policy(2, 4), ONE)
    assert {one.instances for one in day.minutes} == {2, 4}
    assert day.changes[-1][0] == 60 + 15


def test_more_than_the_group_may_have_is_refused_and_no_wait_is_endless() -> None:
    day = simulate(lambda second: 500.0, policy(2, 3), ONE)
    assert day.refused > 0.3 * day.requests
    assert max(one.p95 for one in day.minutes) < 5


def test_cpu_grows_the_group_where_requests_alone_would_not() -> None:
    slow = Measured(capacity=20, answer_seconds=0.05, boot_seconds=60, most_waiting=100)
    day = simulate(lambda second: 35.0, policy(2, 6), slow)
    assert TARGET > 35 * 60 / 2
    assert CPU_PERCENT < 100 * 35 / (2 * 20)
    assert day.minutes[-1].instances == 3


@pytest.mark.parametrize(
    ("average", "fewest", "most"),
    [(24, 2, 2), (24, 2, 3), (120, 2, 2), (120, 2, 3), (240, 3, 3), (240, 2, 3), (240, 2, 12), (480, 2, 12)],
)
def test_the_documents_say_what_came_out(average: int, fewest: int, most: int) -> None:
    day = simulate(big_day(average), policy(fewest, most))
    size = f"always {most}" if fewest == most else f"{fewest} to {most}"
    dollars = f"{day.dollars('t3.small'):.2f}"
    facts = [f"{average}, {peak(day)}", size, len(day.changes), day.slow_minutes, day.refused, dollars]
    assert f"| {' | '.join(map(str, facts))} |" in PAGE


def test_the_price_is_that_of_the_table() -> None:
    day = simulate(lambda second: 1.0, policy(2, 2), ONE)
    prices = yaml.safe_load((ROOT / "deploy/aws/prices.yaml").read_text())
    assert day.dollars("t3.small") == pytest.approx(48 * prices["instance"]["t3.small"])


def test_the_group_of_the_stacks_is_the_one_of_the_page() -> None:
    chosen: Environment = environment()
    assert f"grow beyond {chosen.requests_per_instance:,} requests a minute" in PAGE.replace("\n", " ")
    assert f"{CPU_PERCENT}% of CPU" in PAGE


def test_the_plot_of_the_page_is_the_one_that_is_drawn(tmp_path: Path) -> None:
    from plotting import plot

    plot(tmp_path)
    drawn = (tmp_path / "scaling-day.svg").read_text()
    kept = (ROOT / "docs/plots/scaling-day.svg").read_text()
    # Another version of what draws may draw otherwise; the curves are the same.
    assert drawn.count("<path") == kept.count("<path")
    assert "instances" in kept
