"""The command line: everything that an operator does with the shop."""

import sys
from pathlib import Path
from typing import Any

import click
from sqlalchemy.exc import DBAPIError

from bookstore.adopting.commands import adopt
from bookstore.autoscaling.commands import autoscale
from bookstore.backups.commands import backup, restore
from bookstore.chaos.commands import chaos
from bookstore.config import SERVICES, Settings, SettingsError
from bookstore.deploying.commands import deploy
from bookstore.lab.commands import lab
from bookstore.moving.commands import join, split
from bookstore.shared.errors import ShopError

SAMPLE_OFFERS = 460


class Program(click.Group):
    """Shows errors that are no defects as one line, and exits with 2 for wrong settings."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise click.UsageError(str(error)) from error
        except ShopError as error:
            raise click.ClickException(str(error)) from error
        except DBAPIError as error:
            reason = f"a database does not answer as it should: {error.orig}"
            raise click.ClickException(f"{reason}. Run the same command again to go on.") from error


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="bookstore")
@click.pass_context
def main(ctx: click.Context) -> None:
    """BookStore: an online marketplace for new and second-hand books.

    \b
    First start on one machine:
        bookstore migrate        make or update the databases
        bookstore stock          put the sample catalog into an empty shop
        bookstore create-admin   make yourself the first admin
        bookstore serve          open the shop on http://127.0.0.1:8000

    Settings are environment variables such as BOOKSTORE_PORT and BOOKSTORE_DATA_DIR; the README lists
    them all. Data lies in ./data unless BOOKSTORE_DATA_DIR names another folder.
    """
    ctx.obj = Settings.from_environ()


def _require(settings: Settings, *services: str) -> None:
    missing = [service for service in services if not settings.runs(service)]
    if missing:
        raise click.UsageError(f"this command needs {' and '.join(missing)} in BOOKSTORE_SERVICES")


@main.command()
@click.option("--split", is_flag=True, help="Each service as a process of its own, with nginx in front.")
@click.option(
    "--replicas",
    type=click.IntRange(1, 16),
    help="Processes of each service with --split.  [default: 1]",
)
@click.pass_obj
def serve(settings: Settings, split: bool, replicas: int | None) -> None:
    """Serve the shop until Ctrl-C or SIGTERM; requests that run are finished first.

    The background jobs run beside the server unless BOOKSTORE_EMBEDDED_WORKER is false.

    With --split, accounts, catalog and orders run as processes of their own that know one another only by
    address, each with the database that it would have in one process, and nginx listens in front of them.
    A process that dies is started again. The same data can be served either way.
    """
    if split:
        _serve_split(settings, replicas or 1)
        return
    if replicas is not None:
        raise click.UsageError("--replicas needs --split")
    from bookstore import wsgi
    from bookstore.wiring import require_neighbors

    require_neighbors(settings)
    wsgi.prepare_metrics(wsgi.metrics_folder(settings.data_dir, settings.port))
    from bookstore.shared.telemetry import configure_logging

    configure_logging(settings.log_format, settings.log_level)
    what = "BookStore" if set(settings.services) == set(SERVICES) else " and ".join(settings.services)
    click.echo(f"{what} is open on http://{settings.host}:{settings.port} (Ctrl-C closes it)")
    wsgi.Server(settings).run()


def _serve_split(settings: Settings, replicas: int) -> None:
    _require(settings, *SERVICES)
    _require_migrated(settings)
    from bookstore.serving.nginx import NginxMissing
    from bookstore.serving.split import NotReady, SplitShop
    from bookstore.serving.supervisor import ProgramEnded

    try:
        SplitShop(settings, replicas, click.echo).serve()
    except (NginxMissing, NotReady, ProgramEnded) as error:
        raise click.ClickException(str(error)) from error


def _require_migrated(settings: Settings) -> None:
    from bookstore.shared import migrations
    from bookstore.wiring import open_databases

    for service, database in open_databases(settings).items():
        if not migrations.is_current(database):
            raise click.ClickException(
                f"the {service} database is not ready for this version: run `bookstore migrate`"
            )
        database.close()


@main.command()
@click.option(
    "--expand-only/--contract",
    default=False,
    help="Refuse to take away what a version that still runs may need.  [default: --contract]",
)
@click.pass_obj
def migrate(settings: Settings, expand_only: bool) -> None:
    """Bring the database of each service in BOOKSTORE_SERVICES to what this version needs.

    Repeating it changes nothing.
    """
    from bookstore.shared import migrations
    from bookstore.wiring import open_databases

    for service, database in open_databases(settings).items():
        before = migrations.current_revision(database)
        migrations.upgrade(database, expand_only=expand_only)
        after = migrations.current_revision(database)
        click.echo(
            f"{service}: {before or 'empty'} -> {after}" if before != after else f"{service}: at {after}"
        )


@main.command()
@click.pass_obj
def worker(settings: Settings) -> None:
    """Run the background jobs until Ctrl-C or SIGTERM.

    Any number of workers may run: each piece of work is claimed in the database.
    """
    from bookstore.app import create_shop
    from bookstore.shared.process import told_to_stop
    from bookstore.shared.telemetry import configure_logging, serve_metrics
    from bookstore.shared.worker import run_until

    configure_logging(settings.log_format, settings.log_level)
    stop = told_to_stop()
    shop = create_shop(settings)
    serve_metrics(settings.host, settings.metrics_port)
    click.echo(f"working on {len(shop.jobs)} jobs (Ctrl-C ends)")
    run_until(stop, [*shop.jobs, *shop.vital_signs])
    shop.close()


@main.command("create-admin")
@click.option("--name", prompt=True, help="Name that others see.")
@click.option("--email", prompt=True, help="Address to log in with.")
@click.password_option(help="Password; asked for when not given.", envvar="BOOKSTORE_ADMIN_PASSWORD")
@click.pass_obj
def create_admin(settings: Settings, name: str, email: str, password: str) -> None:
    """Make an admin, or make an existing user one (keeping the user's password)."""
    _require(settings, "accounts")
    from bookstore.accounts import users
    from bookstore.wiring import open_databases

    database = open_databases(settings)["accounts"]
    with database.writing() as session:
        users.create_admin(session, name, email, password)
    click.echo(f"{email} is an admin")


@main.command("rotate-keys")
@click.pass_obj
def rotate_keys(settings: Settings) -> None:
    """Make a new token signing key now. Tokens signed with the old one stay valid until they expire."""
    _require(settings, "accounts")
    from bookstore.accounts import keys
    from bookstore.app import accounts_policy
    from bookstore.wiring import open_databases

    with open_databases(settings)["accounts"].writing() as session:
        kid = keys.rotate(session, accounts_policy(settings))
    click.echo(f"new signing key {kid}")


@main.command("import-catalog")
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="OURS=THEIRS",
    help="A column of ours that has another name in the file, such as title=Book-Title. May be repeated.",
)
@click.option("--encoding", default="utf-8", show_default=True, help="Encoding of the file.")
@click.option("--delimiter", help="Character between columns; found from the header when not given.")
@click.option("--source", default="", help="Name of the source, for rows that name none.")
@click.option(
    "--rejects",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the rejected rows; default: beside the databases, under imports/.",
)
@click.option("--offers", type=click.IntRange(0), default=0, help="Also make this many sample listings.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the sample listings.")
@click.pass_obj
def import_catalog(
    settings: Settings,
    path: Path,
    mapping: tuple[str, ...],
    encoding: str,
    delimiter: str | None,
    source: str,
    rejects: Path | None,
    offers: int,
    seed: int,
) -> None:
    """Import a catalog FILE: CSV, gzipped or not, however dirty.

    Columns: source, source_id, title (the only one required), authors, isbn13, isbn10, year, publisher,
    language, category, description, pages. Rows that cannot be used are named with their reason in the
    rejects file, and the import goes on. Repeating an import adds nothing twice.

    \b
    Examples:
        bookstore import-catalog catalog.csv.gz
        bookstore import-catalog books.txt --encoding cp1252 --delimiter ";" \\
            --map title=Book-Title --map authors=Book-Author --map isbn10=ISBN
        bookstore import-catalog catalog.csv --offers 500 --seed 7
    """
    _require(settings, "catalog")
    from bookstore.catalog.import_rows import CatalogFile
    from bookstore.catalog.importing import import_catalog as import_rows
    from bookstore.catalog.rejects_file import RejectsFile
    from bookstore.wiring import open_databases

    database = open_databases(settings)["catalog"]
    rejects = rejects or settings.data_dir / "imports" / f"{path.name}.rejects.csv"
    rejects.parent.mkdir(parents=True, exist_ok=True)
    with (
        CatalogFile(path, encoding=encoding, delimiter=_tab(delimiter), mapping=_pairs(mapping)) as file,
        RejectsFile(rejects) as rejected,
        click.progressbar(
            length=file.bytes_total, label=path.name, item_show_func=_pace, file=sys.stderr
        ) as bar,
    ):
        report = import_rows(
            database, file, rejected, source, lambda now: bar.update(now.bytes_read - bar.pos, now)
        )
    click.echo(f"{report.rows:,} rows: {report.added:,} books added, {report.known:,} known already")
    for code, count in sorted(report.notes.items()):
        click.echo(f"  {count:,} rows kept with {code.replace('_', ' ')}")
    if report.rejected:
        click.echo(f"  {report.rejected:,} rows rejected, named in {rejects}")
    if offers:
        _add_offers(settings, report.book_ids, offers, seed)
    if report.damaged is not None:
        raise click.ClickException(f"the file breaks off after row {report.rows:,}: {report.damaged}")


@main.command()
@click.pass_obj
def stock(settings: Settings) -> None:
    """Put the sample catalog with its offers into an empty shop; a shop that has books stays as it is."""
    _require(settings, "catalog")
    from importlib.resources import as_file, files

    from sqlalchemy import select

    from bookstore.catalog.import_rows import CatalogFile
    from bookstore.catalog.importing import import_catalog as import_rows
    from bookstore.catalog.models import Book
    from bookstore.catalog.rejects_file import RejectsFile
    from bookstore.wiring import open_databases

    database = open_databases(settings)["catalog"]
    with database.reading() as session:
        if session.scalar(select(Book.id).limit(1)) is not None:
            click.echo("the shop has books already")
            return
    sample = files("bookstore.catalog") / "sample" / "classics.csv"
    rejects = settings.data_dir / "imports" / "classics.csv.rejects.csv"
    rejects.parent.mkdir(parents=True, exist_ok=True)
    with as_file(sample) as path, CatalogFile(path) as file, RejectsFile(rejects) as rejected:
        report = import_rows(database, file, rejected, source="classics")
    click.echo(f"{report.added:,} books of the sample catalog")
    _add_offers(settings, report.book_ids, SAMPLE_OFFERS, seed=1)


def _add_offers(settings: Settings, book_ids: list[int], count: int, seed: int) -> None:
    from bookstore.catalog.sample_offers import add_sample_offers, sample_sellers
    from bookstore.wiring import open_databases

    databases = open_databases(settings)
    if settings.runs("accounts"):
        from bookstore.accounts import users

        with databases["accounts"].writing() as session:
            for number, seller in enumerate(sample_sellers(), start=1):
                users.ensure_user(session, seller.id, seller.name, f"seller{number}@bookstore.example")
    with click.progressbar(length=count, label="sample offers", file=sys.stderr) as bar:
        added = add_sample_offers(
            databases["catalog"],
            book_ids,
            count,
            seed,
            settings.currency,
            lambda done: bar.update(done - bar.pos),
        )
    click.echo(f"{added:,} sample listings added")


def _pairs(mapping: tuple[str, ...]) -> dict[str, str]:
    for pair in mapping:
        if not all(pair.partition("=")):
            raise click.BadParameter(f"{pair!r} is not OURS=THEIRS", param_hint="--map")
    return {ours.strip(): theirs for ours, _, theirs in (pair.partition("=") for pair in mapping)}


def _tab(delimiter: str | None) -> str | None:
    return "\t" if delimiter in {"\\t", "tab"} else delimiter


def _pace(now: Any) -> str | None:
    return None if now is None else f"{now.rows:,} rows, {now.rows_per_second:,.0f} rows/s"


@main.command()
@click.pass_obj
def reindex(settings: Settings) -> None:
    """Build the search index anew while the shop goes on searching in the old one."""
    _require(settings, "catalog")
    from bookstore.app import open_search

    search = open_search(settings)
    with click.progressbar(length=1, label="books indexed", show_pos=True, file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        count = search.rebuild(show)
    click.echo(f"{count:,} books indexed")


@main.command()
@click.pass_obj
def audit(settings: Settings) -> None:
    """Check the invariants of copies, orders and money over all databases.

    Exits with 1 and says what it found when one does not hold. It reads the databases of all three services,
    so it runs where all of them are installed, with the address of each database in its setting.
    """
    _require(settings, *SERVICES)
    from bookstore.auditing import audit_shop
    from bookstore.wiring import open_databases

    databases = open_databases(settings)
    try:
        findings = audit_shop(settings, databases)
    finally:
        for database in databases.values():
            database.close()
    for finding in findings:
        click.echo(f"{finding.rule}: {finding.subject}: {finding.detail}")
    if findings:
        raise click.ClickException(f"{len(findings)} findings")
    click.echo("copies, orders and money agree")


main.add_command(split)
main.add_command(join)
main.add_command(adopt)
main.add_command(autoscale)
main.add_command(backup)
main.add_command(restore)
main.add_command(deploy)
main.add_command(lab)
main.add_command(chaos)

if __name__ == "__main__":
    sys.exit(main())
