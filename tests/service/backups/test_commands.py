"""`bookstore backup` and `bookstore restore` as an operator runs them, and as a power cut ends them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import inspect, text

from bookstore.backups import writing
from bookstore.backups.shelf import backups_in
from bookstore.backups.writing import Written, write_backup
from bookstore.cli import main
from bookstore.moving.content import reading
from bookstore.shared.database import Database
from tests.service.backups.conftest import KEY
from tests.service.backups.shop_contents import gateway_of, media_of, rows_of, tree

CHANGES = 60_000


@pytest.fixture(autouse=True)
def _environ(settings, monkeypatch):
    monkeypatch.setenv("BOOKSTORE_DATA_DIR", str(settings.data_dir))


def run(*arguments: object, **environ: object) -> Result:
    names = {f"BOOKSTORE_{name}": str(value) for name, value in environ.items()}
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env=names)


def names_in(folder: Path) -> list[str]:
    """What SQLite keeps beside an open file is none."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(("-shm", "-wal")))


def test_backup_and_restore_say_what_they_did(settings, place):
    made = run("backup", "--verify", BACKUP_KEY=KEY)
    assert made.exit_code == 0, made.output
    (backup,) = backups_in(settings.effective_backup_dir())
    assert "backup as of " in made.output
    assert "2 files (" in made.output
    assert "writers waited for " in made.output
    assert f"{backup.path} (" in made.output
    assert ", encrypted)" in made.output
    assert "verified: restored " in made.output
    assert "copies, orders and money agree" in made.output

    restored = run("restore", backup.path, BACKUP_KEY=KEY, DATA_DIR=place.data_dir)
    assert restored.exit_code == 0, restored.output
    assert "orders.orders                         8 rows  checksum " in restored.output
    assert (
        "rows, checksums and files are those of the backup; copies, orders and money agree" in restored.output
    )
    assert rows_of(place) == rows_of(settings)
    assert names_in(place.data_dir) == [
        "accounts.sqlite3",
        "catalog.sqlite3",
        "gateway.sqlite3",
        "media",
        "orders.sqlite3",
    ]


def test_an_open_backup_says_that_it_is_open_and_what_to_keep_apart(settings):
    settings.kept_secret_key().write_text("k" * 40)
    made = run("backup")
    assert "not encrypted: BOOKSTORE_BACKUP_KEY is not set" in made.output
    assert f"The secret key is not in it; keep {settings.kept_secret_key()} apart" in made.output


def test_rotation_keeps_so_many_and_touches_nothing_foreign(settings, monkeypatch):
    folder = settings.effective_backup_dir()
    first = write_backup(settings).path
    foreign = [
        "notes.txt",
        "bookstore-00000000-20200101T000000.000000Z.tar",
        f"{first.name}.unsound",
        "bookstore-mine.tar",
        f"old-{first.name}",
    ]
    for name in foreign:
        (folder / name).write_bytes(b"foreign")
    write_backup(replace(settings, backup_key=KEY))
    second, third = (run("backup", "--keep", 2) for _ in range(2))
    assert second.exit_code == third.exit_code == 0
    assert f"removed {first.name}" in second.output
    ours = [backup.path.name for backup in backups_in(folder) if backup.shop != "00000000"]
    assert len(ours) == 2
    assert names_in(folder) == sorted([*ours, *foreign])
    monkeypatch.setenv("BOOKSTORE_BACKUPS_KEPT", "1")
    assert run("backup").output.count("removed ") == 2


def test_list_shows_what_there_is(settings):
    assert "no backup of this shop in " in run("backup", "--list").output
    path = write_backup(settings).path
    (path.parent / "bookstore-00000000-20200101T000000.000000Z.tar").write_bytes(b"foreign")
    shown = run("backup", "--list").output.splitlines()
    assert len(shown) == 2
    assert shown[0].startswith("bookstore-00000000-20200101T000000.000000Z.tar")
    assert shown[0].endswith("of another shop")
    assert shown[1].startswith(path.name)
    assert shown[1].endswith("not encrypted, 0.0 hours old")


@pytest.mark.parametrize("key", ["", KEY])
def test_verify_finds_an_unsound_backup_and_keeps_the_older_ones(settings, monkeypatch, key):
    older = [write_backup(settings).path.name for _ in range(2)]

    def on_a_bad_disk(*arguments: object) -> Written:
        written = write_backup(*arguments)
        content = bytearray(written.path.read_bytes())
        content[len(content) // 2] ^= 1
        written.path.write_bytes(content)
        return written

    monkeypatch.setattr(writing, "write_backup", on_a_bad_disk)
    found = run("backup", "--verify", "--keep", 1, BACKUP_KEY=key)
    assert found.exit_code == 1
    assert "Error: the backup is NOT sound and is now " in found.output
    left = names_in(settings.effective_backup_dir())
    assert left[:2] == older
    assert len(left) == 3
    assert left[2].endswith(".unsound")


def test_verify_says_what_the_audit_finds(settings):
    with Database("catalog", settings.database_url_of("catalog")).engine.begin() as connection:
        connection.execute(
            text("UPDATE listings SET held = held + 1, available = available - 1 WHERE id = 1")
        )
    found = run("backup", "--verify")
    assert found.exit_code == 1
    assert "held copies have a reservation: listing 1: " in found.output
    assert "NOT sound" in found.output


def test_errors_are_one_line(settings, place, tmp_path):
    (tmp_path / "broken").write_bytes(b"no backup")
    path = write_backup(settings).path
    for refused, said in (
        (run("restore", tmp_path / "broken", DATA_DIR=place.data_dir), "is not a backup of BookStore"),
        (run("restore", path), "it already holds data"),
        (run("backup", DATA_DIR=tmp_path / "nowhere"), "there is no such file"),
        (run("backup", BACKUP_DIR=tmp_path / "broken"), "the disk refuses: "),
        (run("backup", ORDERS_DATABASE_URL="mysql://u:secret@127.0.0.1:9/x"), "does not answer as it should"),
    ):
        assert refused.exit_code == 1, refused.output
        assert said in refused.output
        assert "Traceback" not in refused.output
        assert "secret" not in refused.output
        assert len([line for line in refused.output.splitlines() if line.startswith("Error: ")]) == 1


def test_a_weak_key_is_refused():
    for weak in ("short", "a" * 40):
        refused = run("backup", BACKUP_KEY=weak)
        assert refused.exit_code == 2
        assert "BOOKSTORE_BACKUP_KEY must be 32 random characters or more" in refused.output


def test_a_key_may_come_from_a_file(settings, tmp_path):
    (tmp_path / "key").write_text(KEY + "\n")
    assert ", encrypted)" in run("backup", BACKUP_KEY_FILE=tmp_path / "key").output


def test_one_service_alone_cannot(settings):
    token = "what services show one another in the tests, 0123456789"
    refused = run("backup", SERVICES="catalog", SERVICE_TOKEN=token)
    assert refused.exit_code == 2
    assert "this command needs accounts and orders in BOOKSTORE_SERVICES" in " ".join(refused.output.split())


def test_a_killed_backup_leaves_no_half_file_and_the_next_one_clears_up(settings):
    add_changes(settings)
    before = set(tree(settings.data_dir))
    kill_when(start("backup", settings), lambda: list(settings.data_dir.glob(".backup-*/catalog.sqlite3")))
    assert backups_in(settings.effective_backup_dir()) == []
    assert [path.suffix for path in settings.effective_backup_dir().iterdir()] == [".partial"]

    path = write_backup(settings).path
    assert set(tree(settings.data_dir)) - before == {str(path.relative_to(settings.data_dir.resolve()))}


def test_a_killed_restore_goes_on(settings, place):
    add_changes(settings)
    path = write_backup(settings).path
    for rows in (1, 20_000):
        kill_when(start("restore", place, str(path)), lambda rows=rows: changes_in(place) >= rows)
        assert rows <= changes_in(place) < CHANGES
    finished = run("restore", path, DATA_DIR=place.data_dir)
    assert finished.exit_code == 0, finished.output
    assert rows_of(place) == rows_of(settings)
    assert gateway_of(place) == gateway_of(settings)
    assert media_of(place) == media_of(settings)
    assert [path.name for path in place.data_dir.rglob("*restoring*")] == []


def add_changes(settings) -> None:
    """So many that a copy takes a while."""
    catalog = Database("catalog", settings.database_url_of("catalog"))
    row = text("INSERT INTO book_changes (book_id, changed_at) VALUES (:book, '2026-01-01 10:00:00.000001')")
    with catalog.engine.begin() as connection:
        connection.execute(row, [{"book": number} for number in range(CHANGES)])
    catalog.close()


def changes_in(settings) -> int:
    """Without making the file that is looked at."""
    path = settings.data_dir / "catalog.sqlite3"
    if not path.exists():
        return 0
    database = Database("catalog", f"sqlite:///{path}")
    try:
        with reading(database) as connection:
            if not inspect(connection).has_table("book_changes"):
                return 0
            return connection.scalar(text("SELECT count(*) FROM book_changes")) or 0
    finally:
        database.close()


def start(command: str, settings, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bookstore.cli", command, *arguments],
        env={**os.environ, "BOOKSTORE_DATA_DIR": str(settings.data_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_when(process: subprocess.Popen[str], is_there: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not is_there():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it never came that far"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
