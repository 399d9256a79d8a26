"""Importing into the catalog's database: once, however often, and however dirty the file."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from bookstore.app import Shop
from bookstore.catalog.import_rows import CatalogFile
from bookstore.catalog.importing import ImportReport, import_catalog
from bookstore.catalog.models import Book, BookChange, Listing
from bookstore.catalog.rejects_file import RejectsFile
from bookstore.catalog.sample_offers import add_sample_offers, sample_sellers
from bookstore.cli import main
from bookstore.config import variable

ROWS = """source,source_id,title,authors,isbn13,year,language
test,1,Pedro Páramo,Juan Rulfo,9788437604183,1955,es
test,2,,Nobody,,,
test,3,Rayuela,Julio Cortázar,not-an-isbn,1963,spa
test,3,Rayuela again,Julio Cortázar,,1963,es
test,4,Too,many,columns,in,this,row,here
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "books.csv"
    path.write_text(ROWS)
    return path


def run(shop: Shop, path: Path) -> tuple[ImportReport, list[str]]:
    rejects = path.with_suffix(".rejects.csv")
    with CatalogFile(path) as file, RejectsFile(rejects) as rejected:
        report = import_catalog(shop.databases["catalog"], file, rejected, source="")
    return report, rejects.read_text().splitlines()[1:]


def count(shop: Shop, column) -> int:
    with shop.databases["catalog"].reading() as session:
        return session.scalar(select(func.count(column)))


def test_good_rows_become_books_and_bad_ones_are_named(shop, path):
    report, rejects = run(shop, path)
    assert (report.added, report.known, report.rejected, report.rows) == (2, 1, 2, 5)
    assert report.notes == {"isbn_characters": 1}
    assert [line.split(",")[:2] for line in rejects] == [["2", "3"], ["5", "6"]]
    assert "no_title" in rejects[0]
    assert "too_many_columns" in rejects[1]
    with shop.databases["catalog"].reading() as session:
        books = session.execute(select(Book.title, Book.isbn13, Book.language).order_by(Book.id)).all()
    assert books == [("Pedro Páramo", "9788437604183", "es"), ("Rayuela", None, "es")]


def test_importing_again_changes_nothing(shop, path):
    run(shop, path)
    before = (count(shop, Book.id), count(shop, BookChange.id))
    report, _ = run(shop, path)
    assert (report.added, report.known) == (0, 3)
    assert (count(shop, Book.id), count(shop, BookChange.id)) == before


def test_search_hears_of_every_new_book_once(shop, path):
    run(shop, path)
    assert count(shop, BookChange.id) == 2


def test_a_file_that_breaks_off_keeps_what_was_read(shop, tmp_path):
    import gzip

    path = tmp_path / "books.csv.gz"
    rows = "".join(f"test,{n},Title number {n},Author {n * 7919},,,\n" for n in range(20_000))
    packed = gzip.compress((ROWS.splitlines(keepends=True)[0] + rows).encode())
    path.write_bytes(packed[: len(packed) // 2])
    report, _ = run(shop, path)
    assert report.damaged is not None
    assert 0 < report.added < 20_000
    assert count(shop, Book.id) == report.added


def test_sample_offers_are_the_same_for_the_same_seed(shop, path):
    report, _ = run(shop, path)
    database = shop.databases["catalog"]
    assert add_sample_offers(database, report.book_ids, 12, seed=7, currency="USD") == 12
    with database.reading() as session:
        columns = (Listing.book_id, Listing.seller_id, Listing.price_minor, Listing.offered)
        first = session.execute(select(*columns).order_by(Listing.id)).all()
    assert {seller for _, seller, _, _ in first} <= {seller.id for seller in sample_sellers()}
    assert {book for book, _, _, _ in first} == set(report.book_ids)
    assert add_sample_offers(database, report.book_ids, 12, seed=7, currency="USD") == 0
    assert count(shop, Listing.id) == 12


def operate(shop, monkeypatch):
    """The commands find this shop."""
    for name in ("data_dir", *(f"{service}_database_url" for service in shop.settings.services)):
        monkeypatch.setenv(variable(name), str(getattr(shop.settings, name)))


def test_the_command_names_a_missing_column_and_changes_nothing(shop, path, monkeypatch):
    operate(shop, monkeypatch)
    result = CliRunner().invoke(main, ["import-catalog", str(path), "--map", "title=Titel"])
    assert result.exit_code == 1
    assert "Titel" in result.output
    assert count(shop, Book.id) == 0


def test_stocking_fills_an_empty_shop_once(shop, monkeypatch):
    operate(shop, monkeypatch)
    first = CliRunner().invoke(main, ["stock"])
    assert (first.exit_code, count(shop, Book.id), count(shop, Listing.id)) == (0, 220, 460)
    again = CliRunner().invoke(main, ["stock"])
    assert "already" in again.output
    assert (count(shop, Book.id), count(shop, Listing.id)) == (220, 460)
