"""Many at once: the database decides who gets the last copy."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bookstore.catalog import books, listings, reservations
from bookstore.catalog.models import Book, Reservation
from bookstore.catalog.reservations import NotEnoughCopies, ReservationGone
from bookstore.catalog.terms import Changes
from bookstore.shared.clock import utcnow
from bookstore.shared.database import Database
from bookstore.shared.money import Money
from tests.service.catalog.stock import ANA, NO_PHOTOS, USD, copies_of, offer, terms

HOLD = timedelta(minutes=30)


def all_at_once(tasks: list[Callable[[], str]]) -> Counter[str]:
    """Run the tasks in a thread each, started together, and count what they answered."""
    start = threading.Barrier(len(tasks))

    def run(task: Callable[[], str]) -> str:
        start.wait()
        return task()

    with ThreadPoolExecutor(len(tasks)) as threads:
        return Counter(threads.map(run, tasks))


def reserve(database: Database, reference: str, *lines: tuple[int, int]) -> str:
    try:
        with database.writing() as session:
            reservations.reserve(session, reference, lines, HOLD)
    except NotEnoughCopies:
        return "out of stock"
    return "held"


def commit(database: Database, reference: str) -> str:
    try:
        with database.writing() as session:
            reservations.commit(session, reference)
    except ReservationGone:
        return "gone"
    return "sold"


def expire(database: Database) -> str:
    with database.writing() as session:
        return f"expired {reservations.expire_due(session)}"


def test_the_last_copy_is_held_once(database: Database) -> None:
    listing = offer(database, copies=1)

    answers = all_at_once([lambda n=n: reserve(database, f"A{n}", (listing, 1)) for n in range(16)])

    assert answers == {"held": 1, "out of stock": 15}
    assert copies_of(database, listing) == (1, 0, 1, 0)


def test_crossing_orders_neither_block_nor_oversell(database: Database) -> None:
    first, second = offer(database, copies=5), offer(database, copies=5)

    answers = all_at_once(
        [
            lambda n=n: reserve(database, f"A{n}", *[(first, 1), (second, 1)][:: 1 if n % 2 else -1])
            for n in range(12)
        ]
    )

    assert answers == {"held": 5, "out of stock": 7}
    assert copies_of(database, first) == copies_of(database, second) == (5, 0, 5, 0)


def test_the_same_reference_twice_at_once_holds_its_copies_once(database: Database) -> None:
    listing = offer(database, copies=20)

    for reference in ("A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8"):
        answers = all_at_once([lambda reference=reference: reserve(database, reference, (listing, 2))] * 8)
        assert answers == {"held": 8}

    assert copies_of(database, listing) == (20, 4, 16, 0)
    with database.reading() as session:
        assert session.scalar(select(func.count(Reservation.id))) == 8


def test_a_reservation_is_either_sold_or_expired(database: Database) -> None:
    listing = offer(database, copies=1)
    for round_number in range(10):
        reference = f"A{round_number}"
        assert reserve(database, reference, (listing, 1)) == "held"
        deadline = utcnow() + HOLD
        # The commit still reads a clock before the deadline, the sweeper one behind it.
        with time_machine.travel(deadline - timedelta(milliseconds=3)):
            answers = all_at_once(
                [lambda reference=reference: commit(database, reference), *[lambda: expire(database)] * 3]
            )
        if answers["sold"]:
            assert answers == {"sold": 1, "expired 0": 3}
            assert copies_of(database, listing) == (1, 0, 0, 1)
        else:
            assert answers["gone"] == 1
            assert answers["expired 1"] <= 1
            with time_machine.travel(deadline + timedelta(minutes=1)):
                expire(database)
            assert copies_of(database, listing) == (1, 1, 0, 0)
        with database.writing() as session:
            reservations.release(session, reference)
        assert copies_of(database, listing) == (1, 1, 0, 0)


def test_copies_are_given_back_once_however_many_release_them(database: Database) -> None:
    listing = offer(database, copies=4)
    reserve(database, "A1", (listing, 3))
    commit(database, "A1")

    def release() -> str:
        with database.writing() as session:
            reservations.release(session, "A1")
        return "released"

    assert all_at_once([release] * 8) == {"released": 8}
    assert copies_of(database, listing) == (4, 4, 0, 0)


def test_the_seller_cannot_take_back_copies_that_are_being_bought(database: Database) -> None:
    listing = offer(database, copies=8)

    def offer_fewer() -> str:
        try:
            with database.writing() as session:
                listings.edit(session, NO_PHOTOS, USD, listing, ANA.id, Changes(copies=4))
        except listings.CopiesTaken:
            return "refused"
        return "edited"

    buyers = [lambda n=n: reserve(database, f"A{n}", (listing, 1)) for n in range(8)]
    answers = all_at_once([*buyers, offer_fewer])

    offered, available, held, sold = copies_of(database, listing)
    assert (offered, available + held + sold) == ((4, 4) if answers["edited"] else (8, 8))
    assert held == answers["held"]


def test_a_book_described_by_many_at_once_is_one_book(database: Database) -> None:
    def publish() -> str:
        described = books.Description("El llano en llamas", "Juan Rulfo", year=1953)
        with database.writing() as session:
            return str(listings.publish(session, NO_PHOTOS, USD, ANA, None, described, terms()).book_id)

    answers = all_at_once([publish] * 8)

    assert list(answers.values()) == [8]
    with database.reading() as session:
        assert session.scalar(select(func.count(Book.id))) == 1


def test_of_many_edits_of_one_version_one_is_saved(database: Database) -> None:
    listing = offer(database, copies=1)

    def edit(price: int) -> str:
        try:
            with database.writing() as session:
                changes = Changes(price=Money(price, USD))
                listings.edit(session, NO_PHOTOS, USD, listing, ANA.id, changes, version=1)
        except listings.ChangedMeanwhile:
            return "changed meanwhile"
        return "saved"

    answers = all_at_once([lambda price=price: edit(price) for price in range(101, 109)])

    assert answers == {"saved": 1, "changed meanwhile": 7}


def test_a_renewal_that_is_faster_than_the_sweeper_keeps_its_copies(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = offer(database, copies=1)
    reserve(database, "A1", (listing, 1))
    sweep_one = reservations._expire

    def renew_just_before(session: Session, reference: str, now: datetime) -> bool:
        reserve(database, reference, (listing, 1))
        return sweep_one(session, reference, now)

    monkeypatch.setattr(reservations, "_expire", renew_just_before)
    with time_machine.travel(utcnow() + HOLD + timedelta(minutes=1)):
        assert expire(database) == "expired 0"
        assert commit(database, "A1") == "sold"
    assert copies_of(database, listing) == (1, 0, 0, 1)
