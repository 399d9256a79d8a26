"""A shop moves between one database and three, and between SQLite and MariaDB, and is the same shop."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from bookstore.app import Shop, create_shop
from bookstore.auditing import audit_shop
from bookstore.config import SERVICES
from bookstore.moving.errors import CopyDiffers, NotMovable, StillWritten, TargetTaken
from bookstore.moving.moves import move
from bookstore.moving.places import Place, open_place, place_of
from bookstore.shared import migrations
from bookstore.shared.database import Database
from tests.people import log_in
from tests.service.moving.busy_shop import STATES, Buying, dump, next_numbers, states_of

# Small enough that each table needs several batches.
FEW = 3


def home(shop: Shop) -> Place:
    return {service: shop.settings.database_url_of(service) for service in SERVICES}


def folder(path: Path) -> Place:
    return place_of(str(path), SERVICES)


def one_file(path: Path) -> Place:
    return place_of(str(path / "shop.sqlite3"), SERVICES)


def dump_of(place: Place) -> dict[str, list[str]]:
    databases = open_place(place)
    try:
        return dump(databases)
    finally:
        for database in databases.values():
            database.close()


def numbers_of(place: Place) -> dict[str, int]:
    database = Database("catalog", place["catalog"])
    try:
        return next_numbers(database)
    finally:
        database.close()


@pytest.fixture
def serve(shop: Shop) -> Iterator[Callable[[Place], Shop]]:
    """Opens the moved shop, with the files of the old one."""
    opened = []

    def open_at(place: Place) -> Shop:
        urls = {f"{service}_database_url": url for service, url in place.items()}
        moved = create_shop(replace(shop.settings, **urls))
        moved.app.testing = True
        opened.append(moved)
        return moved

    yield open_at
    for moved in opened:
        moved.close()


def assert_open_for_business(moved: Shop, bought: Buying) -> None:
    """Who was there logs in, sees the same, trades on, and copies, orders and money agree."""
    assert audit_shop(moved.settings, moved.databases) == []
    ana = log_in(moved.app, "Ana Sells", "ana@example.com", "hers")
    bruno = log_in(moved.app, "Bruno Buys", "bruno@example.com", "his")
    assert set(states_of(bruno)) == set(bought.references.values())
    listing = ana.api("GET", f"/catalog/listings/{bought.listings[0]}").json
    photo = moved.app.test_client().get(listing["photo_url"])
    assert (photo.status_code, photo.data[:2]) == (200, b"\xff\xd8")
    pay = {"method": "card", "token": "tok_approved"}
    reference = bought.references["awaiting_payment"]
    paid = bruno.api("POST", f"/orders/{reference}/payments", pay, Idempotency_Key="after the move")
    assert paid.json["status"] == "captured"
    # The gateway, whose books did not move, gives back what it took before the move.
    assert bruno.api("POST", f"/orders/{bought.references['paid']}/cancel").json["status"] == "refunded"
    assert audit_shop(moved.settings, moved.databases) == []


def test_three_files_become_one_and_three_again(shop, bought, there, serve):
    before, numbers = dump_of(home(shop)), numbers_of(home(shop))

    joined = move(home(shop), one_file(there), batch=FEW)
    parted = move(one_file(there), folder(there / "again"), batch=FEW)

    assert dump_of(one_file(there)) == before
    assert dump_of(folder(there / "again")) == before
    assert numbers_of(folder(there / "again")) == numbers
    assert numbers["listings"] > len(bought.listings)
    assert joined == parted
    assert {table.table: table.content.rows for table in joined}["orders"] == len(STATES)
    assert dump_of(home(shop)) == before
    assert_open_for_business(serve(folder(there / "again")), bought)


def test_one_file_serves_all_services(shop, bought, there, serve):
    move(home(shop), one_file(there))
    assert_open_for_business(serve(one_file(there)), bought)


def test_a_shop_goes_to_mariadb_and_comes_back(shop, bought, there, serve, mariadb):
    before, numbers = dump_of(home(shop)), numbers_of(home(shop))
    three = {service: mariadb.create_schema(service) for service in SERVICES}
    one = dict.fromkeys(SERVICES, mariadb.create_schema("shop"))

    there_in_three = move(home(shop), three, batch=FEW)
    there_in_one = move(three, one, batch=FEW)
    back = move(one, folder(there))

    assert there_in_three == there_in_one == back
    assert dump_of(folder(there)) == before
    assert numbers_of(folder(there)) == numbers
    moved = serve(one)
    assert_open_for_business(moved, bought)
    ana = log_in(moved.app, "Ana Sells", "ana@example.com", "hers")
    new = ana.api("POST", "/catalog/listings", offer_of("Nuevo")).json["id"]
    assert new == numbers["listings"] + 1


def offer_of(title: str) -> dict[str, object]:
    return {
        "book": {"title": title, "authors": "Autora", "language": "es"},
        "condition": "good",
        "price": {"amount": "5.00", "currency": "USD"},
        "copies": 1,
    }


@pytest.mark.parametrize("batches", [0, 1, 4, 11])
def test_a_move_that_was_cut_off_goes_on(shop, bought, there, batches):
    class CutOff(Exception):
        pass

    calls = []

    def cut_off(done: int, total: int) -> None:
        calls.append((done, total))
        if len(calls) > batches:
            raise CutOff

    with pytest.raises(CutOff):
        move(home(shop), one_file(there), batch=FEW, report=cut_off)
    heard: list[tuple[int, int]] = []
    move(home(shop), one_file(there), batch=FEW, report=lambda *now: heard.append(now))

    assert dump_of(one_file(there)) == dump_of(home(shop))
    rows = sum(len(rows) for rows in dump_of(home(shop)).values())
    assert heard[-1] == (rows, rows)
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)


def test_a_finished_move_is_compared_again_and_may_not_be_started_over(shop, bought, there):
    first = move(home(shop), one_file(there))
    assert move(home(shop), one_file(there)) == first
    with pytest.raises(TargetTaken, match="may be in use"):
        move(home(shop), one_file(there), start_over=True)
    assert dump_of(one_file(there)) == dump_of(home(shop))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "UPDATE users SET name = 'Somebody Else' WHERE name = 'Ana Sells'",
            "rows of users have another content",
        ),
        ("DELETE FROM sessions", "sessions has 0 rows, 4 were copied"),
    ],
)
def test_a_shop_that_is_still_written_is_named_with_what_changed(shop, bought, there, statement, said):
    total = sum(len(rows) for rows in dump_of(home(shop)).values())

    def write(done: int, of: int) -> None:
        if done == total:
            with shop.databases["accounts"].engine.begin() as connection:
                connection.execute(text(statement))

    with pytest.raises(StillWritten, match=said):
        move(home(shop), one_file(there), report=write)
    with pytest.raises(StillWritten, match=said):
        move(home(shop), one_file(there))
    move(home(shop), one_file(there), start_over=True)
    assert dump_of(one_file(there)) == dump_of(home(shop))


def test_a_copy_that_was_damaged_is_found(shop, bought, there):
    move(home(shop), folder(there))
    target = Database("orders", folder(there)["orders"])
    with target.engine.begin() as connection:
        connection.execute(text("UPDATE order_lines SET title = title || '.' WHERE id = 1"))
    target.close()
    with pytest.raises(CopyDiffers, match="rows of order_lines have another content"):
        move(home(shop), folder(there))


def test_a_target_with_other_data_is_refused_and_stays_as_it_is(shop, bought, there):
    for database in (databases := open_place(folder(there))).values():
        there.mkdir(exist_ok=True)
        migrations.upgrade(database)
        database.close()
    catalog = databases["catalog"]
    with catalog.engine.begin() as connection:
        connection.execute(text("INSERT INTO book_changes (book_id, changed_at) VALUES (1, '2026-01-01')"))
    catalog.close()
    before = dump_of(folder(there))
    with pytest.raises(TargetTaken, match="catalog data: it already holds data"):
        move(home(shop), folder(there))
    with pytest.raises(TargetTaken, match="it already holds data"):
        move(home(shop), folder(there), start_over=True)
    assert dump_of(folder(there)) == before


def test_a_freshly_migrated_target_is_taken(shop, bought, there):
    there.mkdir()
    for database in open_place(folder(there)).values():
        migrations.upgrade(database)
        database.close()
    move(home(shop), folder(there))
    assert dump_of(folder(there)) == dump_of(home(shop))


def test_the_source_is_no_target(shop, bought):
    before = dump_of(home(shop))
    with pytest.raises(TargetTaken, match="it is the source itself"):
        move(home(shop), home(shop))
    assert dump_of(home(shop)) == before


def test_a_target_half_full_from_another_shop_is_refused(shop, bought, there, tmp_path):
    move(home(shop), folder(tmp_path / "copy"))

    def cut_off(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move(folder(tmp_path / "copy"), folder(there), batch=FEW, report=cut_off)
    with pytest.raises(TargetTaken, match="another source"):
        move(home(shop), folder(there))
    move(home(shop), folder(there), start_over=True)
    assert dump_of(folder(there)) == dump_of(home(shop))


def test_a_source_of_another_version_is_refused(shop, bought, there):
    with shop.databases["orders"].engine.begin() as connection:
        connection.execute(text("UPDATE orders_schema SET version_num = '0001'"))
    with pytest.raises(NotMovable, match=r"its schema is at 0001.*bookstore migrate"):
        move(home(shop), folder(there))
    assert not there.exists()


def test_a_source_that_is_not_there_is_refused_and_not_made(tmp_path, there):
    with pytest.raises(NotMovable, match="no such file"):
        move(one_file(tmp_path), folder(there))
    assert not (tmp_path / "shop.sqlite3").exists()
    assert not there.exists()
