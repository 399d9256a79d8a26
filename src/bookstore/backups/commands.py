"""`bookstore backup` and `bookstore restore`: what operators type, and what they read."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bookstore.backups.manifest import Manifest
from bookstore.backups.shelf import backups_in, rotate, set_aside, shop_of
from bookstore.config import SERVICES, Settings, variable
from bookstore.shared.clock import utcnow
from bookstore.shared.errors import ShopError
from bookstore.shared.mysql import is_mysql
from bookstore.shared.process import told_to_stop
from bookstore.shared.telemetry import log, serve_metrics

if TYPE_CHECKING:
    from bookstore.backups.restoring import Restored
    from bookstore.backups.writing import Written

SHOWN_FINDINGS = 20


@click.command()
@click.option("--verify", is_flag=True, help="Restore it into a scratch folder, compare and audit it there.")
@click.option(
    "--keep",
    type=click.IntRange(1),
    help="Backups of this shop to leave in the folder.  [default: BOOKSTORE_BACKUPS_KEPT]",
)
@click.option("--list", "only_list", is_flag=True, help="Show the backups that there are, and make none.")
@click.option(
    "--daily-at",
    type=click.DateTime(["%H:%M"]),
    help="Stay, and make one each day at this time in UTC; at once when the last one is older.",
)
@click.pass_obj
def backup(
    settings: Settings, verify: bool, keep: int | None, only_list: bool, daily_at: datetime | None
) -> None:
    """Copy all databases and photos, as of one moment, into a file in BOOKSTORE_BACKUP_DIR.

    The shop goes on selling; who writes at that moment waits for some milliseconds. With
    BOOKSTORE_BACKUP_KEY the file is encrypted. Once it is whole, and sound if --verify is given, the oldest
    backups of this shop are removed but so many. docs/backup.md tells how to get a shop back.

    \b
    Examples:
        bookstore backup
        bookstore backup --verify --keep 14
        bookstore backup --verify --daily-at 03:30
        bookstore backup --list
    """
    if only_list:
        _list(settings)
        return
    _require_all(settings)
    if daily_at:
        _daily(settings, daily_at, lambda: _make(settings, verify=verify, keep=keep))
    else:
        _make(settings, verify=verify, keep=keep)


def _daily(settings: Settings, at: datetime, make: Callable[[], None]) -> None:
    from bookstore.backups.daily import back_up_daily

    stop = told_to_stop()
    serve_metrics(settings.host, settings.metrics_port)
    click.echo(f"a backup each day at {at:%H:%M} UTC (Ctrl-C ends)")
    back_up_daily(settings, at.time(), lambda: _succeeds(make), stop)


def _succeeds(make: Callable[[], None]) -> bool:
    """Whatever it is that fails today, there is a tomorrow."""
    try:
        make()
    except (click.ClickException, ShopError) as error:
        click.echo(f"Error: {error}", err=True)
        return False
    except Exception as error:
        log.exception("backup failed", error=type(error).__name__)
        return False
    return True


def _make(settings: Settings, *, verify: bool, keep: int | None) -> None:
    # Where one service is installed alone, the others that this looks at are not there.
    from bookstore.backups.writing import write_backup

    with _answering(), _bar("copying") as show:
        written = write_backup(settings, show)
    _tell_written(settings, written)
    if verify:
        _verify(settings, written.path)
    for path in rotate(settings.effective_backup_dir(), shop_of(settings), keep or settings.backups_kept):
        click.echo(f"removed {path.name}")


@click.command()
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--databases-only",
    is_flag=True,
    help="Leave photos, the sandbox gateway's books and the secret key of this place as they are.",
)
@click.pass_obj
def restore(settings: Settings, path: Path, databases_only: bool) -> None:
    """Put a backup FILE into the databases and folders of the settings, and prove it.

    They must hold nothing; a freshly migrated database is fine. Nothing is touched before the whole file was
    read and found sound. A restore that was cut off goes on when it is repeated. At the end rows, checksums
    and photos are compared with the backup, and the audit is run as of its moment.

    The databases may be others than those that were saved: SQLite instead of MySQL, three instead of one.

    \b
    Examples:
        bookstore restore backups/bookstore-1a2b3c4d-20260131T040000.000000Z.tar
        BOOKSTORE_DATA_DIR=there bookstore restore yesterday.tar.sealed
    """
    _require_all(settings)
    from bookstore.backups.restoring import restore as restore_backup

    with _answering(), _bar("restoring") as show:
        restored = restore_backup(settings, path, databases_only=databases_only, report=show)
    _tell_tables(restored)
    _tell_restored(settings, restored)


def _verify(settings: Settings, path: Path) -> None:
    """Restore it in a scratch folder; one that is not sound gets another name, and nothing older goes."""
    from bookstore.backups.rehearsal import rehearse

    with _answering(), _bar("verifying") as show:
        try:
            restored = rehearse(settings, path, show)
        except ShopError as error:
            raise _unsound(path, str(error)) from error
    if restored.findings:
        _tell_findings(restored)
        raise _unsound(path, f"{len(restored.findings)} findings of the audit")
    manifest = restored.manifest
    click.echo(
        f"verified: restored {manifest.rows:,} rows and {len(manifest.media):,} files into a scratch folder; "
        "rows, checksums and files are those of the manifest; copies, orders and money agree"
    )


def _unsound(path: Path, reason: str) -> click.ClickException:
    return click.ClickException(f"the backup is NOT sound and is now {set_aside(path).name}: {reason}")


def _list(settings: Settings) -> None:
    folder, now = settings.effective_backup_dir(), utcnow()
    ours = shop_of(settings)
    for found in backups_in(folder):
        sealed = "encrypted" if found.is_sealed else "not encrypted"
        whose = "" if found.shop == ours else "  of another shop"
        age = _age(now - found.moment)
        click.echo(f"{found.path.name}  {_size(found.bytes):>10}  {sealed}, {age} old{whose}")
    if not any(found.shop == ours for found in backups_in(folder)):
        click.echo(f"no backup of this shop in {folder}")


def _tell_written(settings: Settings, written: "Written") -> None:
    manifest = written.manifest
    click.echo(f"backup as of {_moment(manifest.moment)}: {_contents(manifest)}")
    click.echo(f"writers waited for {written.held_seconds * 1000:,.0f} ms")
    for name in manifest.missing:
        click.echo(f"MISSING: the photo {name} is named in the catalog and is not in the media folder")
    _tell_binlogs(settings, manifest)
    sealed = "encrypted" if settings.backup_key else f"not encrypted: {variable('backup_key')} is not set"
    click.echo(f"{written.path} ({_size(written.path.stat().st_size)}, {sealed})")
    kept = settings.kept_secret_key()
    if not manifest.has_secret_key and (settings.secret_key or kept.is_file()):
        where = variable("secret_key") if settings.secret_key else kept
        click.echo(f"The secret key is not in it; keep {where} apart, it opens the token keys")


def _tell_binlogs(settings: Settings, manifest: Manifest) -> None:
    """Where a recovery to a later moment goes on; SQLite has no such log."""
    for service in SERVICES:
        binlog = manifest.parts[service].binlog
        if binlog:
            click.echo(f"binary log of {service}: {binlog.file} {binlog.position}")
        elif is_mysql(settings.database_url_of(service)):
            click.echo(
                f"binary log of {service}: unknown, since there is none, or the user may not ask "
                "(GRANT REPLICATION CLIENT)"
            )


def _tell_tables(restored: "Restored") -> None:
    for table in restored.tables:
        click.echo(
            f"{table.service + '.' + table.table:<28} {table.content.rows:>10,} rows  "
            f"checksum {table.content.digest[:16]}"
        )


def _tell_restored(settings: Settings, restored: "Restored") -> None:
    manifest = restored.manifest
    click.echo(f"restored as of {_moment(manifest.moment)}: {_contents(manifest)}")
    if not restored.is_whole:
        click.echo("only databases: rows and checksums are those of the backup. Files stay as they are.")
        click.echo("Bring the databases to the same moment as the files, then run `bookstore audit`")
        return
    _tell_findings(restored)
    if restored.findings:
        raise click.ClickException(f"all is restored, and the audit has {len(restored.findings)} findings")
    click.echo("rows, checksums and files are those of the backup; copies, orders and money agree")
    if not manifest.has_secret_key and not settings.secret_key and not settings.kept_secret_key().is_file():
        click.echo(
            f"The secret key was not in it: put it back into {settings.kept_secret_key()} or set "
            f"{variable('secret_key')} before the start. With a new one everybody must log in again"
        )
    click.echo(
        "Start the shop: its jobs carry on what was under way, and end the orders whose time has passed"
    )


def _tell_findings(restored: "Restored") -> None:
    for finding in restored.findings[:SHOWN_FINDINGS]:
        click.echo(f"{finding.rule}: {finding.subject}: {finding.detail}")


def _require_all(settings: Settings) -> None:
    missing = [service for service in SERVICES if not settings.runs(service)]
    if missing:
        raise click.UsageError(f"this command needs {' and '.join(missing)} in BOOKSTORE_SERVICES")


@contextmanager
def _answering() -> Iterator[None]:
    """A disk that is full, or a folder that may not be written, is one line too."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"the disk refuses: {error}") from error


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int, int], None]]:
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield show


def _contents(manifest: Manifest) -> str:
    media = f"{len(manifest.media):,} files ({_size(manifest.media_bytes)})"
    return f"{manifest.rows:,} rows in {manifest.tables} tables, {media}"


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _age(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours / 24:,.1f} days" if hours >= 48 else f"{hours:,.1f} hours"


def _size(size: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"
