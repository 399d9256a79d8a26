"""The commands that start the whole shop and load it, or load another one."""

from pathlib import Path
from typing import Any

import click

from bench.filling import DataSet
from bench.flat import AT_MOST, flat_lines, measure_size, worst_ratio
from bench.imports import import_lines, measure_import
from bench.measuring import Bench
from bench.open_load import Shop
from bench.page_map import NotAPageMap, read_page_map
from bench.plain import difference_lines, differences
from bench.results import Run, compare
from bench.run import Opened, Plan, opened, run_other, run_own
from bench.rush import Rush, spike, spike_lines
from bench.scenarios import Scenario, mix
from bench.soak import soak, soak_lines
from bench.sustained import best_of
from bench.telling import change_lines, run_lines

RESULTS = Path(__file__).parent / "results"

_A_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _of_the_data(command: Any) -> Any:
    """The options that say what is in the shop."""
    for option in (
        click.option("--tls", is_flag=True, help="With TLS in nginx, instead of a balancer that ends it."),
        click.option("--catalog", type=_A_FILE, help="Books of a file instead of generated ones."),
        click.option("--listings", type=click.IntRange(0), default=30_000, show_default=True),
        click.option("--books", type=click.IntRange(100), default=10_000, show_default=True),
    ):
        command = option(command)
    return command


@click.command()
@_of_the_data
@click.option("--seconds", type=click.FloatRange(1), default=4.0, show_default=True, help="Of each trial.")
@click.option("--split", is_flag=True, help="As three services, each with a schema of its own.")
@click.option("--only", multiple=True, help="A scenario; may be repeated.  [default: all]")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=RESULTS)
@click.option("--url", help="A shop that runs anyway, instead of one that is started; needs --paths.")
@click.option("--paths", type=_A_FILE, help="Which pages that shop has (docs/benchmarks.md).")
def run(
    books: int,
    listings: int,
    catalog: Path | None,
    tls: bool,
    seconds: float,
    split: bool,
    only: tuple[str, ...],
    out: Path,
    url: str | None,
    paths: Path | None,
) -> None:
    """How much the shop carries, as it is deployed, and which part of the limit that is."""
    if (url is None) != (paths is None):
        raise click.UsageError("--url and --paths belong together")
    plan = Plan(DataSet(books, listings, catalog), seconds, tls, only, split)
    if url is not None and paths is not None:
        try:
            done = run_other(url, read_page_map(paths), plan, _say)
        except NotAPageMap as error:
            raise click.ClickException(str(error)) from error
    else:
        done = run_own(plan, _say)
    _keep(done, out)


@click.command("compare")
@click.argument("before", type=_A_FILE)
@click.argument("after", type=_A_FILE)
def compare_runs(before: Path, after: Path) -> None:
    """How the ratios of two stored runs differ."""
    try:
        changes = compare(Run.load(before), Run.load(after))
    except (KeyError, TypeError, ValueError) as error:
        raise click.ClickException(f"not a stored run: {error}") from error
    for line in change_lines(changes):
        click.echo(line)


@click.command("plain")
@_of_the_data
@click.option("--seconds", type=click.FloatRange(1), default=4.0, show_default=True, help="Of each trial.")
def compare_with_plain(books: int, listings: int, catalog: Path | None, tls: bool, seconds: float) -> None:
    """Pages as the app makes them, and made the plain way. Fails below three times the rate."""
    with opened(DataSet(books, listings, catalog), tls=tls, say=_say) as shop:
        found = list(differences(shop, seconds, _say))
    for line in difference_lines(found):
        click.echo(line)
    if not all(one.is_enough for one in found):
        raise click.ClickException("a page is less than three times as fast")


@click.command("flat")
@click.option(
    "--books", type=click.IntRange(100), default=(10_000, 1_000_000), show_default=True, multiple=True
)
@click.option("--rate", type=click.FloatRange(0.1), default=30.0, show_default=True, help="Pages per second.")
@click.option("--seconds", type=click.FloatRange(1), default=20.0, show_default=True, help="Of each kind.")
def compare_sizes(books: tuple[int, ...], rate: float, seconds: float) -> None:
    """Whether a page takes longer in a larger shop. Fails when it takes half as long again."""
    sizes = [measure_size(number, rate, seconds, _say) for number in sorted(books)]
    for line in flat_lines(sizes):
        click.echo(line)
    if worst_ratio(sizes) > AT_MOST:
        raise click.ClickException("pages are not flat")


@click.command("import")
@click.option("--books", type=click.IntRange(1), default=1_000_000, show_default=True)
def import_many(books: int) -> None:
    """What an import takes, beside the database's own bulk load. Fails above five times as long."""
    done = measure_import(books, _say)
    for line in import_lines(done):
        click.echo(line)
    if not done.is_good:
        raise click.ClickException("the import is too slow, or disturbs the shop")


@click.command("spike")
@_of_the_data
@click.option("--rate", type=click.FloatRange(0.1), help="Sustained visits/s.  [default: looked for]")
@click.pass_context
def spike_once(
    ctx: click.Context, books: int, listings: int, catalog: Path | None, tls: bool, rate: float | None
) -> None:
    """Five times as many people as the shop can serve, for a minute. Fails when somebody is treated badly."""
    with opened(DataSet(books, listings, catalog), tls=tls, say=_say) as shop:
        rush = Rush(shop.running.shop, shop.pages, shop.members, shop.stacks)
        done = spike(shop, rate or _sustained(shop, rush.scenario))
    for line in spike_lines(done):
        click.echo(line)
    ctx.exit(0 if done.is_borne else 1)


@click.command("soak")
@_of_the_data
@click.option("--minutes", type=click.FloatRange(1), default=30.0, show_default=True)
@click.option("--rate", type=click.FloatRange(0.1), help="Sustained visits/s.  [default: looked for]")
@click.pass_context
def soak_long(
    ctx: click.Context,
    books: int,
    listings: int,
    catalog: Path | None,
    tls: bool,
    minutes: float,
    rate: float | None,
) -> None:
    """A steady load for half an hour, after a quarter in which the memory settles. Fails when the memory of a
    worker grows.
    """
    with opened(DataSet(books, listings, catalog), tls=tls, say=_say) as shop:
        scenario = mix(shop.running.shop, shop.pages, shop.members, shop.stacks)
        done = soak(shop, rate or _sustained(shop, scenario), minutes)
    for line in soak_lines(done):
        click.echo(line)
    ctx.exit(0 if done.is_flat else 1)


def _sustained(shop: Opened, scenario: Scenario) -> float:
    target: Shop = shop.running.shop
    best = best_of(Bench(target, 4.0, _say).trials(scenario))
    if best is None:
        raise click.ClickException("no rate was sustained, however low")
    # What --rate takes: visits, of which each is several requests.
    _say(f"sustained: {best.rate:,.1f} visits/s")
    return best.rate


def _keep(done: Run, folder: Path) -> None:
    # The plots need a library that takes a second to load; only this needs it.
    from bench.report import write_report

    path = folder / f"{done.about['at'].replace(':', '-')}.json"
    done.save(path)
    write_report(done, path.with_suffix(".html"))
    for line in run_lines(done):
        click.echo(line)
    click.echo(f"stored: {path}, and beside it the report")


def _say(what: str) -> None:
    click.echo(what, err=True)
