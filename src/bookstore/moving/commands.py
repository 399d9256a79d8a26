"""`bookstore split` and `bookstore join`: what operators type, and what they read."""

import sys
import time
from collections.abc import Callable
from typing import Any

import click

from bookstore.config import Settings, variable
from bookstore.moving.moves import MovedTable, move
from bookstore.moving.places import Place, place_of, shown
from bookstore.moving.targets import BATCH
from bookstore.shared.mysql import ServerOptions
from bookstore.wiring import server_options

FILES = """Files were not moved. Keep BOOKSTORE_DATA_DIR and BOOKSTORE_SECRET_KEY as they are: photos, mails
and the payment sandbox's own books (gateway.sqlite3) lie in the data folder, and the search index in it
stays right. Start the shop with"""


def three_databases(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options for the database of each service; those of the settings where none is given."""
    for service in ("orders", "catalog", "accounts"):
        text = f"Database of {service}; default: that of the settings."
        function = click.option(f"--{service}", metavar="DATABASE", help=text)(function)
    return function


def how(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options of both directions."""
    over = "Empty a target that an unfinished move has left half full, and begin anew."
    function = click.option("--start-over", is_flag=True, help=over)(function)
    rows = "Rows in one transaction."
    return click.option(
        "--batch", type=click.IntRange(1, 10_000), default=BATCH, show_default=True, help=rows
    )(function)


@click.command()
@click.option(
    "--from", "source", metavar="DATABASE", help="Database of all services; default: BOOKSTORE_DATABASE_URL."
)
@click.option("--to", "folder", metavar="FOLDER", help="Folder for an SQLite file of each service.")
@three_databases
@how
@click.pass_obj
def split(
    settings: Settings,
    /,
    source: str | None,
    folder: str | None,
    batch: int,
    start_over: bool,
    **own: str | None,
) -> None:
    """Move a stopped shop from one database into three, one for each service.

    A DATABASE is a SQLAlchemy URL or the path of an SQLite file. --from may also be a folder with three
    SQLite files, which are moved into three other databases.

    Each batch of rows is committed with the position reached, so a move that was cut off goes on when the
    command is repeated. At the end rows and checksums of source and target are compared; the source is
    only read and stays as it is. A password is better given in the settings than on the command line.

    \b
    Examples:
        bookstore split --from mysql+mysqldb://shop:secret@db/shop --to data
        bookstore split --from shop.sqlite3 \\
            --accounts mysql+mysqldb://accounts:secret@db1/accounts \\
            --catalog mysql+mysqldb://catalog:secret@db2/catalog \\
            --orders mysql+mysqldb://orders:secret@db3/orders
    """
    sources, targets = _one(settings, source, "--from"), _three(settings, folder, own, "--to")
    _run(sources, targets, batch, start_over, server_options(settings))


@click.command()
@click.option("--from", "folder", metavar="FOLDER", help="Folder with an SQLite file of each service.")
@click.option(
    "--to", "target", metavar="DATABASE", help="Database for all services; default: BOOKSTORE_DATABASE_URL."
)
@three_databases
@how
@click.pass_obj
def join(
    settings: Settings,
    /,
    folder: str | None,
    target: str | None,
    batch: int,
    start_over: bool,
    **own: str | None,
) -> None:
    """Move a stopped shop from the databases of its services into one.

    A DATABASE is a SQLAlchemy URL or the path of an SQLite file. Without --from and the options of
    services, the databases are those of the settings: by default the files in the data folder.

    Each batch of rows is committed with the position reached, so a move that was cut off goes on when the
    command is repeated. At the end rows and checksums of source and target are compared; the source is
    only read and stays as it is. A password is better given in the settings than on the command line.

    \b
    Examples:
        bookstore join --to mysql+mysqldb://shop:secret@db/shop
        bookstore join --from data --to shop.sqlite3
    """
    sources, targets = _three(settings, folder, own, "--from"), _one(settings, target, "--to")
    _run(sources, targets, batch, start_over, server_options(settings))


def _one(settings: Settings, text: str | None, option: str) -> Place:
    if not text and not settings.database_url:
        raise click.UsageError(f"give {option}, or set {variable('database_url')}")
    return place_of(text or settings.database_url, settings.services)


def _three(settings: Settings, folder: str | None, own: dict[str, str | None], option: str) -> Place:
    """The three databases: those given one by one, else those of the folder, else those of the settings."""
    given = {service: text for service, text in own.items() if text}
    if folder and given:
        raise click.UsageError(f"give {option} or the databases of the services, not both")
    if folder:
        return place_of(folder, settings.services)
    unknown = sorted(given.keys() - set(settings.services))
    if unknown:
        raise click.UsageError(f"{' and '.join(unknown)} is not in BOOKSTORE_SERVICES")
    ours = {service: settings.database_url_of(service) for service in settings.services}
    return {service: place_of(given.get(service, url), [service])[service] for service, url in ours.items()}


class _Pace:
    """What stands behind the bar: rows so far, and rows per second since this run began."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._before: int | None = None

    def text(self, done: Any) -> str | None:
        if done is None:
            return None
        self._before = done if self._before is None else self._before
        seconds = max(time.monotonic() - self._started, 0.001)
        return f"{done:,} rows, {(done - self._before) / seconds:,.0f} rows/s"


def _run(sources: Place, targets: Place, batch: int, start_over: bool, server: ServerOptions) -> None:
    with click.progressbar(length=1, label="moving", item_show_func=_Pace().text, file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos, done)

        moved = move(sources, targets, start_over=start_over, batch=batch, server=server, report=show)
    _tell(moved, targets)


def _tell(moved: list[MovedTable], targets: Place) -> None:
    for table in moved:
        click.echo(
            f"{table.service + '.' + table.table:<28} {table.content.rows:>10,} rows  "
            f"checksum {table.content.digest[:16]}"
        )
    rows = sum(table.content.rows for table in moved)
    click.echo(f"{rows:,} rows in {len(moved)} tables: source and target agree")
    click.echo(f"\n{FILES}")
    if len(set(targets.values())) == 1 and len(targets) > 1:
        click.echo(f"    {variable('database_url')}={shown(next(iter(targets.values())))}")
        return
    for service, url in targets.items():
        click.echo(f"    {variable(f'{service}_database_url')}={shown(url)}")
