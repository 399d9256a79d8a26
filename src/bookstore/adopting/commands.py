"""`bookstore adopt`: what operators type, and what they read."""

import sys
from pathlib import Path

import click

from bookstore.adopting.original import COLUMNS, Original
from bookstore.adopting.report import Report
from bookstore.config import SERVICES, Settings
from bookstore.shared import migrations
from bookstore.shared.database import Database
from bookstore.wiring import open_databases, server_options


@click.command()
@click.argument("place", metavar="URL")
@click.option(
    "--origin",
    default="original",
    show_default=True,
    help="Name of the database that is adopted; another one needs another name.",
)
@click.option(
    "--report",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="CSV file for the rows that were mended or skipped; default: imports/ in the data folder.",
)
@click.pass_obj
def adopt(settings: Settings, place: str, origin: str, path: Path | None) -> None:
    """Adopt the data of an original BookStore: its users, books, purchases, payments and deliveries.

    URL is a SQLAlchemy URL, or the path of its bookstore.db; it is only read. Users log in with the
    password that they had. Prices are taken to be in BOOKSTORE_CURRENCY, and users to read
    BOOKSTORE_DEFAULT_LOCALE. Nobody is mailed.

    Rows that are not as they should be are mended or skipped, and named in the report with the reason;
    docs/moving.md lists the reasons. Repeating the command adds only what is new.

    \b
    Examples:
        bookstore adopt instance/bookstore.db
        bookstore adopt mysql+mysqldb://reader:secret@db/bookstore --origin first-shop
    """
    if not origin.isascii() or not origin.replace("-", "").isalnum() or len(origin) > 30:
        raise click.UsageError("--origin is up to 30 letters, digits and dashes")
    missing = [service for service in SERVICES if not settings.runs(service)]
    if missing:
        raise click.UsageError(f"this command needs {' and '.join(missing)} in BOOKSTORE_SERVICES")
    databases = open_databases(settings)
    for service, database in databases.items():
        if not migrations.is_current(database):
            raise click.ClickException(f"the {service} database is not ready; run `bookstore migrate` first")
    original = Original(place, server_options(settings))
    path = path or settings.data_dir / "imports" / f"adopted-{origin}.csv"
    report = Report(path)
    try:
        _run(settings, databases, original, origin, report)
    finally:
        report.close()
        original.close()
    _tell(report)


def _run(
    settings: Settings, databases: dict[str, Database], original: Original, origin: str, report: Report
) -> None:
    from bookstore.adopting.adoption import Adoption, Terms
    from bookstore.adopting.purchases import adopt_purchases, name_orphans

    terms = Terms(origin, settings.currency, settings.default_locale, settings.home_country)
    rows = sum(original.count(table) for table in COLUMNS)
    with click.progressbar(length=rows, label="adopting", show_pos=True, file=sys.stderr) as bar:
        adoption = Adoption(original, databases, terms, report, bar.update)
        adoption.adopt_people()
        adoption.adopt_carriers()
        adoption.adopt_books()
        adopt_purchases(adoption)
        name_orphans(adoption)


def _tell(report: Report) -> None:
    for table in ("user", "delivery_provider", "book", "purchase"):
        counts = f"{report.adopted[table]:,} adopted, {report.known[table]:,} known already"
        click.echo(f"{table}: {counts}, {report.skipped[table]:,} skipped")
    for (table, reason, result), count in sorted(report.remarks.items()):
        click.echo(f"  {count:,} x {table} {result}: {reason.replace('_', ' ')}")
    if report.remarks:
        click.echo(f"each of these rows is named in {report.path}")
