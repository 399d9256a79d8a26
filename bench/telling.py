"""What a run has found, in lines for a terminal."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bench.results import Change, Result, Run
from bench.sustained import P99_MILLISECONDS, Trial

COLUMNS = ("p50", "p95", "p99", "p99.9", "errors", "app", "nginx", "database", "statements", "MB", "others")
# What is told by itself; every other program is the shop's.
OTHERS = ("nginx", "database")


def run_lines(run: Run) -> Iterator[str]:
    """The table of a run."""
    yield (
        f"At the highest rate with p99 under {P99_MILLISECONDS:.0f} ms; milliseconds; seconds of processor "
        "time per 1,000 requests; MB of memory in all. The ratios are of the rate and of processor time to a "
        "limit:"
    )
    yield f"{'scenario':<16}{'per second':>14}{'ratio':>8}{'CPU':>8}" + "".join(
        f"{name:>11}" for name in COLUMNS
    )
    for result in run.results:
        yield _result_line(result)
    for result in run.results:
        if result.limit:
            yield f"  {result.name}: the limit is {result.limit.name}, {result.limit.rate:,.1f}/s"


def change_lines(changes: Iterable[Change]) -> Iterator[str]:
    """How the ratios of two runs differ."""
    yield f"{'scenario':<16}{'ratio of':>10}{'before':>10}{'after':>10}{'factor':>10}"
    for one in changes:
        figures = (_ratio(one.before), _ratio(one.after), _ratio(one.factor, digits=2))
        yield f"{one.name:<16}{one.of:>10}" + "".join(f"{figure:>10}" for figure in figures)


def figures_of(trial: Trial) -> dict[str, str]:
    """The columns of a trial, as they are printed."""
    times = {"p50": trial.p50, "p95": trial.p95, "p99": trial.p99, "p99.9": trial.p999}
    figures = {name: "–" if value is None else f"{value:.0f}" for name, value in times.items()}
    figures["errors"] = str(sum(trial.errors.values()))
    return figures | _costs(trial.cost)


def _result_line(result: Result) -> str:
    if result.best is None:
        return f"{result.name:<16}{'none':>14}"
    figures = figures_of(result.best)
    rate = f"{result.rate:,.1f} {'orders' if result.counts == 'orders' else ''}".rstrip()
    columns = "".join(f"{figures.get(name, ''):>11}" for name in COLUMNS)
    return f"{result.name:<16}{rate:>14}{_ratio(result.ratio):>8}{_ratio(result.cpu_ratio):>8}{columns}"


def _costs(cost: Mapping[str, Any]) -> dict[str, str]:
    if not cost:
        return {}
    cpu = {name: cost["cpu"].get(name, 0.0) for name in OTHERS}
    cpu["app"] = sum(cost["cpu"].values()) - sum(cpu.values())
    told = {name: f"{seconds:.2f}" for name, seconds in cpu.items()}
    return told | {
        "statements": f"{cost['statements']:.1f}",
        "MB": f"{sum(cost['memory'].values()):.0f}",
        "others": f"{cost['others']:.1f}",
    }


def _ratio(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
