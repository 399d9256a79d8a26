"""Replicas on several machines: each follows the change table into its own index, and starts from a copy."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from bookstore.catalog import search_copies, search_follower, search_snapshot_turns
from bookstore.catalog.models import Book, BookChange, SearchSnapshotTurn
from bookstore.catalog.search import Search
from bookstore.catalog.search_index import SearchIndex, SearchQuery
from bookstore.shared.clock import utcnow
from bookstore.shared.database import Database
from tests.service.catalog.shelf import OnShelf, publish, put_on_shelf
from tests.service.catalog.stock import USD

Replica = Callable[[str], Search]


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    return tmp_path / "media" / "search"


@pytest.fixture
def replica(database: Database, tmp_path: Path, shared: Path) -> Iterator[Replica]:
    """Makes the search of a machine with a data folder of its own."""
    made: list[Search] = []

    def make(name: str) -> Search:
        made.append(Search(database, tmp_path / name / "search", USD, shared))
        return made[-1]

    yield make
    for search in made:
        search.close()


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders of the indexes that were built from all books."""
    built: list[Path] = []
    original = SearchIndex.rebuild

    def rebuild(path: Path, *arguments: object) -> int:
        built.append(path)
        return original(path, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(SearchIndex, "rebuild", rebuild)
    return built


@pytest.fixture
def first(database: Database, replica: Replica) -> Search:
    """A replica that knows three books and has copied its index."""
    put_on_shelf(database, [OnShelf("Pedro Páramo"), OnShelf("El Llano en llamas"), OnShelf("Rayuela")])
    search = replica("first")
    search.follow()
    search.follow()
    assert search.copy_for_replicas() == 1
    return search


def found(search: Search, text: str = "") -> list[str]:
    page = search.find(SearchQuery(text=text, limit=100))
    assert not page.degraded
    return sorted(book.title for book in page.books)


def retitle(database: Database, book_id: int, title: str, age: timedelta = timedelta()) -> None:
    with database.writing() as session, session.begin():
        session.execute(update(Book).where(Book.id == book_id).values(title=title))
        session.add(BookChange(book_id=book_id, changed_at=utcnow() - age))


def snapshots(shared: Path) -> list[Path]:
    return sorted(shared.glob("snapshot-*"))


@pytest.mark.parametrize("names", [("one", "two"), ("one", "two", "three")])
def test_a_change_made_anywhere_is_found_in_every_replica(
    database: Database, replica: Replica, names: tuple[str, ...]
) -> None:
    searches = [replica(name) for name in names]
    for search in searches:
        search.follow()
    published: list[str] = []

    for name in names:
        publish(database, f"Published at {name}")
        published.append(f"Published at {name}")
        assert [search.follow() for search in searches] == [1] * len(searches)

        assert [found(search) for search in searches] == [sorted(published)] * len(searches)


def test_a_new_replica_starts_from_the_copy_and_follows_from_there(
    database: Database, replica: Replica, first: Search, builds: list[Path]
) -> None:
    retitle(database, 3, "Rayuela corregida")
    publish(database, "Ficciones")
    second = replica("second")
    assert second.find(SearchQuery(text="rayuela")).degraded

    second.follow()
    assert second.find(SearchQuery()).total == 3, "what the copy has"
    assert found(second, "corregida") == []
    second.follow()

    assert found(second, "corregida") == ["Rayuela corregida"]
    assert found(second) == ["El Llano en llamas", "Ficciones", "Pedro Páramo", "Rayuela corregida"]
    assert builds == []
    assert second.follow() == 0


def test_a_restored_index_can_be_written_copied_and_merged(
    database: Database, replica: Replica, first: Search, shared: Path, tmp_path: Path
) -> None:
    second = replica("second")
    second.follow()
    for number in range(30):
        publish(database, f"Tomo {number}")
        second.follow()
    second.close()
    reopened = Search(database, second.folder, USD, shared)

    reopened.follow()
    assert len(found(reopened, "tomo")) == 30
    (generation,) = second.folder.glob("gen-*")
    kept = json.loads((generation / "meta.json").read_text())["segments"]
    named = {segment["segment_id"].replace("-", "") for segment in kept}
    assert {path.name.split(".")[0] for path in generation.glob("*.store")} == named
    reopened.close()


def test_a_change_committed_late_reaches_a_replica_that_starts_from_an_older_copy(
    database: Database, replica: Replica, first: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change took its number before the last one in the copy and became visible after it was made."""
    with database.writing() as session, session.begin():
        session.add(BookChange(id=500, book_id=1))
    first.follow()
    monkeypatch.setattr(search_copies, "COPY_AFTER_CHANGES", 1)
    assert first.copy_for_replicas() == 1
    with database.writing() as session, session.begin():
        session.execute(update(Book).where(Book.id == 2).values(title="Committed late"))
        session.add(BookChange(id=7, book_id=2))
    monkeypatch.setattr(search_follower, "utcnow", lambda: utcnow() + timedelta(hours=2))

    second = replica("second")
    second.follow()
    second.follow()

    assert found(second, "committed") == ["Committed late"]


def cut_a_file(snapshot: Path) -> None:
    file = max(snapshot.iterdir(), key=lambda path: path.stat().st_size)
    file.write_bytes(file.read_bytes()[:-1])


def flip_a_byte(snapshot: Path) -> None:
    file = max(snapshot.glob("*.store"))
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.write_bytes(content)


def lose_a_file(snapshot: Path) -> None:
    max(snapshot.glob("*.term")).unlink()


def lose_the_manifest(snapshot: Path) -> None:
    (snapshot / "manifest.json").unlink()


def edit(snapshot: Path, **values: object) -> None:
    manifest = snapshot / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **values}))


UNUSABLE = {
    "a file is cut": (cut_a_file, ""),
    "a byte is wrong": (flip_a_byte, "is damaged"),
    "a file is lost": (lose_a_file, "cannot be copied"),
    "no manifest": (lose_the_manifest, "manifest cannot be read"),
    "a list for a manifest": (lambda at: (at / "manifest.json").write_text("[]"), "manifest cannot be read"),
    "a newer format": (lambda at: edit(at, format=2), "its format is 2"),
    "another schema": (lambda at: edit(at, schema=99), "its schema is 99"),
    "another database": (lambda at: edit(at, database_id="f" * 32), "of another database"),
    "ahead of the database": (lambda at: edit(at, position=10_000), "DatabaseWentBack"),
    "files elsewhere": (
        lambda at: edit(at, files=[{"name": "../../secret_key", "size": 1, "sha256": ""}]),
        "files outside",
    ),
    "no files": (lambda at: edit(at, files=[]), ""),
}


@pytest.mark.parametrize("accident", UNUSABLE)
def test_a_copy_that_cannot_be_used_is_ignored_with_its_reason(
    first: Search,
    replica: Replica,
    shared: Path,
    builds: list[Path],
    accident: str,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    harm, reason = UNUSABLE[accident]
    (snapshot,) = snapshots(shared)
    harm(snapshot)  # type: ignore[no-untyped-call]
    second = replica("second")

    second.follow()

    assert builds == [second.folder]
    assert found(second) == found(first)
    logged = caplog.text + capsys.readouterr().out
    assert "search snapshot ignored" in logged
    assert snapshot.name in logged
    assert reason in logged


def test_a_copy_from_before_the_oldest_change_is_not_used(
    database: Database, first: Search, replica: Replica, builds: list[Path]
) -> None:
    retitle(database, 1, "Changed while nobody looked", age=timedelta(days=9))
    retitle(database, 2, "Changed today")
    with database.writing() as session, session.begin():
        session.execute(
            update(BookChange).where(BookChange.id <= 4).values(changed_at=utcnow() - timedelta(days=9))
        )
    first.forget_old_changes()
    second = replica("second")

    second.follow()

    assert builds == [second.folder]
    assert found(second, "changed") == ["Changed today", "Changed while nobody looked"]


def test_a_replica_that_missed_forgotten_changes_notices_and_starts_again_from_a_copy(
    database: Database,
    first: Search,
    replica: Replica,
    builds: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late = replica("late")
    late.follow()
    retitle(database, 1, "Missed", age=timedelta(days=9))
    retitle(database, 2, "Seen")
    with database.writing() as session, session.begin():
        session.execute(
            update(BookChange).where(BookChange.id <= 4).values(changed_at=utcnow() - timedelta(days=9))
        )
    first.follow()
    assert first.forget_old_changes() == 4
    monkeypatch.setattr(search_copies, "COPY_AFTER_CHANGES", 1)
    assert first.copy_for_replicas() == 1

    late.follow()

    assert found(late) == ["Missed", "Rayuela", "Seen"]
    assert builds == []


def test_the_newest_two_copies_are_kept(
    database: Database, first: Search, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_copies, "COPY_AFTER_CHANGES", 1)
    made = [snapshots(shared)[0]]
    for number in range(3):
        publish(database, f"Tomo {number}")
        first.follow()
        assert first.copy_for_replicas() == 1
        made += set(snapshots(shared)) - set(made)

    assert snapshots(shared) == sorted(made[-2:])
    assert {path.name for path in shared.iterdir()} == {path.name for path in made[-2:]}


def test_nothing_is_copied_before_it_is_due(
    database: Database, first: Search, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert first.copy_for_replicas() == 0
    publish(database, "Ficciones")
    first.follow()
    assert first.copy_for_replicas() == 0

    monkeypatch.setattr(search_copies, "COPY_AFTER_SECONDS", 0)

    assert first.copy_for_replicas() == 1
    assert first.copy_for_replicas() == 0, "nothing has changed since"
    assert len(snapshots(shared)) == 2


def test_of_many_replicas_one_copies(database: Database, replica: Replica, shared: Path) -> None:
    put_on_shelf(database, [OnShelf(f"Tomo {number}") for number in range(50)])
    searches = [replica(f"replica-{number}") for number in range(4)]
    for search in searches:
        search.follow()
        search.follow()
    made: list[int] = []
    threads = [
        threading.Thread(target=lambda each=each: made.append(each.copy_for_replicas())) for each in searches
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(made) == [0, 0, 0, 1]
    assert len(snapshots(shared)) == 1


def test_a_turn_ends_by_itself(database: Database) -> None:
    with database.writing() as session:
        assert search_snapshot_turns.take_turn(session)
    with database.writing() as session:
        assert not search_snapshot_turns.take_turn(session)
    with database.writing() as session, session.begin():
        session.execute(update(SearchSnapshotTurn).values(claimed_until=utcnow() - timedelta(seconds=1)))
    with database.writing() as session:
        assert search_snapshot_turns.take_turn(session)


def test_copies_are_disowned_when_the_database_was_put_back(
    database: Database, first: Search, replica: Replica, builds: list[Path]
) -> None:
    with database.writing() as session, session.begin():
        session.execute(update(Book).where(Book.id == 1).values(title="As it was in the backup"))
        session.query(BookChange).filter(BookChange.id == 3).delete()
    first.follow()
    retitle(database, 2, "After the backup")
    second = replica("second")

    second.follow()

    assert builds == [first.folder, second.folder]
    assert found(second) == ["After the backup", "As it was in the backup", "Rayuela"]


def test_copies_out_of_reach_do_not_keep_a_replica_from_building(
    database: Database, replica: Replica, shared: Path, builds: list[Path]
) -> None:
    put_on_shelf(database, [OnShelf("Pedro Páramo")])
    shared.parent.mkdir()
    shared.write_text("no folder")
    search = replica("first")

    search.follow()
    search.follow()

    assert found(search) == ["Pedro Páramo"]
    with pytest.raises(OSError, match="search"):
        search.copy_for_replicas()
    with database.writing() as session:
        assert search_snapshot_turns.take_turn(session), "the turn was given back"


def test_an_index_is_copied_while_it_is_written(
    database: Database, replica: Replica, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_copies, "COPY_AFTER_CHANGES", 0)
    put_on_shelf(database, [OnShelf(f"Tomo {number}") for number in range(200)])
    search = replica("first")
    search.follow()
    search.follow()
    stop = threading.Event()
    failures: list[Exception] = []

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            publish(database, f"Nuevo {number}")
            try:
                search.follow()
            except Exception as error:
                failures.append(error)
                return

    thread = threading.Thread(target=write)
    thread.start()
    copies = [search.copy_for_replicas() for _ in range(12)]
    stop.set()
    thread.join()

    assert failures == []
    assert copies == [1] * 12
    second = replica("second")
    monkeypatch.delattr(SearchIndex, "rebuild")
    second.follow()
    second.follow()
    search.follow()
    assert second.find(SearchQuery()).total == search.find(SearchQuery()).total
