"""A run is stored and read again unchanged, and runs are compared by their ratios to their limits."""

from pathlib import Path
from typing import Any

import pytest
from bench.report import write_report
from bench.results import Change, Limit, Result, Run, compare
from bench.sustained import Trial
from bench.telling import change_lines, run_lines

COST = {
    "cpu": {"app": 7.0, "worker": 1.0, "nginx": 0.5, "database": 1.5},
    "memory": {"app": 300.0, "worker": 100.0, "nginx": 10.0, "database": 190.0},
    "grown": {"app": 0.0, "worker": 0.0, "nginx": 0.0, "database": 0.0},
    "statements": 4.5,
    "commits": 0.0,
    "others": 1.25,
}
ABOUT = {
    "at": "2026-01-02T03:04:05+00:00",
    "commit": "0123456789ab",
    "cores": 2,
    "data": {"books": 10, "listings": 30, "catalog": None},
    "tls": False,
    "seconds": 4.0,
}


def trial(right: float, p99: float = 100.0, cost: Any = COST) -> Trial:
    return Trial(
        rate=right,
        counted_seconds=4.0,
        requests=int(4 * right),
        right=right,
        errors={},
        p50=20.0,
        p95=80.0,
        p99=p99,
        p999=120.0,
        generator=0.02,
        body_bytes=1000.0,
        cost=cost,
    )


def browsing(right: float, limit: float) -> Result:
    static = Limit("nginx, a file of 1,000 bytes", limit, 0.1)
    return Result("browse", "requests", 1.0, [trial(right), trial(2 * right, p99=900.0)], static)


def buying() -> Result:
    own = Limit("database, 105 statements and 15 commits by a C client", 100.0, 4.0)
    return Result("checkout", "orders", 2.0, [trial(40.0)], own)


def test_a_rate_is_that_of_the_best_trial_and_its_ratio_that_to_the_limit() -> None:
    result = browsing(50.0, 200.0)
    assert (result.rate, result.ratio, result.cpu_ratio) == (50.0, 0.25, 0.01)


def test_an_order_is_two_requests() -> None:
    result = buying()
    assert (result.rate, result.ratio, result.cpu_ratio) == (20.0, 0.2, 0.2)


def test_without_a_limit_there_is_no_ratio() -> None:
    result = Result("browse", "requests", 1.0, [trial(50.0)])
    assert (result.rate, result.ratio, result.cpu_ratio) == (50.0, None, None)


def test_a_stored_run_is_read_unchanged(tmp_path: Path) -> None:
    run = Run(ABOUT, [browsing(50.0, 200.0), buying()], [Limit("static", 200.0, None, [trial(200.0)])])
    run.save(tmp_path / "folder" / "run.json")
    assert Run.load(tmp_path / "folder" / "run.json") == run


def test_runs_are_compared_by_the_ratios_of_what_both_have() -> None:
    before, after = Run(ABOUT, [browsing(50.0, 200.0)]), Run(ABOUT, [buying(), browsing(50.0, 100.0)])
    assert compare(before, after) == [
        Change("browse", "rate", 0.25, 0.5),
        Change("browse", "CPU", 0.01, 0.01),
    ]
    assert [one.factor for one in compare(before, after)] == [2.0, 1.0]


def test_what_has_no_ratio_has_no_factor() -> None:
    assert Change("browse", "rate", None, 0.5).factor is None
    assert list(change_lines([Change("browse", "rate", None, 0.5)]))[1].split() == [
        *("browse", "rate", "–", "0.5000", "–")
    ]


def test_a_run_is_told_in_a_table() -> None:
    lines = list(run_lines(Run(ABOUT, [browsing(50.0, 200.0), buying()])))
    assert lines[2].split() == [
        *("browse", "50.0", "0.2500", "0.0100", "20", "80", "100", "120", "0"),
        *("8.00", "0.50", "1.50", "4.5", "600", "1.2"),
    ]
    assert lines[3].split()[:4] == ["checkout", "20.0", "orders", "0.2000"]
    assert lines[5] == (
        "  checkout: the limit is database, 105 statements and 15 commits by a C client, 100.0/s"
    )


def test_a_scenario_that_sustained_nothing_says_so() -> None:
    lines = list(run_lines(Run(ABOUT, [Result("browse", "requests", 1.0, [trial(8.0, p99=900.0)])])))
    assert lines[2].split() == ["browse", "none"]


def test_the_report_is_one_page_with_two_plots(tmp_path: Path) -> None:
    write_report(Run(ABOUT, [browsing(50.0, 200.0), buying()]), tmp_path / "run.html")
    page = (tmp_path / "run.html").read_text()
    assert page.count("<svg ") == 2
    assert "25.00 %" in page
    assert "src=" not in page
    assert page.count("<tr>") == 3


def test_a_file_that_is_no_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"about": {}}')
    with pytest.raises(KeyError, match="results"):
        Run.load(tmp_path / "run.json")
