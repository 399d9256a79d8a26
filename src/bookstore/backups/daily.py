"""A backup every day, without a timer of the machine: when one is due, and what Prometheus is told."""

import threading
from collections.abc import Callable
from datetime import datetime, time, timedelta

from prometheus_client import Gauge

from bookstore.backups.shelf import backups_in, shop_of
from bookstore.config import Settings
from bookstore.shared.clock import utcnow

# A database that is away for a moment must not cost a whole day.
AGAIN_AFTER = timedelta(minutes=15)
LAST_SUCCESS = Gauge(
    "bookstore_backup_last_success_timestamp_seconds",
    "Moment of the newest whole backup; 0 when there is none",
)
LAST_FAILED = Gauge("bookstore_backup_last_failed", "1 when the newest try to make a backup failed, else 0")


def back_up_daily(settings: Settings, at: time, make: Callable[[], bool], stop: threading.Event) -> None:
    """Call `make`, which says whether it succeeded, once a day after this time in UTC, until told to stop.

    A day that was missed is made up for at once, and so is the first backup of all.
    """
    again_at = utcnow()
    while not stop.is_set():
        newest = newest_backup(settings)
        LAST_SUCCESS.set(newest.timestamp() if newest else 0)
        due_at = max(next_due(newest, at, utcnow()), again_at)
        if due_at <= utcnow():
            succeeded = make()
            LAST_FAILED.set(not succeeded)
            again_at = utcnow() + (timedelta() if succeeded else AGAIN_AFTER)
        else:
            # In steps, because the clock of a machine that slept goes on without us.
            stop.wait(min(60.0, (due_at - utcnow()).total_seconds()))


def newest_backup(settings: Settings) -> datetime | None:
    """The moment of this shop's newest whole backup."""
    ours = [found for found in backups_in(settings.effective_backup_dir()) if found.shop == shop_of(settings)]
    return ours[-1].moment if ours else None


def next_due(newest: datetime | None, at: time, now: datetime) -> datetime:
    """When the next backup should be made; in the past if it is overdue."""
    if newest is None:
        return now
    due = datetime.combine(newest.date(), at, newest.tzinfo)
    return due if due > newest else due + timedelta(days=1)
