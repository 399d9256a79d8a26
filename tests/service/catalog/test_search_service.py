"""Search follows the change table, is shared by processes, and can be lost without losing anything."""

import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, update

from bookstore.catalog import books, listings, reservations, search_follower
from bookstore.catalog.models import Book, BookChange, Condition, Listing
from bookstore.catalog.photos import PhotoFolder
from bookstore.catalog.search import Search
from bookstore.catalog.search_index import IndexUnusable, SearchIndex, SearchQuery
from bookstore.catalog.terms import Changes
from bookstore.shared.clock import utcnow
from bookstore.shared.database import Database
from bookstore.shared.errors import InvalidCursor
from bookstore.shared.money import Money
from tests.empty_databases import EmptyDatabases
from tests.service.catalog.shelf import OnShelf, publish, put_on_shelf
from tests.service.catalog.stock import ANA, USD

ISBN = "9788437604183"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "search"


@pytest.fixture
def photos(tmp_path: Path) -> PhotoFolder:
    return PhotoFolder(tmp_path / "media", 1_000_000)


@pytest.fixture
def search(database: Database, folder: Path) -> Iterator[Search]:
    search = Search(database, folder, USD)
    yield search
    search.close()


@pytest.fixture
def other(database: Database, folder: Path) -> Iterator[Search]:
    """The search of a second process on the same data folder."""
    other = Search(database, folder, USD)
    yield other
    other.close()


def titles(search: Search, text: str = "", **filters: object) -> list[str]:
    return [book.title for book in search.find(SearchQuery(text=text, limit=100, **filters)).books]  # type: ignore[arg-type]


def all_pages(search: Search, query: SearchQuery) -> list[int]:
    ids: list[int] = []
    cursor = None
    while True:
        page = search.find(query, cursor)
        assert len(page.books) <= query.limit
        ids += [book.id for book in page.books]
        cursor = page.next_cursor
        if cursor is None:
            return ids


def change(database: Database, number: int, book_id: int, age: timedelta = timedelta()) -> None:
    """A row of the change table with a number of our choice."""
    with database.writing() as session, session.begin():
        row = {"id": number, "book_id": book_id, "changed_at": utcnow() - age}
        session.execute(insert(BookChange), [row])


# Following the change table


def test_a_published_listing_is_found_after_one_look(database: Database, search: Search) -> None:
    search.follow()
    publish(database, copies=2, price="12.50")

    assert titles(search, "rulfo") == []
    assert search.follow() == 1

    (book,) = search.find(SearchQuery(text="pedro paramo")).books
    assert (book.title, book.from_price, book.copies_available) == ("Pedro Páramo", Money(1250, USD), 2)
    assert search.follow() == 0


def test_a_book_that_is_sold_out_stays_without_a_price(database: Database, search: Search) -> None:
    listing_id = publish(database, copies=1)
    search.follow()
    assert titles(search, available_only=True) == ["Pedro Páramo"]

    with database.writing() as session:
        reservations.reserve(session, "A1", [(listing_id, 1)], timedelta(minutes=30))
    search.follow()

    (book,) = search.find(SearchQuery(text="pedro")).books
    assert (book.from_price, book.copies_available) == (None, 0)
    assert titles(search, available_only=True) == []
    assert titles(search, max_price=10_000) == []


def test_an_edited_price_is_found_by_its_new_range(
    database: Database, search: Search, photos: PhotoFolder
) -> None:
    listing_id = publish(database, price="12.50")
    search.follow()
    assert titles(search, max_price=1000) == []

    with database.writing() as session:
        listings.edit(session, photos, USD, listing_id, ANA.id, Changes(price=Money(900, USD)))
    search.follow()

    assert titles(search, max_price=1000) == ["Pedro Páramo"]
    assert search.find(SearchQuery()).books[0].from_price == Money(900, USD)


def test_a_removed_listing_is_no_longer_on_sale(
    database: Database, search: Search, photos: PhotoFolder
) -> None:
    listing_id = publish(database)
    search.follow()

    with database.writing() as session:
        listings.withdraw(session, photos, listing_id, ANA.id)
    search.follow()

    assert titles(search, available_only=True) == []
    assert titles(search, "pedro") == ["Pedro Páramo"]


def test_a_deleted_book_is_gone_from_search(database: Database, search: Search) -> None:
    first, second = put_on_shelf(database, [OnShelf("Pedro Páramo"), OnShelf("El Llano en llamas")])
    search.follow()

    with database.writing() as session, session.begin():
        session.execute(delete(Listing).where(Listing.book_id == first))
        session.execute(delete(Book).where(Book.id == first))
    assert [book.id for book in search.find(SearchQuery()).books] == [second]
    with database.writing() as session, session.begin():
        books.mark_changed(session, [first])
    search.follow()

    assert search.find(SearchQuery()).total == 1


def test_many_changes_are_followed_at_once(
    database: Database, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    search.follow()
    monkeypatch.setattr(search_follower, "BATCH", 10)
    put_on_shelf(database, [OnShelf(f"Tomo {number}") for number in range(35)])

    assert search.follow() == 35
    assert search.find(SearchQuery()).total == 35


def test_a_change_that_becomes_visible_late_is_followed(database: Database, search: Search) -> None:
    late, early, *_ = put_on_shelf(database, [OnShelf("Late"), OnShelf("Early"), OnShelf("Third")])
    search.follow()
    change(database, 5000, early)
    search.follow()
    _retitle(database, late, "Committed late")
    assert titles(search, "committed") == []

    change(database, 12, late, age=timedelta(seconds=20))  # it took its number long before 5000

    assert search.follow() == 1
    assert titles(search, "committed") == ["Committed late"]
    assert search.follow() == 0


def test_late_changes_are_found_however_many_came_after_them(
    database: Database, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    search.follow()
    monkeypatch.setattr(search_follower, "BATCH", 10)
    ids = put_on_shelf(database, [OnShelf(f"Tomo {number}") for number in range(50)])
    change(database, 9000, ids[0])
    search.follow()

    for number in range(51, 86):
        change(database, number, ids[number - 51])

    assert search.follow() == 35
    assert search.follow() == 0


def test_a_new_writer_looks_again_at_what_is_young(database: Database, search: Search, other: Search) -> None:
    """The one before may have passed a change that was not visible yet, and cannot tell any more."""
    first, second = put_on_shelf(database, [OnShelf("One"), OnShelf("Two")])
    search.follow()
    change(database, 500, second)
    search.follow()
    search.close()
    _retitle(database, first, "Renamed")
    change(database, 3, first)

    other.follow()

    assert titles(other, "renamed") == ["Renamed"]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Lets time pass for the follower."""
    passed = [timedelta()]

    def wait(more: timedelta) -> None:
        passed[0] += more

    monkeypatch.setattr(search_follower, "utcnow", lambda: utcnow() + passed[0])
    return wait


def test_a_change_committed_while_its_follower_was_away_is_followed(
    database: Database, search: Search, other: Search, later: Callable[[timedelta], None]
) -> None:
    """It took its number before a change that was followed, and was no longer young when somebody looked."""
    first, second = put_on_shelf(database, [OnShelf("One"), OnShelf("Two")])
    search.follow()
    change(database, 500, second)
    search.follow()
    search.close()
    _retitle(database, first, "Renamed")
    change(database, 3, first)
    later(timedelta(hours=1))

    other.follow()

    assert titles(other, "renamed") == ["Renamed"]


def test_a_change_committed_during_a_long_rebuild_is_followed(
    database: Database, search: Search, later: Callable[[timedelta], None]
) -> None:
    put_on_shelf(database, [OnShelf("One"), OnShelf("Two")])
    change(database, 500, 2)

    def commit_late(done: int, total: int) -> None:
        _retitle(database, 1, "Renamed after it was read")
        change(database, 3, 1)
        later(timedelta(minutes=10))

    search.rebuild(commit_late)
    search.follow()

    assert titles(search, "renamed") == ["Renamed after it was read"]


def test_late_changes_in_several_batches_are_all_followed_by_a_new_writer(
    database: Database,
    search: Search,
    other: Search,
    later: Callable[[timedelta], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    search.follow()
    ids = put_on_shelf(database, [OnShelf(f"Tomo {number}") for number in range(30)])
    change(database, 9000, ids[0])
    search.follow()
    search.close()
    for number, book_id in enumerate(ids):
        _retitle(database, book_id, f"Renamed {number}")
        change(database, 100 + number, book_id)
    monkeypatch.setattr(search_follower, "BATCH", 10)
    later(timedelta(hours=1))

    other.follow()

    assert len(titles(other, "renamed")) == 30


def test_an_index_at_rest_stays_in_step_when_what_it_followed_is_forgotten(
    database: Database,
    search: Search,
    folder: Path,
    later: Callable[[timedelta], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    search.follow()
    put_on_shelf(database, [OnShelf(f"Tomo {number}") for number in range(5)])
    search.follow()
    later(timedelta(days=8))
    search.follow()
    assert search.forget_old_changes() == 4
    search.close()
    reopened = Search(database, folder, USD)
    monkeypatch.delattr(SearchIndex, "rebuild")

    assert reopened.follow() == 0
    assert reopened.find(SearchQuery(text="tomo")).total == 5
    reopened.close()


def _retitle(database: Database, book_id: int, title: str) -> None:
    with database.writing() as session, session.begin():
        session.execute(update(Book).where(Book.id == book_id).values(title=title))


def test_old_changes_are_forgotten_but_the_newest(
    database: Database, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    (book_id,) = put_on_shelf(database, [OnShelf("Pedro Páramo")])
    with database.writing() as session, session.begin():
        session.execute(update(BookChange).values(changed_at=utcnow() - timedelta(days=9)))
    for number in range(10, 20):
        change(database, number, book_id, age=timedelta(days=8))
    change(database, 20, book_id)
    search.follow()
    search.follow()
    monkeypatch.setattr(search_follower, "DELETED_AT_ONCE", 4)

    assert search.forget_old_changes() == 11
    assert search.forget_old_changes() == 0
    assert search.follow() == 0
    assert titles(search) == ["Pedro Páramo"]


def test_the_newest_change_stays_however_old_it_is(database: Database, search: Search) -> None:
    (book_id,) = put_on_shelf(database, [OnShelf("Pedro Páramo")])
    change(database, 10, book_id, age=timedelta(days=30))

    search.forget_old_changes()

    with database.reading() as session:
        assert search_follower.newest_change(session) == 10


def test_an_index_that_missed_forgotten_changes_is_built_anew(database: Database, search: Search) -> None:
    first, second = put_on_shelf(database, [OnShelf("One"), OnShelf("Two")])
    search.follow()
    _retitle(database, first, "Changed while the shop was closed")
    change(database, 3, first, age=timedelta(days=9))
    change(database, 4, second, age=timedelta(days=8))
    change(database, 5, second)

    search.forget_old_changes()
    search.follow()

    assert titles(search, "closed") == ["Changed while the shop was closed"]


def test_an_index_of_another_database_is_built_anew(
    database: Database, search: Search, folder: Path, empty_databases: EmptyDatabases, tmp_path: Path
) -> None:
    put_on_shelf(database, [OnShelf("One"), OnShelf("Two"), OnShelf("Three")])
    search.follow()
    search.close()
    with empty_databases.opened("catalog", tmp_path / "restored") as restored:
        put_on_shelf(restored, [OnShelf("From the backup")])
        after = Search(restored, folder, USD)

        after.follow()

        assert titles(after) == ["From the backup"]
        assert after.find(SearchQuery()).total == 1
        after.close()


# Several processes


def test_one_process_writes_and_the_other_reads(database: Database, search: Search, other: Search) -> None:
    publish(database, "One")
    search.follow()
    search.follow()
    assert titles(other) == ["One"]

    publish(database, "Two")
    assert search.follow() == 1
    assert other.follow() == 0

    assert sorted(titles(other)) == ["One", "Two"]


def test_the_reader_takes_over_when_the_writer_ends(
    database: Database, search: Search, other: Search
) -> None:
    search.follow()
    publish(database, "One")
    search.follow()
    assert other.follow() == 0
    publish(database, "Two")

    search.close()

    assert search.follow() == 0, "who has closed does not write any more"
    assert other.follow() > 0
    assert sorted(titles(other)) == ["One", "Two"]


def test_the_writer_goes_on_in_an_index_that_another_process_has_rebuilt(
    database: Database, search: Search, other: Search
) -> None:
    publish(database, "One")
    search.follow()
    publish(database, "Two")
    search.follow()

    assert other.rebuild() == 2
    publish(database, "Three")
    search.follow()

    assert sorted(titles(search)) == ["One", "Three", "Two"]
    assert sorted(titles(other)) == ["One", "Three", "Two"]


def test_a_rebuild_says_how_far_it_is(database: Database, search: Search) -> None:
    put_on_shelf(database, [OnShelf(f"Tomo {number}") for number in range(5)])
    seen: list[tuple[int, int]] = []

    assert search.rebuild(lambda done, total: seen.append((done, total))) == 5
    assert seen[-1] == (5, 5)


def test_search_goes_on_while_the_index_is_rebuilt(database: Database, search: Search, other: Search) -> None:
    put_on_shelf(database, [OnShelf(f"Tomo {number}") for number in range(300)])
    search.follow()
    answers: list[tuple[int | None, bool]] = []
    finished = threading.Event()

    def rebuild() -> None:
        for _ in range(5):
            other.rebuild()
        finished.set()

    thread = threading.Thread(target=rebuild)
    thread.start()
    while not finished.is_set():
        found = search.find(SearchQuery(text="tomo"))
        answers.append((found.total, found.degraded))
    thread.join()

    assert set(answers) == {(300, False)}


def test_changes_made_while_the_index_is_rebuilt_are_not_lost(
    database: Database, search: Search, other: Search
) -> None:
    put_on_shelf(database, [OnShelf(f"Tomo {number}") for number in range(1500)])
    search.follow()
    sold: list[int] = []

    def sell_one(done: int, total: int) -> None:
        if not sold:
            sold.append(publish(database, "Published meanwhile"))
            search.follow()

    other.rebuild(sell_one)
    search.follow()

    assert titles(search, "meanwhile") == ["Published meanwhile"]
    assert search.find(SearchQuery()).total == 1501


# Without the index


@pytest.fixture
def stocked(database: Database, search: Search) -> Search:
    put_on_shelf(
        database,
        [
            OnShelf("Pedro Páramo", isbn13=ISBN, price=1250),
            OnShelf("Pedro y el lobo", "Serguéi Prokófiev", price=800, category="children"),
            OnShelf("Peter Pan", "J. M. Barrie", language="en", category="children", copies=0),
            OnShelf("El Llano en llamas", price=2000, condition=Condition.NEW),
        ],
    )
    search.follow()
    return search


def lose(folder: Path) -> None:
    shutil.rmtree(folder)


def empty_the_files(folder: Path) -> None:
    for path in folder.glob("gen-*/*"):
        path.unlink()
        path.touch()


def cut_the_files(folder: Path) -> None:
    for path in folder.glob("gen-*/*.[a-z]*"):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content[: len(content) // 2])


def scribble_over_current(folder: Path) -> None:
    (folder / "CURRENT").write_text("\x00 no json")


def use_another_schema(folder: Path) -> None:
    (folder / "CURRENT").write_text('{"generation": "gen-000001", "schema": 0}')


ACCIDENTS = [lose, empty_the_files, cut_the_files, scribble_over_current, use_another_schema]


@pytest.mark.parametrize("accident", ACCIDENTS)
def test_an_index_lost_or_damaged_loses_nothing(stocked: Search, folder: Path, accident) -> None:  # type: ignore[no-untyped-def]
    before = all_pages(stocked, SearchQuery(text="pedro"))
    stocked.close()
    accident(folder)
    reopened = Search(stocked._database, folder, USD)

    found = reopened.find(SearchQuery(text="pedro"), facets=True)
    assert [book.title for book in found.books] == ["Pedro Páramo", "Pedro y el lobo"]
    assert (found.degraded, found.total, found.facets, found.prices) == (True, None, {}, [])
    assert not reopened.is_ready

    reopened.follow()

    assert reopened.is_ready
    assert not reopened.find(SearchQuery()).degraded
    assert all_pages(reopened, SearchQuery(text="pedro")) == before
    reopened.close()


def test_an_index_deleted_in_use_is_built_by_the_same_process(
    database: Database, stocked: Search, other: Search, folder: Path
) -> None:
    publish(database, "Before")
    stocked.follow()
    lose(folder)
    assert stocked.find(SearchQuery(text="pedro")).degraded

    stocked.follow()
    publish(database, "After")
    stocked.follow()

    assert titles(stocked, "after") == titles(other, "after") == ["After"]
    assert stocked.find(SearchQuery()).total == 6


def test_a_writer_does_not_write_into_the_index_that_replaced_its_deleted_one(
    database: Database, stocked: Search, other: Search, folder: Path
) -> None:
    publish(database, "Before")
    stocked.follow()
    lose(folder)
    other.follow()
    publish(database, "After")

    stocked.follow()

    assert titles(Search(database, folder, USD), "after") == ["After"]
    assert not Search(database, folder, USD).find(SearchQuery(text="after")).degraded
    assert other.find(SearchQuery()).total == 6


def test_without_an_index_nothing_is_written_but_by_the_follower(database: Database, search: Search) -> None:
    put_on_shelf(database, [OnShelf("Pedro Páramo")])

    assert search.find(SearchQuery(text="pedro")).degraded
    assert search.find(SearchQuery(text="pedro")).degraded
    assert not search.is_ready


def test_a_disk_that_refuses_is_not_tried_again_at_once(
    database: Database, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_shelf(database, [OnShelf("Pedro Páramo")])
    tries: list[int] = []

    def refuse(*args: object, **options: object) -> int:
        tries.append(1)
        raise IndexUnusable("no space left on device")

    monkeypatch.setattr(SearchIndex, "rebuild", refuse)

    with pytest.raises(IndexUnusable):
        search.follow()
    assert search.follow() == 0

    assert tries == [1]
    assert titles(search, "pedro") == ["Pedro Páramo"]


@pytest.fixture
def degraded(database: Database, stocked: Search, tmp_path: Path) -> Iterator[Search]:
    """A search whose index nobody has built."""
    search = Search(database, tmp_path / "nothing-there", USD)
    yield search
    search.close()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (SearchQuery(text=ISBN), ["Pedro Páramo"]),
        (SearchQuery(text="978-84-376-0418-3"), ["Pedro Páramo"]),
        (SearchQuery(text="pédro PÁ"), ["Pedro Páramo"]),
        (SearchQuery(text="paramo"), []),
        (SearchQuery(), ["El Llano en llamas", "Peter Pan", "Pedro y el lobo", "Pedro Páramo"]),
        (SearchQuery(available_only=True), ["El Llano en llamas", "Pedro y el lobo", "Pedro Páramo"]),
        (SearchQuery(author="rulfo"), ["El Llano en llamas", "Pedro Páramo"]),
        (SearchQuery(author="100%"), []),
        (SearchQuery(language=("en", "xx")), ["Peter Pan"]),
        (SearchQuery(category=("children",), text="pe"), ["Pedro y el lobo", "Peter Pan"]),
        (SearchQuery(condition=("new",)), ["El Llano en llamas"]),
        (SearchQuery(condition=("shiny",)), []),
        (SearchQuery(condition=("shiny", "new")), ["El Llano en llamas"]),
        (SearchQuery(min_price=1000, max_price=1500), ["Pedro Páramo"]),
        (SearchQuery(min_price=10**30), []),
        (SearchQuery(min_price=-(10**30), max_price=10**30, text="pedro y"), ["Pedro y el lobo"]),
        (SearchQuery(max_price=-(10**30)), []),
        (SearchQuery(text="\x00\ud800", language=("\ud800",), category=("\x00",), author="\ud800"), []),
    ],
)
def test_indexed_columns_answer_while_there_is_no_index(
    degraded: Search, query: SearchQuery, found: list[str]
) -> None:
    result = degraded.find(query)

    assert [book.title for book in result.books] == found
    assert result.degraded


@pytest.mark.parametrize("text", ["", "tomo"])
def test_pages_without_an_index_cover_all_books_once(database: Database, degraded: Search, text: str) -> None:
    ids = put_on_shelf(database, [OnShelf("Tomo único" + " más" * (n % 3) + "ж" * 200) for n in range(23)])
    wanted = all_pages(degraded, SearchQuery(text=text, limit=7))

    assert len(wanted) == len(set(wanted))
    assert set(ids) <= set(wanted)


@pytest.mark.parametrize("text", ["", "pe"])
def test_a_cursor_of_the_index_is_refused_without_it(stocked: Search, degraded: Search, text: str) -> None:
    cursor = stocked.find(SearchQuery(text=text, limit=1)).next_cursor
    assert cursor

    with pytest.raises(InvalidCursor):
        degraded.find(SearchQuery(text=text), cursor)
    with pytest.raises(InvalidCursor):
        stocked.find(SearchQuery(text=text), degraded.find(SearchQuery(text=text, limit=1)).next_cursor)


# Pages

SORTED = [
    SearchQuery(text="tomo", limit=7),
    SearchQuery(sort="newest", limit=7),
    SearchQuery(sort="price_asc", limit=7),
    SearchQuery(sort="price_desc", limit=7),
]


@pytest.fixture
def tomes(database: Database, search: Search) -> list[int]:
    """Books of which many share a price, a title or a second."""
    ids = put_on_shelf(
        database, [OnShelf(f"Tomo {n % 5}", price=500 + n % 3, copies=n % 4) for n in range(40)]
    )
    search.follow()
    return ids


@pytest.mark.parametrize("query", SORTED, ids=lambda query: query.sort)
def test_pages_cover_all_books_exactly_once(search: Search, tomes: list[int], query: SearchQuery) -> None:
    found = all_pages(search, query)

    assert len(found) == 40
    assert sorted(found) == tomes


@pytest.mark.parametrize("query", SORTED, ids=lambda query: query.sort)
def test_books_may_change_between_two_pages(
    database: Database, search: Search, tomes: list[int], query: SearchQuery
) -> None:
    first = search.find(query)
    with database.writing() as session, session.begin():
        session.execute(update(Listing).values(price_minor=Listing.price_minor + 7))
        gone = [book.id for book in first.books[:2]] + tomes[-3:]
        session.execute(delete(Listing).where(Listing.book_id.in_(gone)))
        session.execute(delete(Book).where(Book.id.in_(gone)))
        books.mark_changed(session, tomes)
    search.follow()
    put_on_shelf(database, [OnShelf("Tomo nuevo", price=1)])
    search.follow()

    second = search.find(query, first.next_cursor)

    assert not second.degraded
    assert {book.id for book in second.books}.isdisjoint(gone)


def test_the_last_page_may_be_gone_when_it_is_asked_for(
    database: Database, search: Search, tomes: list[int]
) -> None:
    cursor = search.find(SearchQuery(text="tomo", limit=39)).next_cursor
    with database.writing() as session, session.begin():
        session.execute(delete(Listing))
        session.execute(delete(Book))
        books.mark_changed(session, tomes)
    search.follow()

    page = search.find(SearchQuery(text="tomo", limit=39), cursor)

    assert (page.books, page.next_cursor, page.total) == ([], None, 0)


@pytest.mark.parametrize(
    "cursor", ["", "x", "WzFd", "bm8", "W10", "\x00", "ñ", "é" * 5000, "WyJuZXdlc3QiLC0xXQ"]
)
def test_a_cursor_that_was_made_up_is_refused(search: Search, tomes: list[int], cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        search.find(SearchQuery(sort="newest"), cursor)
