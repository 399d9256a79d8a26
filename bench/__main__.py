"""`python -m bench`: what operators and engineers type to measure the shop."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import click

from bench.pages import measure
from bench.shop import stocked_shop
from bookstore.shared.telemetry import configure_logging


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
    with stocked_shop(catalog) as shop, _written_nowhere():
        costs = list(measure(shop, batches=batches, calls=calls))
    click.echo(f"{'page':<26}{'ms of CPU':>10}{'statements':>12}{'commits':>9}{'bytes':>9}")
    for cost in costs:
        counted = f"{cost.statements:>12.1f}{cost.commits:>9.1f}{cost.size:>9,}"
        click.echo(f"{cost.name:<26}{cost.milliseconds:>10.2f}{counted}")


@contextmanager
def _written_nowhere() -> Iterator[None]:
    """Let the shop write its log, which costs what it costs in production, where nobody reads it."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        configure_logging("json", "INFO")
        yield


if __name__ == "__main__":
    main()
