"""What requests cost is the difference of two looks, without what an idle shop does by itself."""

import pytest
from bench.usage import Idle, Usage, cost


def look(cpu: float, memory: float, statements: int, commits: int, busy: float) -> Usage:
    return Usage({"app": cpu}, {"app": memory}, {"app": 9}, statements, commits, busy)


def test_the_cost_is_told_per_thousand_requests_and_per_request() -> None:
    before, after = look(10.0, 200.0, 1000, 10, 100.0), look(12.0, 210.0, 3040, 412, 107.0)
    idle = Idle.between(look(0, 0, 0, 0, 0), look(0, 0, 40, 2, 0), 4.0)
    found = cost(before, after, idle, requests=400, seconds=4.0, generator=1.0)
    assert found.cpu == {"app": pytest.approx(5.0)}
    assert found.memory == {"app": 210.0}
    assert found.grown == {"app": pytest.approx(25.0)}
    assert found.statements == pytest.approx(5.0)
    assert found.commits == pytest.approx(1.0)
    # 7 s of processors were used: 2 by the shop, 1 by the load.
    assert found.others == pytest.approx(1.0)


def test_a_cost_is_never_below_zero() -> None:
    quiet = look(0, 0, 0, 0, 0)
    found = cost(quiet, quiet, Idle(statements=9.0, commits=1.0), requests=1, seconds=1.0)
    assert (found.statements, found.commits, found.others) == (0.0, 0.0, 0.0)
