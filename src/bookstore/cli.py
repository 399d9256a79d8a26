"""The command line: everything that an operator does with the shop."""

import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from bookstore.config import SERVICES, Settings, SettingsError
from bookstore.shared.errors import ShopError

Command = TypeVar("Command", bound=Callable[..., Any])


class Program(click.Group):
    """Shows expected errors as one line, and exits with 2 for wrong settings."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise click.UsageError(str(error)) from error
        except ShopError as error:
            raise click.ClickException(str(error)) from error


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
@click.pass_obj
def serve(settings: Settings) -> None:
    """Serve the shop until Ctrl-C or SIGTERM; requests that run are finished first.

    The background jobs run beside the server unless BOOKSTORE_EMBEDDED_WORKER is false.
    """
    from bookstore import wsgi

    wsgi.prepare_metrics(settings.data_dir / "metrics")
    from bookstore.shared.telemetry import configure_logging

    configure_logging(settings.log_format, settings.log_level)
    click.echo(f"BookStore is open on http://{settings.host}:{settings.port} (Ctrl-C closes it)")
    wsgi.Server(settings).run()


@main.command()
@click.pass_obj
def migrate(settings: Settings) -> None:
    """Bring the database of each service to what this version needs. Repeating it changes nothing."""
    from bookstore.shared import migrations
    from bookstore.wiring import open_databases

    for service, database in open_databases(settings).items():
        before = migrations.current_revision(database)
        migrations.upgrade(database)
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
    from bookstore.shared.telemetry import configure_logging
    from bookstore.shared.worker import run_until

    configure_logging(settings.log_format, settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    shop = create_shop(settings)
    click.echo(f"working on {len(shop.jobs)} jobs (Ctrl-C ends)")
    run_until(stop, shop.jobs)


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
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--map", "mapping", nargs=0, hidden=True)
@click.pass_obj
def import_catalog(settings: Settings, file: Path, mapping: Any) -> None:
    """Import a catalog."""


@main.command()
@click.pass_obj
def reindex(settings: Settings) -> None:
    """Build the search index anew while the shop goes on searching in the old one."""
    _require(settings, "catalog")


def _progress(label: str) -> Callable[[int, int], None]:
    def show(done: int, total: int) -> None:
        click.echo(f"\r{label}: {done:,} of {total:,}", nl=done >= total, err=True)

    return show


@main.command()
@click.pass_obj
def audit(settings: Settings) -> None:
    """Check the invariants of copies, orders and money over all databases.

    Exits with 1 and says what it found when one does not hold.
    """
    _require(settings, *SERVICES)


if __name__ == "__main__":
    sys.exit(main())
