"""A seller's file: sound rows are on sale, the others are named, and sending it again doubles nothing."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from bookstore.catalog import bulk_upload, listings, reservations
from bookstore.catalog.bulk_upload import Report
from bookstore.catalog.models import Book, Listing
from bookstore.catalog.terms import Seller
from bookstore.shared.database import Database
from bookstore.shared.money import Money
from tests.people import Person
from tests.service.catalog.stock import ANA, CARLA, NO_PHOTOS, USD, copies_of, count_changes, offer

HEADER = "isbn13,title,authors,condition,price,copies,notes\n"
SOLEDAD = "9788437604947,Cien años de soledad,Gabriel García Márquez,good,12.50,2,Spine worn\n"
TREGUA = ",La tregua,Mario Benedetti,new,9.90,3,\n"


def upload(database: Database, text: str, seller: Seller = ANA, encoding: str = "utf-8") -> Report:
    with database.writing() as session:
        return bulk_upload.publish_file(session, USD, seller, text.encode(encoding), encoding)


def stock(database: Database) -> list[tuple[str, str, int, int, str]]:
    """Title, condition, price in minor units, copies and seller of each listing."""
    with database.reading() as session:
        query = select(Listing, Book.title).join(Book, Book.id == Listing.book_id).order_by(Listing.id)
        return [
            (title, one.condition.value, one.price_minor, one.offered, one.seller_name)
            for one, title in session.execute(query)
        ]


def reasons(report: Report) -> list[tuple[int, str, str]]:
    return [
        (row.number, problem.column, problem.template % problem.details)
        for row in report.rejected
        for problem in row.problems
    ]


def test_sound_rows_are_on_sale(database: Database) -> None:
    report = upload(database, HEADER + SOLEDAD + TREGUA)
    assert (report.added, report.updated, report.rejected) == (2, 0, [])
    assert stock(database) == [
        ("Cien años de soledad", "good", 1250, 2, "Ana Sells"),
        ("La tregua", "new", 990, 3, "Ana Sells"),
    ]
    assert [row.number for row in report.accepted] == [1, 2]
    assert report.accepted[0].book_path == "/books/1-cien-anos-de-soledad"


def test_each_wrong_row_is_named_and_the_others_go_on(database: Database) -> None:
    wrong = ",Rayuela,Julio Cortázar,mint,free,0,\n"
    unknown = "9780306406157,,,good,1.00,1,\n"
    report = upload(database, HEADER + wrong + SOLEDAD + unknown + "one column\n" + TREGUA)

    assert [row.number for row in report.accepted] == [2, 5]
    assert reasons(report) == [
        (1, "condition", "The condition must be new, like_new, very_good, good or acceptable."),
        (1, "price", "Write the price as digits only, for example 12.50 or 12,50."),
        (1, "copies", "The number of copies must be between 1 and 1000."),
        (3, "isbn13", "We do not know the ISBN 9780306406157 yet. Please describe the book."),
        (4, "", "The row has fewer columns than the header."),
    ]
    assert [row[0] for row in stock(database)] == ["Cien años de soledad", "La tregua"]


def test_sending_the_same_file_again_changes_nothing(database: Database) -> None:
    text = HEADER + SOLEDAD + TREGUA
    upload(database, text)
    before, changes = stock(database), count_changes(database)

    again = upload(database, text)

    assert (again.added, again.updated, again.rejected) == (0, 2, [])
    assert stock(database) == before
    assert count_changes(database) == changes


def test_a_row_sent_again_brings_its_listing_up_to_date(database: Database) -> None:
    upload(database, HEADER + SOLEDAD)
    with database.writing() as session:
        reservations.reserve(session, "A1", [(1, 1)], timedelta(hours=1))

    report = upload(database, HEADER + SOLEDAD.replace("12.50,2", "8.00,5"))

    assert (report.added, report.updated) == (0, 1)
    assert stock(database) == [("Cien años de soledad", "good", 800, 5, "Ana Sells")]
    assert copies_of(database, 1) == (5, 4, 1, 0)


def test_sold_copies_do_not_come_back_with_the_file(database: Database) -> None:
    upload(database, HEADER + SOLEDAD)
    with database.writing() as session:
        reservations.reserve(session, "A1", [(1, 2)], timedelta(hours=1))
        reservations.commit(session, "A1")

    upload(database, HEADER + SOLEDAD)
    assert copies_of(database, 1) == (2, 0, 0, 2)

    fewer = upload(database, HEADER + SOLEDAD.replace("12.50,2", "12.50,1"))
    assert reasons(fewer) == [
        (1, "copies", "2 of these copies are already held or sold, so you cannot offer fewer.")
    ]
    assert copies_of(database, 1) == (2, 0, 0, 2)


def test_a_withdrawn_listing_is_put_back_on_sale(database: Database) -> None:
    upload(database, HEADER + SOLEDAD)
    with database.writing() as session:
        reservations.reserve(session, "A1", [(1, 1)], timedelta(hours=1))
        listings.withdraw(session, NO_PHOTOS, 1, ANA.id)

    upload(database, HEADER + SOLEDAD)

    with database.reading() as session:
        assert listings.quote(session, [1])[1].available == 1


def test_another_condition_or_note_is_another_offer(database: Database) -> None:
    text = HEADER + SOLEDAD + SOLEDAD.replace("good", "new") + SOLEDAD.replace("Spine", "Cover")
    assert upload(database, text).added == 3


def test_two_rows_for_one_offer_are_a_question_not_a_guess(database: Database) -> None:
    report = upload(database, HEADER + SOLEDAD + TREGUA + SOLEDAD.replace("12.50,2", "1.00,9"))
    assert reasons(report) == [(3, "", "Row 1 already offers this book in this condition with these notes.")]
    assert stock(database)[0] == ("Cien años de soledad", "good", 1250, 2, "Ana Sells")


def test_the_files_of_two_sellers_do_not_touch(database: Database) -> None:
    upload(database, HEADER + SOLEDAD)
    upload(database, HEADER + SOLEDAD.replace("12.50", "1.00"), seller=CARLA)
    assert [row[2:] for row in stock(database)] == [(1250, 2, "Ana Sells"), (100, 2, "Carla Strange")]


def test_a_listing_made_by_hand_is_left_alone(database: Database) -> None:
    by_hand = offer(database, title="La tregua", copies=7)
    upload(database, HEADER + TREGUA)
    assert copies_of(database, by_hand) == (7, 7, 0, 0)
    assert len(stock(database)) == 2


def test_the_same_file_twice_at_once_is_published_once(database: Database) -> None:
    text = HEADER + SOLEDAD + TREGUA
    with ThreadPoolExecutor(6) as threads:
        reports = list(threads.map(lambda _: upload(database, text), range(6)))
    assert sum(report.added for report in reports) == 2
    assert all(len(report.accepted) == 2 for report in reports)
    assert len(stock(database)) == 2


def test_many_rows_go_in_batches(database: Database) -> None:
    rows = "".join(f",Volume {number},Somebody,good,1.00,1,\n" for number in range(130))
    report = upload(database, HEADER + rows)
    assert report.added == 130
    assert Counter(len(row) for row in stock(database)) == {5: 130}


# The page


def send(person: Person, content: bytes, **fields: str) -> TestResponse:
    file = (BytesIO(content), "list.csv")
    return person.post("/sell/upload", {"file": file, "encoding": "utf-8", **fields})


def cells(page: TestResponse) -> list[list[str]]:
    body = page.text.partition("<tbody>")[2].partition("</tbody>")[0]
    return [re.findall(r"<td>(.*?)</td>", row, re.S) for row in re.findall(r"<tr>(.*?)</tr>", body, re.S)]


def test_the_report_names_rows_columns_and_reasons(ana: Person, database: Database) -> None:
    page = send(ana, (HEADER + SOLEDAD + ",<b>X</b>,Y,mint,1.00,1,\n").encode())
    assert page.status_code == 200
    assert "1 new listing is on sale. 0 earlier listings are up to date." in page.text
    assert cells(page) == [
        ["2", "3", "condition", "mint", "The condition must be new, like_new, very_good, good or acceptable."]
    ]
    assert "/books/1-cien-anos-de-soledad" in page.text
    assert stock(database)[0][4] == "Ana Sells"


def test_windows_files_are_understood_when_said(ana: Person, database: Database) -> None:
    page = send(ana, (HEADER + SOLEDAD).replace(",", ";").encode("cp1252"), encoding="cp1252")
    assert page.status_code == 200
    assert stock(database)[0][0] == "Cien años de soledad"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "The file has no header line; it is empty."),
        (b"title,authors\n", "The file has no column condition."),
        (b"PK\x03\x04 an xlsx", "This is a ZIP or XLSX file, not CSV text."),
    ],
)
def test_an_unreadable_file_is_explained_beside_the_field(
    ana: Person, database: Database, content: bytes, message: str
) -> None:
    page = send(ana, content)
    assert page.status_code == 422
    assert message in page.text
    assert 'id="file-error"' in page.text
    assert stock(database) == []


def test_no_file_is_explained(ana: Person) -> None:
    page = ana.post("/sell/upload", {"encoding": "utf-8"})
    assert page.status_code == 422
    assert "Choose the file to upload." in page.text


def test_a_file_without_rows_says_so(ana: Person, database: Database) -> None:
    assert "The file has no rows below its header." in send(ana, HEADER.encode()).text


def test_the_page_says_what_uploading_again_does(ana: Person) -> None:
    page = ana.get("/sell/upload").text
    assert "no copy is offered twice" in page


def test_the_example_can_be_uploaded(ana: Person, database: Database) -> None:
    with database.writing() as session, session.begin():
        session.add(Book(identity="isbn:9788437604947", title="Cien años de soledad", isbn13="9788437604947"))
    example = ana.get("/sell/upload/example.csv")
    assert example.mimetype == "text/csv"
    assert "attachment" in example.headers["Content-Disposition"]

    page = send(ana, example.data)

    assert "2 new listings are on sale" in page.text
    assert [(row[0], Money(row[2], USD).decimal) for row in stock(database)] == [
        ("Cien años de soledad", Money(1250, USD).decimal),
        ("Pedro Páramo", Money(990, USD).decimal),
    ]
