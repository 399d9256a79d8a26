"""One backup each day, as long as the process lives: when, after what, and what Prometheus hears."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from bookstore.backups import daily
from bookstore.backups.shelf import backups_in
from tests.cluster.live_shop import free_port

AT = clock_time(3, 30)
HALF_PAST_THREE = datetime(2026, 1, 31, 3, 30, tzinfo=UTC)
PATIENCE_SECONDS = 60


@pytest.mark.parametrize(
    ("newest", "due"),
    [
        (HALF_PAST_THREE + timedelta(seconds=1), HALF_PAST_THREE + timedelta(days=1)),
        (HALF_PAST_THREE, HALF_PAST_THREE + timedelta(days=1)),
        # One by hand in the afternoon does not spare the one of the night.
        (HALF_PAST_THREE - timedelta(hours=10), HALF_PAST_THREE),
        # The machine was off for two nights: it is overdue.
        (HALF_PAST_THREE - timedelta(days=2), HALF_PAST_THREE - timedelta(days=1)),
    ],
)
def test_the_next_one_is_due_at_the_first_such_time_after_the_newest(newest: datetime, due: datetime) -> None:
    assert daily.next_due(newest, AT, HALF_PAST_THREE) == due


def test_the_first_one_of_all_is_due_now() -> None:
    assert daily.next_due(None, AT, HALF_PAST_THREE) == HALF_PAST_THREE


def test_one_that_failed_is_tried_again_after_a_while_and_not_before(settings, monkeypatch) -> None:
    stop, tries = threading.Event(), []
    monkeypatch.setattr(daily, "AGAIN_AFTER", timedelta(seconds=0.3))

    def fail() -> bool:
        tries.append(time.monotonic())
        if len(tries) == 3:
            stop.set()
        return False

    daily.back_up_daily(settings, AT, fail, stop)

    assert len(tries) == 3
    assert min(second - first for first, second in pairwise(tries)) >= 0.3
    assert daily.LAST_FAILED._value.get() == 1
    assert daily.LAST_SUCCESS._value.get() == 0


def test_the_first_is_made_at_once_and_told_to_prometheus_until_the_process_is_stopped(settings) -> None:
    with running_daily(settings.data_dir) as (process, metrics):
        made_at = wait_for_success(metrics)
        [backup] = backups_in(settings.effective_backup_dir())
        assert made_at == pytest.approx(backup.moment.timestamp(), abs=0.001)
        assert "bookstore_backup_last_failed 0.0" in httpx.get(metrics).text

        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=20)

    assert process.returncode == 0
    assert "a backup each day at 03:30 UTC" in said
    assert "verified: restored " in said
    assert [found.path for found in backups_in(settings.effective_backup_dir())] == [backup.path]


def test_a_day_that_fails_does_not_end_it(settings) -> None:
    (settings.data_dir / "orders.sqlite3").rename(settings.data_dir / "elsewhere")
    with running_daily(settings.data_dir) as (process, metrics):
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while "bookstore_backup_last_failed 1.0" not in asked(metrics):
            assert time.monotonic() < ends_at, asked(metrics)
            time.sleep(0.1)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Error: " in said
    assert backups_in(settings.effective_backup_dir()) == []


@contextmanager
def running_daily(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BOOKSTORE_")}
    own = {"BOOKSTORE_DATA_DIR": str(data_dir), "BOOKSTORE_METRICS_PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "-m", "bookstore.cli", "backup", "--verify", "--daily-at", "03:30"],
        env={**inherited, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process, f"http://127.0.0.1:{port}/metrics"
    finally:
        process.kill()
        process.wait(timeout=20)


def asked(metrics: str) -> str:
    """What it says; nothing before it listens."""
    try:
        return httpx.get(metrics, timeout=5).text
    except httpx.HTTPError:
        return ""


def wait_for_success(metrics: str) -> float:
    """The moment of the newest backup, once there is one."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends_at:
        found = re.search(r"^bookstore_backup_last_success_timestamp_seconds (\S+)", asked(metrics), re.M)
        if found and float(found[1]) > 0:
            return float(found[1])
        time.sleep(0.1)
    raise AssertionError(f"no backup in {PATIENCE_SECONDS} s:\n{asked(metrics)}")
