"""How many replicas there should be: exact values, and what holds whatever happens."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bookstore.autoscaling.policy import (
    Action,
    Aim,
    Decision,
    Load,
    Memory,
    Pace,
    Sight,
    decide,
    wanted,
)

AIM = Aim(minimum=2, maximum=8, target=4, p95_seconds=0.5)
PACE = Pace(up_seconds=15, down_seconds=60, step_up=2, step_down=1, tolerance=0.1, rebalance_seconds=30)
EVERY = 5.0
# Enough for every step from one end of the widest bounds to the other at the slowest pace.
MANY_LOOKS = 30 * 14


def load(in_flight: float, p95: float | None = 0.05, requests: float = 500) -> Load:
    return Load(in_flight=in_flight, requests=requests, p95_seconds=p95)


def sight(replicas: int = 4, in_flight: float = 16, at: float = 0, **changes: object) -> Sight:
    whole = Sight(at=at, replicas=replicas, running=replicas, answering=replicas, load=load(in_flight))
    return replace(whole, **changes)  # type: ignore[arg-type]


def follow(sights: Iterable[Sight], aim: Aim = AIM, pace: Pace = PACE) -> list[Decision]:
    memory, decisions = Memory(), []
    for one in sights:
        decision, memory = decide(one, aim, pace, memory)
        decisions.append(decision)
    return decisions


def live(loads: Iterable[Load], replicas: int, aim: Aim = AIM, pace: Pace = PACE) -> list[Decision]:
    """What is decided when each decision comes true before the next look."""
    memory, decisions = Memory(), []
    for number, one in enumerate(loads):
        seen = replace(sight(replicas, at=number * EVERY), load=one)
        decision, memory = decide(seen, aim, pace, memory)
        decisions.append(decision)
        replicas = decision.replicas
    return decisions


@pytest.mark.parametrize(
    ("replicas", "in_flight", "wish"),
    [
        (4, 16.0, 4),
        # The band of the tolerance: 4.4 in each replica is not too much, and 12 fit in 3 only when 10.8 do.
        (4, 17.6, 4),
        (4, 17.7, 5),
        (4, 12.0, 4),
        (4, 10.8, 3),
        (4, 10.9, 4),
        (4, 24.0, 6),
        (4, 900.0, 8),
        (4, 0.0, 2),
    ],
)
def test_requests_in_flight_ask_for_so_many(replicas: int, in_flight: float, wish: int) -> None:
    assert wanted(sight(replicas, in_flight), AIM, PACE.tolerance) == wish


@pytest.mark.parametrize(
    ("in_flight", "p95", "requests", "wish"),
    [
        (4, 0.51, 500, 5),
        # Fewer would be too slow, though there is little to do.
        (4, 0.36, 500, 4),
        (4, 0.34, 500, 2),
        # One slow page among a few says nothing.
        (4, 9.0, 19, 2),
        (4, None, 0, 2),
        (24, 0.51, 500, 6),
    ],
)
def test_slow_answers_ask_for_one_more(in_flight: float, p95: float | None, requests: int, wish: int) -> None:
    seen = sight(4, load=load(in_flight, p95, requests))
    assert wanted(seen, AIM, PACE.tolerance) == wish


def test_without_a_limit_slow_answers_do_not_matter() -> None:
    seen = sight(4, load=load(16, 9.0))
    assert wanted(seen, replace(AIM, p95_seconds=None), PACE.tolerance) == 4


def test_up_comes_after_a_whole_period_of_asking_and_in_steps() -> None:
    decisions = live([load(30)] * 8, replicas=4)
    assert [one.replicas for one in decisions] == [4, 4, 4, 6, 6, 6, 6, 8]
    assert [one.action for one in decisions].count(Action.UP) == 2
    assert decisions[0].why == "more_soon"
    assert decisions[3].reason == (
        "for 15 s it has asked for 8 or more: 30.0 requests in flight in 4 replicas, p95 50 ms"
    )


def test_down_comes_after_its_own_period_one_at_a_time() -> None:
    decisions = live([load(1)] * 27, replicas=4)
    assert [one.replicas for one in decisions] == [4] * 12 + [3] * 13 + [2] * 2
    assert decisions[12].action is Action.DOWN


def test_a_moment_of_quiet_starts_the_period_of_up_anew() -> None:
    decisions = live([load(30), load(30), load(16), load(30), load(30), load(30), load(30)], replicas=4)
    assert [one.action for one in decisions[:-1]] == [Action.HOLD] * 6
    assert decisions[-1].action is Action.UP


def test_what_was_asked_for_before_a_gap_does_not_count() -> None:
    seen = [sight(4, 30, at=at) for at in (0, 5, 10, 40, 45, 50, 55)]
    assert [one.action for one in follow(seen)] == [Action.HOLD] * 6 + [Action.UP]


@pytest.mark.parametrize(("replicas", "bound", "action"), [(1, 2, Action.UP), (12, 8, Action.DOWN)])
def test_a_number_outside_of_the_bounds_is_put_right_at_once(
    replicas: int, bound: int, action: Action
) -> None:
    [decision] = follow([sight(replicas, 4.0 * replicas)])
    assert (decision.action, decision.replicas, decision.why) == (action, bound, "bounds")


@pytest.mark.parametrize(
    ("changes", "why", "reason"),
    [
        ({"replicas": 0, "running": 0, "answering": 0}, "stopped", "somebody has scaled it to 0"),
        ({"changing": "an update of shop_edge is under way"}, "changing", "shop_edge is under way"),
        ({"running": 7, "answering": 7}, "not_running", "only 7 of 8 replicas run"),
        ({"answering": 6}, "silent", "only 6 of 8 replicas tell their metrics"),
        ({"load": None, "unknown": "it was looked at for the first time"}, "no_load", "for the first time"),
    ],
)
def test_it_refuses_and_says_why(changes: dict[str, object], why: str, reason: str) -> None:
    """However much there is to do, and outside of the bounds as well."""
    seen = [replace(sight(8, 900.0, at=number * EVERY), **changes) for number in range(5)]
    for decision in follow(seen, replace(AIM, maximum=7)):
        assert (decision.action, decision.why) == (Action.REFUSE, why)
        assert reason in decision.reason


def test_a_refusal_or_two_do_not_begin_the_period_anew() -> None:
    """A replica that is late with its metrics must not keep the others alone with the load."""
    seen = [sight(4, 30, at=at) for at in (0, 5, 10, 15)]
    seen[1:3] = [replace(one, answering=3) for one in seen[1:3]]
    assert [one.action for one in follow(seen)][-1] is Action.UP


def on_nodes(at: float, **spread: int) -> Sight:
    replicas = sum(spread.values())
    return sight(replicas, 4.0 * replicas, at=at, spread=spread)


def test_a_node_that_came_back_gets_its_share_once() -> None:
    gone = [on_nodes(at, a=3, b=3) for at in (0, 5)]
    back = [on_nodes(at, a=3, b=3, c=0) for at in range(10, 80, 5)]
    decisions = follow([*gone, *back])
    assert [one.action for one in decisions].index(Action.REBALANCE) == len(gone) + 6
    assert [one.action for one in decisions].count(Action.REBALANCE) == 1
    assert "c came back and has 0, while another node has 3" in decisions[8].reason


def test_nodes_that_were_there_from_the_beginning_are_left_as_they_are() -> None:
    """Labels of zones make nodes uneven on purpose."""
    seen = [on_nodes(at, a=4, b=1) for at in range(0, 600, 5)]
    assert {one.action for one in follow(seen)} == {Action.HOLD}


def test_a_newcomer_that_was_filled_meanwhile_is_none_any_more() -> None:
    seen = [on_nodes(0, a=4), on_nodes(5, a=4, b=0), on_nodes(10, a=4, b=3)]
    seen += [on_nodes(at, a=4, b=2) for at in range(15, 100, 5)]
    assert Action.REBALANCE not in {one.action for one in follow(seen)}


aims = st.builds(
    lambda minimum, room, target, p95: Aim(
        minimum=minimum, maximum=minimum + room, target=target, p95_seconds=p95
    ),
    st.integers(1, 10),
    st.integers(0, 20),
    st.floats(0.5, 50),
    st.none() | st.floats(0.01, 5),
)
paces = st.builds(
    Pace,
    up_seconds=st.floats(EVERY, 60),
    down_seconds=st.floats(EVERY, 60),
    step_up=st.integers(1, 5),
    step_down=st.integers(1, 5),
    tolerance=st.floats(0.01, 0.5),
)
loads = st.builds(
    Load, in_flight=st.floats(0, 2000), requests=st.floats(0, 1e5), p95_seconds=st.none() | st.floats(0, 10)
)


@given(aims, paces, st.lists(loads, min_size=1, max_size=80), st.integers(1, 30))
def test_it_stays_within_bounds_steps_and_cool_downs(
    aim: Aim, pace: Pace, seen: list[Load], replicas: int
) -> None:
    decisions = live(seen, replicas, aim, pace)
    before, changed_at = replicas, 0.0
    for number, decision in enumerate(decisions):
        assert aim.minimum <= decision.replicas <= aim.maximum
        change = decision.replicas - before
        if decision.why == "bounds":
            assert number == 0
        elif change:
            assert -pace.step_down <= change <= pace.step_up
            rest = pace.up_seconds if change > 0 else pace.down_seconds
            assert number * EVERY - changed_at >= rest
            changed_at = number * EVERY
        before = decision.replicas


# 5.000000000000001 s before a look at 40 s is, rounded, 35 s: a look that is not so long ago.
@example(
    Aim(minimum=1, maximum=30, target=1.0),
    Pace(up_seconds=5.0, down_seconds=5.000000000000001, step_up=1, step_down=1, tolerance=0.5),
    0.0,
    10,
)
@given(aims, paces, st.floats(0, 2000), st.integers(1, 30))
def test_a_steady_load_is_met_without_turning_back(
    aim: Aim, pace: Pace, in_flight: float, replicas: int
) -> None:
    decisions = live([load(in_flight, p95=0.0)] * MANY_LOOKS, replicas, aim, pace)
    numbers = [one.replicas for one in decisions]
    assert numbers in (sorted(numbers), sorted(numbers, reverse=True))
    last = numbers[-1]
    assert last == aim.maximum or in_flight <= last * aim.target * (1 + pace.tolerance) * 1.000001
    assert last == aim.minimum or in_flight > (last - 1) * aim.target * (1 - pace.tolerance) * 0.999999


@given(st.lists(st.floats(0.91, 1.09), min_size=1, max_size=200), st.integers(2, 8))
def test_noise_within_the_band_changes_nothing(noise: list[float], replicas: int) -> None:
    # At the top of its band a number of replicas is the least that suffices, however the load trembles.
    seen = [load(part * replicas * AIM.target) for part in noise]
    assert {one.replicas for one in live(seen, replicas)} == {replicas}


@given(aims, paces, loads, st.integers(0, 30), st.data())
def test_nothing_is_done_without_metrics_of_all_replicas(
    aim: Aim, pace: Pace, one: Load, replicas: int, data: st.DataObject
) -> None:
    running = data.draw(st.integers(0, replicas))
    answering = data.draw(st.integers(0, max(running - 1, 0)))
    seen = Sight(at=0, replicas=replicas, running=running, answering=answering, load=one)
    [decision] = follow([seen], aim, pace)
    assert (decision.action, decision.replicas) == (Action.REFUSE, replicas)
