"""`python -m bench`: what operators and engineers type to measure the shop."""

from pathlib import Path

import click

from bench.load_commands import (
    compare_runs,
    compare_sizes,
    compare_with_plain,
    import_many,
    run,
    soak_long,
    spike_once,
)
from bench.pages import measure
from bench.search import Figures
from bench.search import measure as measure_search
from bench.shop import stocked_shop, written_nowhere


@click.group()
def main() -> None:
    """Measure the shop. Every figure is of this machine and this moment; compare those of one run."""


@main.command()
@click.option(
    "--catalog",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of books to import first.  [default: the sample catalog]",
)
@click.option("--batches", type=click.IntRange(1), default=20, show_default=True)
@click.option("--calls", type=click.IntRange(1), default=20, show_default=True, help="Requests of a batch.")
def pages(catalog: Path | None, batches: int, calls: int) -> None:
    """What each page costs the app alone, in processor time and statements."""
    with stocked_shop(catalog) as shop, written_nowhere():
        costs = list(measure(shop, batches=batches, calls=calls))
    click.echo(f"{'page':<26}{'ms of CPU':>10}{'statements':>12}{'commits':>9}{'bytes':>9}")
    for cost in costs:
        counted = f"{cost.statements:>12.1f}{cost.commits:>9.1f}{cost.size:>9,}"
        click.echo(f"{cost.name:<26}{cost.milliseconds:>10.2f}{counted}")


@main.command()
@click.option(
    "--books", type=click.IntRange(100), default=(10_000, 1_000_000), show_default=True, multiple=True
)
@click.option("--queries", type=click.IntRange(20), default=300, show_default=True, help="Of each kind.")
def search(books: tuple[int, ...], queries: int) -> None:
    """What a search costs in the index, with facets, and its ratio to the smallest catalog of this run."""
    figures = [measure_search(number, queries) for number in sorted(books)]
    for each in figures:
        _tell_search(each, beside=figures[0])


def _tell_search(figures: Figures, *, beside: Figures) -> None:
    click.echo(
        f"{figures.books:,} books: built in {figures.build:.1f} s, "
        f"used from a copy after {figures.start:.2f} s, "
        f"a change found after {figures.change:.2f} s, "
        f"{figures.disk:.0f} MB on disk, {figures.memory:.1f} MB of a process"
    )
    click.echo(f"  {'query':<22}{'p50 ms':>10}{'p95 ms':>10}{'ratio':>8}{'found':>8}")
    for timing, base in zip(figures.timings, beside.timings, strict=True):
        ratio = f"{timing.p95 / base.p95:>8.1f}"
        click.echo(f"  {timing.kind:<22}{timing.p50:>10.2f}{timing.p95:>10.2f}{ratio}{timing.found:>8.0%}")


for command in (run, compare_runs, compare_with_plain, compare_sizes, import_many, spike_once, soak_long):
    main.add_command(command)

if __name__ == "__main__":
    main()
