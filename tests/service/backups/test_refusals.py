"""A file that is not as it was written, or a place that is not empty, is refused; and nothing is changed."""

import gzip
import io
import json
import random
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from bookstore.backups.archive import read_about
from bookstore.backups.errors import (
    CannotBackUp,
    DamagedBackup,
    NotABackup,
    OtherVersion,
    PlaceTaken,
    WrongKey,
)
from bookstore.backups.restoring import restore
from bookstore.backups.sealing import CHUNK_BYTES, HEADER_BYTES, TAG_BYTES
from bookstore.backups.writing import write_backup
from bookstore.moving.errors import TargetTaken
from bookstore.shared import migrations
from bookstore.shared.database import Database
from tests.service.backups.conftest import KEY, on_server
from tests.service.backups.shop_contents import checksums_of, rows_of, tree

DAMAGED = (DamagedBackup, NotABackup, WrongKey)


def assert_refused(place, path: Path, *errors: type[Exception]) -> str:
    """Refused with one of these errors, in one line, and nothing is made."""
    with pytest.raises(errors) as refused:
        restore(place, path)
    assert not place.data_dir.exists() or tree(place.data_dir) == {}
    text = str(refused.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def test_another_key_and_no_key_are_told_apart(sealed, place):
    path = write_backup(sealed).path
    other = replace(place, backup_key=KEY[::-1])
    assert "another BOOKSTORE_BACKUP_KEY" in assert_refused(other, path, WrongKey)
    assert "set BOOKSTORE_BACKUP_KEY" in assert_refused(place, path, WrongKey)


def test_a_file_that_is_no_backup(place, tmp_path):
    for content in (b"", b"a" * 600, b"\x1f\x8b" * 700):
        (tmp_path / "some file").write_bytes(content)
        assert_refused(place, tmp_path / "some file", NotABackup)


@pytest.mark.parametrize("key", ["", KEY])
def test_a_file_that_was_cut_off_anywhere(settings, place, key):
    path = write_backup(replace(settings, backup_key=key)).path
    whole = path.read_bytes()
    ends = [1, 19, HEADER_BYTES, 600, len(whole) // 3, len(whole) // 2, len(whole) - 20_000]
    chunk_ends = range(HEADER_BYTES, len(whole) - 1, CHUNK_BYTES + TAG_BYTES) if key else []
    for end in (*ends, *chunk_ends, *([len(whole) - 1] if key else [])):
        path.write_bytes(whole[:end])
        assert_refused(replace(place, backup_key=key), path, *DAMAGED)


def test_a_bit_that_was_changed_anywhere_in_a_sealed_file(sealed, place):
    path = write_backup(sealed).path
    whole = path.read_bytes()
    dice = random.Random(4)
    for position in (0, 20, 40, *(dice.randrange(len(whole)) for _ in range(12)), len(whole) - 1):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        assert_refused(replace(place, backup_key=KEY), path, *DAMAGED)


def test_a_bit_that_was_changed_in_any_member_of_an_open_file(settings, place):
    path = write_backup(settings).path
    whole = path.read_bytes()
    with tarfile.open(path) as tar:
        members = tar.getmembers()
    assert len(members) == 1 + 4 + 2 + 1
    for member in members:
        damaged = bytearray(whole)
        damaged[member.offset_data + member.size // 2] ^= 16
        path.write_bytes(damaged)
        assert_refused(place, path, *DAMAGED)


def test_sealed_chunks_in_another_order(sealed, place):
    (sealed.effective_media_dir() / "large.jpg").write_bytes(random.Random(4).randbytes(3 * CHUNK_BYTES))
    path = write_backup(sealed).path
    whole, size = path.read_bytes(), CHUNK_BYTES + TAG_BYTES
    head, body = whole[:HEADER_BYTES], whole[HEADER_BYTES:]
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    assert len(chunks) > 2
    for order in (
        [chunks[1], chunks[0], *chunks[2:]],
        [chunks[0], *chunks[2:]],
        [*chunks, chunks[-1]],
        [*chunks[:-1], chunks[0]],
    ):
        path.write_bytes(head + b"".join(order))
        assert_refused(replace(place, backup_key=KEY), path, DamagedBackup)


def test_a_database_with_rows(settings, sealed, tmp_path):
    path = write_backup(sealed).path
    before = tree(settings.data_dir)
    with pytest.raises(TargetTaken, match="it already holds data"):
        restore(replace(settings, backup_key=KEY, media_dir=str(tmp_path / "media")), path)
    assert tree(settings.data_dir) == before


def test_a_server_with_rows(settings, place, tmp_path, mariadb):
    path = write_backup(settings).path
    taken = on_server(place, mariadb, "taken")
    restore(taken, path)
    before = checksums_of(taken)
    again = replace(taken, data_dir=tmp_path / "again")
    with pytest.raises(TargetTaken, match="it holds a move from another source"):
        restore(again, path)
    assert checksums_of(taken) == before
    assert tree(again.data_dir) == {}


def test_a_second_restore_of_the_same(settings, place):
    path = write_backup(settings).path
    restore(place, path)
    before = tree(place.data_dir)
    with pytest.raises(PlaceTaken, match="was restored from this very backup already"):
        restore(place, path)
    assert tree(place.data_dir) == before


@pytest.mark.parametrize("there", ["media/photo.jpg", "gateway.sqlite3"])
def test_files_that_are_there(settings, place, there):
    path = write_backup(settings).path
    taken = place.data_dir / there
    taken.parent.mkdir(parents=True)
    taken.write_bytes((settings.data_dir / "gateway.sqlite3").read_bytes())
    before = tree(place.data_dir)
    with pytest.raises(PlaceTaken, match=r"nothing was restored: .* holds (files|payments)"):
        restore(place, path)
    assert tree(place.data_dir) == before


def test_another_secret_key(settings, place):
    made = replace(settings, secret_key="", backup_key=KEY)
    made.effective_secret_key()
    path = write_backup(made).path
    there = replace(place, secret_key="", backup_key=KEY)
    there.effective_secret_key()
    before = tree(there.data_dir)
    with pytest.raises(PlaceTaken, match="another secret key"):
        restore(there, path)
    assert tree(there.data_dir) == before


def test_a_backup_of_another_schema(settings, place, monkeypatch):
    path = write_backup(settings).path
    needed = migrations.needed_revision

    def newer(database: Database) -> str:
        return "0999" if database.service == "orders" else needed(database)

    monkeypatch.setattr(migrations, "needed_revision", newer)
    refused = assert_refused(place, path, OtherVersion)
    assert "its orders schema is at 0004, this program needs 0999" in refused


def test_a_shop_that_is_not_migrated(settings, place):
    with pytest.raises(CannotBackUp, match=r"accounts data .* there is no such file"):
        write_backup(place)
    orders = Database("orders", settings.database_url_of("orders"))
    with orders.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE orders_schema SET version_num = '0001'")
    orders.close()
    with pytest.raises(CannotBackUp, match="its schema is at 0001, this program needs 0004"):
        write_backup(settings)
    assert list(settings.effective_backup_dir().iterdir()) == []


def test_databases_only_leaves_the_files_alone(settings, place):
    path = write_backup(settings).path
    place.effective_media_dir().mkdir(parents=True)
    (place.effective_media_dir() / "newer.jpg").write_bytes(b"newer")
    (place.data_dir / "gateway.sqlite3").write_bytes((settings.data_dir / "gateway.sqlite3").read_bytes())
    gateway = (place.data_dir / "gateway.sqlite3").read_bytes()
    restored = restore(place, path, databases_only=True)
    assert not restored.is_whole
    assert rows_of(place) == rows_of(settings)
    assert (place.data_dir / "gateway.sqlite3").read_bytes() == gateway
    assert sorted(path.name for path in place.effective_media_dir().iterdir()) == ["newer.jpg"]


def test_a_cut_off_restore_of_databases_alone_is_no_leave_to_overwrite_files(settings, place):
    path = write_backup(settings).path
    (place.data_dir / f"restoring-{read_about(path, '').id}").mkdir(parents=True)
    place.effective_media_dir().mkdir()
    (place.effective_media_dir() / "newer.jpg").write_bytes(b"newer")
    with pytest.raises(PlaceTaken, match="holds files; move them away first"):
        restore(place, path)


@pytest.mark.parametrize(
    ("forged", "said"),
    [
        ({"id": "../../etc"}, "does not describe a backup of a whole shop"),
        ({"parts": {}}, "does not describe a backup of a whole shop"),
        ({"format": 2}, "its format is 2, this program knows 1"),
        ({"moment": 7}, "is damaged"),
    ],
)
def test_a_description_that_was_forged(settings, place, tmp_path, forged, said):
    about = json.loads(read_about(write_backup(settings).path, "").to_json()) | forged
    content = gzip.compress(json.dumps(about).encode())
    member = tarfile.TarInfo("about.json.gz")
    member.size = len(content)
    with tarfile.open(tmp_path / "forged.tar", "w") as tar:
        tar.addfile(member, io.BytesIO(content))
    assert said in assert_refused(place, tmp_path / "forged.tar", DamagedBackup, OtherVersion)


def test_a_file_that_would_land_elsewhere(settings, place, tmp_path):
    path = write_backup(settings).path
    with tarfile.open(path) as tar, tarfile.open(tmp_path / "forged.tar", "w") as forged:
        for member in tar.getmembers():
            content = tar.extractfile(member)
            if member.name.startswith("media/"):
                member.name = "media/../../elsewhere.jpg"
            forged.addfile(member, content)
    refused = assert_refused(place, tmp_path / "forged.tar", DamagedBackup)
    assert "unsafe name '../../elsewhere.jpg'" in refused
    assert not (tmp_path / "elsewhere.jpg").exists()
