"""What is backed up comes back: every row, every photo, every line of the gateway's books."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from sqlalchemy import update

from bookstore.app import create_shop
from bookstore.auditing import audit_shop
from bookstore.backups.errors import PlaceTaken
from bookstore.backups.media import held_media
from bookstore.backups.rehearsal import rehearse
from bookstore.backups.restoring import restore
from bookstore.backups.writing import write_backup
from bookstore.catalog.models import Listing
from bookstore.shared.clock import utcnow
from bookstore.shared.database import Database
from bookstore.wiring import open_databases
from tests.people import log_in
from tests.service.backups.conftest import KEY, on_server
from tests.service.backups.shop_contents import checksums_of, gateway_of, media_of, rows_of, tree
from tests.service.moving.busy_shop import next_numbers, states_of


def numbers_of(settings) -> dict[str, int]:
    database = Database("catalog", settings.database_url_of("catalog"))
    try:
        return next_numbers(database)
    finally:
        database.close()


def test_a_shop_comes_back_as_it_was(settings, place):
    written = write_backup(settings)
    restored = restore(place, written.path)

    assert restored.findings == []
    assert rows_of(place) == rows_of(settings)
    assert numbers_of(place) == numbers_of(settings)
    assert gateway_of(place) == gateway_of(settings)
    assert len(media_of(place)) == 2
    assert media_of(place) == media_of(settings)
    assert written.manifest == restored.manifest
    assert written.manifest.missing == ()


def test_a_backup_leaves_nothing_else_behind(settings):
    before, rows, gateway = set(tree(settings.data_dir)), rows_of(settings), gateway_of(settings)
    written = write_backup(settings)
    made = {str(written.path.relative_to(settings.data_dir.resolve()))}
    assert set(tree(settings.data_dir)) - before == made
    assert (rows_of(settings), gateway_of(settings)) == (rows, gateway)
    assert written.path.stat().st_mode & 0o777 == 0o600


def test_a_restored_shop_is_open_for_business(settings, place, bought):
    restore(place, write_backup(settings).path)
    shop = create_shop(place)
    shop.app.testing = True
    try:
        bruno = log_in(shop.app, "Bruno Buys", "bruno@example.com", "his")
        assert set(states_of(bruno)) == set(bought.references.values())
        reference = bought.references["awaiting_payment"]
        pay = {"method": "card", "token": "tok_approved"}
        paid = bruno.api("POST", f"/orders/{reference}/payments", pay, Idempotency_Key="after the restore")
        assert paid.json["status"] == "captured"
        # The gateway knows again what it took before the backup.
        canceled = bruno.api("POST", f"/orders/{bought.references['paid']}/cancel")
        assert canceled.json["status"] == "refunded"
        assert audit_shop(place, shop.databases) == []
    finally:
        shop.close()


def test_the_gateways_books_come_back_to_where_the_settings_keep_them(settings, place, tmp_path, mariadb):
    there = replace(place, sandbox_database_url=mariadb.create_schema("books_of_the_gateway"))
    restore(there, write_backup(settings).path)
    assert gateway_of(there) == gateway_of(settings)
    assert not (there.data_dir / "gateway.sqlite3").exists()

    back = replace(place, data_dir=tmp_path / "back")
    written = write_backup(there)
    assert rehearse(there, written.path).findings == []
    assert gateway_of(there) == gateway_of(settings)
    restore(back, written.path)
    assert gateway_of(back) == gateway_of(settings)


def test_books_that_hold_payments_are_not_written_to(settings, place, tmp_path, mariadb):
    there = replace(place, sandbox_database_url=mariadb.create_schema("other_books"))
    written = write_backup(settings)
    restore(there, written.path)
    before = gateway_of(there)
    with pytest.raises(PlaceTaken, match="holds payments"):
        restore(replace(there, data_dir=tmp_path / "elsewhere"), written.path)
    assert gateway_of(there) == before


def test_from_sqlite_to_mariadb_and_back(settings, place, tmp_path, mariadb):
    on_mariadb = on_server(replace(place, backup_dir=str(tmp_path / "second")), mariadb, "round")
    assert restore(on_mariadb, write_backup(settings).path).findings == []
    assert checksums_of(on_mariadb) == checksums_of(settings)

    second = write_backup(on_mariadb)
    back = replace(settings, data_dir=tmp_path / "back")
    assert restore(back, second.path).findings == []
    assert rows_of(back) == rows_of(settings)
    assert numbers_of(back) == numbers_of(settings)
    assert gateway_of(back) == gateway_of(settings)
    assert media_of(back) == media_of(settings)


def test_one_sqlite_file_for_all_services(settings, place, tmp_path):
    one = replace(place, database_url=f"sqlite:///{tmp_path / 'shop.sqlite3'}")
    restore(one, write_backup(settings).path)
    back = replace(settings, data_dir=tmp_path / "back")
    assert restore(back, write_backup(one).path).findings == []
    assert rows_of(back) == rows_of(settings)


def test_a_sealed_backup_shows_nothing_and_opens_with_its_key(settings, sealed, place):
    path = write_backup(sealed).path
    assert path.name.endswith(".tar.sealed")
    for secret in (b"ana@example.com", b"accounts.sqlite3", b"manifest", KEY.encode()):
        assert secret not in path.read_bytes()
    assert restore(replace(place, backup_key=KEY), path).findings == []
    assert rows_of(place) == rows_of(settings)
    assert media_of(place) == media_of(settings)


def test_two_sealed_backups_of_the_same_share_nothing(sealed):
    first, second = write_backup(sealed).path.read_bytes(), write_backup(sealed).path.read_bytes()
    assert first[100:200] != second[100:200]


@pytest.mark.parametrize("key", ["", KEY])
def test_a_made_secret_key_travels_only_in_a_sealed_backup(settings, place, key):
    made = replace(settings, secret_key="", backup_key=key)
    made.effective_secret_key()
    written = write_backup(made)
    assert written.manifest.has_secret_key is bool(key)
    there = replace(place, secret_key="", backup_key=key)
    restore(there, written.path)
    assert there.kept_secret_key().is_file() is bool(key)
    if key:
        assert there.effective_secret_key() == made.effective_secret_key()
        assert there.kept_secret_key().stat().st_mode & 0o777 == 0o600


def test_time_that_has_passed_makes_no_backup_unsound(settings, place):
    """An unpaid order and its held copies are overdue by weeks when this one is restored."""
    path = write_backup(settings).path
    with time_machine.travel(utcnow() + timedelta(days=40)):
        assert restore(place, path).findings == []
        databases = open_databases(place)
        overdue = {finding.rule for finding in audit_shop(place, databases)}
        for database in databases.values():
            database.close()
    assert overdue == {"no hold outlives its time", "no order past its deadline"}


def test_the_audit_of_a_restore_finds_what_is_unsound(settings, place):
    catalog = Database("catalog", settings.database_url_of("catalog"))
    with catalog.writing() as session, session.begin():
        session.execute(
            update(Listing)
            .where(Listing.id == 1)
            .values(held=Listing.held + 1, available=Listing.available - 1)
        )
    catalog.close()
    findings = restore(place, write_backup(settings).path).findings
    assert [(finding.rule, finding.subject) for finding in findings] == [
        ("held copies have a reservation", "listing 1")
    ]


def test_a_photo_that_is_missing_is_named(settings, place):
    gone = sorted(media_of(settings))[0]
    (settings.effective_media_dir() / gone).unlink()
    written = write_backup(settings)
    assert written.manifest.missing == (gone,)
    assert restore(place, written.path).findings == []
    assert media_of(place) == media_of(settings)


def test_a_photo_that_is_deleted_meanwhile_is_in_the_backup(tmp_path: Path):
    (tmp_path / "first.jpg").write_bytes(b"first")
    with held_media(tmp_path) as media:
        media.hold()
        (tmp_path / "second.jpg").write_bytes(b"second")
        (tmp_path / "first.jpg").unlink()
        media.hold()
        (tmp_path / "second.jpg").unlink()
        assert {name: path.read_bytes() for name, path in media.files()} == {
            "first.jpg": b"first",
            "second.jpg": b"second",
        }
    assert list(tmp_path.iterdir()) == []


def test_copies_of_the_search_index_are_left_out_and_disowned(settings, place):
    copy = settings.effective_media_dir() / "search" / "copy"
    copy.parent.mkdir()
    copy.write_bytes(b"an index")
    stale = place.data_dir / "search" / "index"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"of another time")
    written = write_backup(settings)
    restore(place, written.path)
    assert len(written.manifest.media) == 2
    assert not stale.exists()
    assert name_of_database(settings) != name_of_database(place)


def name_of_database(settings) -> str:
    from bookstore.catalog import search_snapshot_turns

    database = Database("catalog", settings.database_url_of("catalog"))
    with database.reading() as session:
        name = search_snapshot_turns.database_id(session)
    database.close()
    return name
