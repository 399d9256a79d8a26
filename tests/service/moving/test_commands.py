"""`bookstore split` and `bookstore join` as an operator runs them, and as a power cut ends them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import inspect, text

from bookstore.cli import main
from bookstore.config import SERVICES
from bookstore.moving.content import reading
from bookstore.moving.moves import move
from bookstore.moving.places import open_place, place_of
from bookstore.shared.database import Database
from tests.database_servers import PASSWORD, USER
from tests.service.moving.busy_shop import dump

BOOKS = 2000


@pytest.fixture
def environ(shop, monkeypatch):
    monkeypatch.setenv("BOOKSTORE_DATA_DIR", str(shop.settings.data_dir))


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def dump_at(path: Path) -> dict[str, list[str]]:
    return dump(open_place(place_of(str(path), SERVICES)))


def test_join_and_split_say_what_they_did_and_how_to_go_on(shop, bought, environ, there):
    joined = run("join", "--to", there / "shop.sqlite3")
    assert joined.exit_code == 0, joined.output
    assert "source and target agree" in joined.output
    assert f"BOOKSTORE_DATABASE_URL=sqlite:///{there}/shop.sqlite3" in joined.output
    assert "gateway.sqlite3" in joined.output
    parted = run("split", "--from", there / "shop.sqlite3", "--to", there / "three", "--batch", 7)
    assert parted.exit_code == 0, parted.output
    assert f"BOOKSTORE_ORDERS_DATABASE_URL=sqlite:///{there}/three/orders.sqlite3" in parted.output
    assert dump_at(there / "three") == dump_at(shop.settings.data_dir)


def test_a_password_is_not_printed(shop, bought, environ, there, mariadb):
    moved = run("join", "--to", mariadb.create_schema("secret"))
    assert moved.exit_code == 0, moved.output
    assert f"{USER}:***@" in moved.output
    assert PASSWORD not in moved.output.replace("%20", " ").replace("+", " ")


def test_a_server_is_reached_as_the_settings_say(shop, bought, environ, mariadb, tmp_path, monkeypatch):
    """This one offers no encryption, and with an authority in the settings it is not talked to without."""
    authority = tmp_path / "ca.pem"
    authority.write_text("the file of an authority")
    monkeypatch.setenv("BOOKSTORE_DATABASE_TLS_CA", str(authority))
    refused = run("join", "--to", mariadb.create_schema("in_the_clear"))
    assert refused.exit_code == 1
    assert "a database does not answer as it should" in refused.output
    assert "TLS" in refused.output or "SSL" in refused.output
    assert mariadb.administer("SHOW TABLES FROM in_the_clear") == []


def test_a_missing_driver_is_named(shop, environ, monkeypatch):
    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    refused = run("join", "--to", "mysql://u:secret@127.0.0.1:9/x")
    assert refused.exit_code == 1
    assert "MySQL and MariaDB need the extra: pip install 'bookstore[mysql]'" in refused.output
    assert "secret" not in refused.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["join"], "give --to, or set BOOKSTORE_DATABASE_URL"),
        (["split"], "give --from, or set BOOKSTORE_DATABASE_URL"),
        (["join", "--from", "data", "--orders", "x.sqlite3", "--to", "y.sqlite3"], "not both"),
        (["join", "--to", "postgres://u:secret@h/x"], "neither a database URL nor a file"),
        (["join", "--to", "sqlite+nosuchdriver:///x.sqlite3"], "neither a database URL nor a file"),
        (["split", "--from", "nowhere.sqlite3", "--to", "there"], "there is no such file"),
        (["join", "--to", "mysql+mysqldb://u:secret@127.0.0.1:9/x"], "does not answer as it should"),
    ],
)
def test_wrong_places_are_named_and_nothing_is_made(shop, environ, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    refused = run(*arguments)
    assert refused.exit_code != 0
    assert said in " ".join(refused.output.split())
    assert "secret" not in refused.output
    assert "Traceback" not in refused.output
    assert sorted(tmp_path.iterdir()) == before


def test_a_target_with_data_is_refused_with_exit_1(shop, bought, environ):
    refused = run("join", "--to", shop.settings.data_dir / "catalog.sqlite3")
    assert refused.exit_code == 1
    assert "it is the source itself" in refused.output


@pytest.mark.parametrize("kind", ["sqlite", "mariadb"])
def test_a_move_that_was_killed_goes_on_and_loses_nothing(shop, bought, there, request, kind):
    """Killed with SIGKILL while it copies, again and again; each time it goes on behind the last batch."""
    target = str(there / "shop.sqlite3")
    if kind == "mariadb":
        target = request.getfixturevalue("mariadb").create_schema("killed")
    with shop.databases["catalog"].engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO book_changes (book_id, changed_at) VALUES (:book, '2026-01-01 10:00:00.000001')"
            ),
            [{"book": number} for number in range(BOOKS)],
        )
    copy = open_place(place_of(target, SERVICES))
    for rows in (1, 150, 400):
        reached = kill_when_copied(start_join(shop, target), copy["catalog"], rows)
        assert rows <= reached < BOOKS
    finished = start_join(shop, target, batch=500)
    out, err = finished.communicate(timeout=120)
    assert finished.returncode == 0, err
    assert "source and target agree" in out
    assert rows_copied(copy["catalog"]) >= BOOKS
    move(place_of(target, SERVICES), place_of(str(there / "back"), SERVICES))
    assert dump_at(there / "back") == dump_at(shop.settings.data_dir)
    for database in copy.values():
        database.close()


def start_join(shop, target: str, batch: int = 2) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bookstore.cli", "join", "--to", target, "--batch", str(batch)],
        env={**os.environ, "BOOKSTORE_DATA_DIR": str(shop.settings.data_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_when_copied(process: subprocess.Popen[str], target: Database, rows: int) -> int:
    """Kill the move once so many changes of books are in the target; how many there are afterwards."""
    deadline = time.monotonic() + 120
    while (copied := rows_copied(target)) < rows:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"only {copied} rows were copied"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    return rows_copied(target)


def rows_copied(target: Database) -> int:
    if target.engine.dialect.name == "sqlite" and not Path(str(target.engine.url.database)).exists():
        return 0
    with reading(target) as connection:
        if not inspect(connection).has_table("book_changes"):
            return 0
        return connection.scalar(text("SELECT count(*) FROM book_changes")) or 0
