"""A run as one page that needs nothing beside it: a table, latencies over rates, ratios to the limits."""

import io
from pathlib import Path

import matplotlib as mpl
from jinja2 import Environment, StrictUndefined

mpl.use("svg")
import matplotlib.pyplot as plt  # after the choice of what draws

from bench.results import Result, Run
from bench.sustained import P99_MILLISECONDS
from bench.telling import COLUMNS, figures_of

TEMPLATE = Path(__file__).parent / "report.html.jinja"


def write_report(run: Run, path: Path) -> None:
    """Draw the run."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    rows = [(result, figures_of(result.best) if result.best else {}) for result in run.results]
    page = environment.from_string(TEMPLATE.read_text()).render(
        run=run,
        rows=rows,
        columns=COLUMNS,
        limit_ms=P99_MILLISECONDS,
        latencies=_latencies(run),
        ratios=_ratios(run),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page)


def _latencies(run: Run) -> str:
    """p99 over the rate, a line for each scenario, with p50 below it."""
    figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    for place, result in enumerate(run.results):
        _draw_latencies(axes, result, f"C{place}")
    axes.axhline(P99_MILLISECONDS, color="tab:gray", linewidth=0.8)
    axes.set(xscale="log", yscale="log", xlabel="requests/s", ylabel="ms (p99; dotted: p50)")
    axes.legend(loc="upper left", fontsize="small")
    return _as_svg(figure)


def _draw_latencies(axes: plt.Axes, result: Result, color: str) -> None:
    answered = [one for one in result.trials if one.p99 is not None]
    trials = sorted(answered, key=lambda one: one.rate)
    rates = [one.requests / one.counted_seconds for one in trials]
    axes.plot(rates, [one.p99 for one in trials], "o-", color=color, markersize=3, label=result.name)
    axes.plot(rates, [one.p50 for one in trials], ":", color=color)


def _ratios(run: Run) -> str:
    """Each scenario's part of its limit."""
    told = [(result.name, result.ratio) for result in run.results if result.ratio is not None]
    figure, axes = plt.subplots(figsize=(9, 0.6 + 0.4 * len(told)), layout="constrained")
    bars = axes.barh([name for name, _ in told], [100 * ratio for _, ratio in told])
    axes.bar_label(bars, fmt="%.1f %%", padding=3)
    axes.invert_yaxis()
    axes.set_xlabel("% of the limit taken in the same run")
    return _as_svg(figure)


def _as_svg(figure: plt.Figure) -> str:
    """The drawing as an element of a page."""
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    plt.close(figure)
    return drawn.getvalue()[drawn.getvalue().index("<svg") :]
