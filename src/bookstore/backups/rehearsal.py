"""Proving a backup by restoring it into SQLite files in a scratch folder, with all steps of a real one."""

from dataclasses import replace
from pathlib import Path

from bookstore.backups.leftovers import scratch_folder
from bookstore.backups.restoring import Report, Restored, restore
from bookstore.config import Settings


def rehearse(settings: Settings, path: Path, report: Report = lambda done, total: None) -> Restored:
    """Restore the backup where nobody sees it, compare it with its manifest, audit it, and remove it again.

    Raises what restore raises for a backup that is not sound, and OSError.
    """
    with scratch_folder(settings.data_dir, "rehearsal") as folder:
        scratch = replace(
            settings,
            data_dir=folder,
            media_dir="",
            database_url="",
            accounts_database_url="",
            catalog_database_url="",
            orders_database_url="",
            sandbox_database_url="",
        )
        return restore(scratch, path, report=report)
