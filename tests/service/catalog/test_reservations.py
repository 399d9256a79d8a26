"""Copies are held, sold and given back; nothing is ever sold twice or lost."""

import itertools
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from bookstore.catalog import listings, reservations
from bookstore.catalog.models import Reservation, ReservationLine
from bookstore.catalog.reservations import InvalidQuantity, NotEnoughCopies, ReservationGone
from bookstore.catalog.terms import Changes
from bookstore.shared.clock import utcnow
from bookstore.shared.database import Database
from bookstore.shared.money import Money
from tests.service.catalog.stock import ANA, NO_PHOTOS, USD, copies_of, count_changes, offer

HOLD = timedelta(minutes=30)
LATER = timedelta(minutes=31)


def reserve(
    database: Database, reference: str, *lines: tuple[int, int], hold: timedelta = HOLD
) -> reservations.HeldCopies:
    with database.writing() as session:
        return reservations.reserve(session, reference, lines, hold)


def commit(database: Database, reference: str) -> None:
    with database.writing() as session:
        reservations.commit(session, reference)


def release(database: Database, reference: str) -> None:
    with database.writing() as session:
        reservations.release(session, reference)


def expire(database: Database) -> int:
    with database.writing() as session:
        return reservations.expire_due(session)


def reservations_in(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count(Reservation.id))) or 0


def withdraw(database: Database, listing_id: int) -> bool:
    with database.writing() as session:
        return listings.withdraw(session, NO_PHOTOS, listing_id, ANA.id)


def test_held_copies_cannot_be_bought_by_others(database: Database) -> None:
    listing = offer(database, copies=3, price="12.50")
    before = utcnow()

    held = reserve(database, "A1", (listing, 2))

    assert copies_of(database, listing) == (3, 1, 2, 0)
    assert held.reference == "A1"
    assert before + HOLD <= held.expires_at <= utcnow() + HOLD
    assert [(line.offer.listing_id, line.quantity) for line in held.lines] == [(listing, 2)]
    assert held.lines[0].offer.price == Money(1250, USD)
    assert held.lines[0].offer.title == "Pedro Páramo"
    assert held.lines[0].offer.seller_id == ANA.id


def test_the_copies_of_all_lines_are_held_or_none(database: Database) -> None:
    plenty = offer(database, copies=5)
    scarce = offer(database, copies=1)
    gone = offer(database, copies=1)
    withdraw(database, gone)
    changes = count_changes(database)

    with pytest.raises(NotEnoughCopies) as refusal:
        reserve(database, "A1", (plenty, 2), (scarce, 2), (gone, 1), (999_999, 1), (2**70, 1))

    assert refusal.value.listing_ids == sorted([scarce, gone, 999_999, 2**70])
    assert copies_of(database, plenty) == (5, 5, 0, 0)
    assert copies_of(database, scarce) == (1, 1, 0, 0)
    assert reservations_in(database) == 0
    assert count_changes(database) == changes


def test_lines_of_the_same_listing_are_one_line(database: Database) -> None:
    listing = offer(database, copies=5)

    held = reserve(database, "A1", (listing, 2), (listing, 1))

    assert [line.quantity for line in held.lines] == [3]
    assert copies_of(database, listing) == (5, 2, 3, 0)


@pytest.mark.parametrize("quantities", [[0], [-1], [101], [60, 41], []])
def test_an_impossible_quantity_is_refused(database: Database, quantities: list[int]) -> None:
    listing = offer(database, copies=500)

    with pytest.raises(InvalidQuantity):
        reserve(database, "A1", *[(listing, quantity) for quantity in quantities])

    assert copies_of(database, listing) == (500, 500, 0, 0)
    assert reservations_in(database) == 0


def test_a_hundred_copies_are_one_persons_most(database: Database) -> None:
    listing = offer(database, copies=500)
    reserve(database, "A1", (listing, 60), (listing, 40))
    assert copies_of(database, listing) == (500, 400, 100, 0)


def test_repeating_it_renews_the_hold_at_the_first_prices(database: Database) -> None:
    listing = offer(database, copies=3, price="12.50")
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False):
        reserve(database, "A1", (listing, 2))
    with database.writing() as session:
        listings.edit(session, NO_PHOTOS, USD, listing, ANA.id, Changes(price=Money.parse("99.00", USD)))

    with time_machine.travel("2026-03-01T12:20:00Z", tick=False):
        again = reserve(database, "A1", (listing, 2))
        assert again.expires_at == utcnow() + HOLD

    assert again.lines[0].offer.price == Money(1250, USD)
    assert copies_of(database, listing) == (3, 1, 2, 0)
    assert reservations_in(database) == 1


def test_a_reference_holds_one_set_of_copies(database: Database) -> None:
    listing, other = offer(database, copies=3), offer(database, copies=3)
    reserve(database, "A1", (listing, 2))

    for lines in ([(listing, 1)], [(other, 2)], [(listing, 2), (other, 1)]):
        with pytest.raises(ReservationGone):
            reserve(database, "A1", *lines)

    assert copies_of(database, listing) == (3, 1, 2, 0)
    assert copies_of(database, other) == (3, 3, 0, 0)


def test_commit_sells_what_was_held_once(database: Database) -> None:
    listing = offer(database, copies=3)
    reserve(database, "A1", (listing, 2))

    commit(database, "A1")
    commit(database, "A1")

    assert copies_of(database, listing) == (3, 1, 0, 2)


def test_a_session_that_knows_a_reservation_sees_what_became_of_it(database: Database) -> None:
    listing = offer(database, copies=3)
    with database.writing() as session:
        reservations.reserve(session, "A1", [(listing, 2)], HOLD)
        for _ in range(2):
            reservations.commit(session, "A1")
        assert copies_of(database, listing) == (3, 1, 0, 2)
        for _ in range(2):
            reservations.release(session, "A1")
        assert copies_of(database, listing) == (3, 3, 0, 0)
        with pytest.raises(ReservationGone):
            reservations.commit(session, "A1")
        with pytest.raises(ReservationGone):
            reservations.reserve(session, "A1", [(listing, 2)], HOLD)
    assert copies_of(database, listing) == (3, 3, 0, 0)


def test_an_unknown_reference_cannot_be_committed(database: Database) -> None:
    with pytest.raises(ReservationGone):
        commit(database, "nobody")


def test_time_is_up_even_if_nobody_has_swept(database: Database) -> None:
    listing = offer(database, copies=3)
    reserve(database, "A1", (listing, 2))

    with time_machine.travel(utcnow() + LATER), pytest.raises(ReservationGone):
        commit(database, "A1")

    assert copies_of(database, listing) == (3, 1, 2, 0)


def test_expired_copies_are_on_sale_again(database: Database) -> None:
    listing = offer(database, copies=3)
    reserve(database, "A1", (listing, 2))
    reserve(database, "A2", (listing, 1), hold=timedelta(hours=2))
    assert expire(database) == 0

    with time_machine.travel(utcnow() + LATER):
        assert expire(database) == 1
        assert expire(database) == 0
        assert copies_of(database, listing) == (3, 2, 1, 0)
        with pytest.raises(ReservationGone):
            commit(database, "A1")
        assert copies_of(database, listing) == (3, 2, 1, 0)


def test_sweeping_goes_on_in_small_batches(database: Database) -> None:
    listing = offer(database, copies=7)
    for number in range(7):
        reserve(database, f"A{number}", (listing, 1))

    with time_machine.travel(utcnow() + LATER), database.writing() as session:
        assert [reservations.expire_due(session, limit=3) for _ in range(4)] == [3, 3, 1, 0]

    assert copies_of(database, listing) == (7, 7, 0, 0)


def test_an_expired_reservation_takes_its_copies_anew(database: Database) -> None:
    listing = offer(database, copies=3, price="12.50")
    reserve(database, "A1", (listing, 2))
    with database.writing() as session:
        listings.edit(session, NO_PHOTOS, USD, listing, ANA.id, Changes(price=Money.parse("99.00", USD)))

    with time_machine.travel(utcnow() + LATER):
        expire(database)
        again = reserve(database, "A1", (listing, 2))
        assert copies_of(database, listing) == (3, 1, 2, 0)
        assert again.lines[0].offer.price == Money(1250, USD)
        commit(database, "A1")

    assert copies_of(database, listing) == (3, 1, 0, 2)


def test_an_expired_reservation_may_find_its_copies_gone(database: Database) -> None:
    listing = offer(database, copies=2)
    reserve(database, "A1", (listing, 2))

    with time_machine.travel(utcnow() + LATER):
        expire(database)
        reserve(database, "B1", (listing, 1))
        with pytest.raises(NotEnoughCopies) as refusal:
            reserve(database, "A1", (listing, 2))
        assert refusal.value.listing_ids == [listing]
        with pytest.raises(ReservationGone):
            commit(database, "A1")

    assert copies_of(database, listing) == (2, 1, 1, 0)


def test_a_hold_whose_time_ran_out_unswept_is_renewed(database: Database) -> None:
    listing = offer(database, copies=2)
    reserve(database, "A1", (listing, 2))

    with time_machine.travel(utcnow() + LATER):
        reserve(database, "A1", (listing, 2))
        assert expire(database) == 0
        commit(database, "A1")

    assert copies_of(database, listing) == (2, 0, 0, 2)


def test_released_copies_are_on_sale_again_once(database: Database) -> None:
    listing = offer(database, copies=3)
    reserve(database, "A1", (listing, 2))

    release(database, "A1")
    release(database, "A1")
    release(database, "nobody")

    assert copies_of(database, listing) == (3, 3, 0, 0)


def test_sold_copies_come_back_when_the_order_is_refunded(database: Database) -> None:
    listing = offer(database, copies=3)
    reserve(database, "A1", (listing, 2))
    commit(database, "A1")

    release(database, "A1")
    release(database, "A1")

    assert copies_of(database, listing) == (3, 3, 0, 0)
    with pytest.raises(ReservationGone):
        commit(database, "A1")
    assert copies_of(database, listing) == (3, 3, 0, 0)


@pytest.mark.parametrize("first", ["commit", "release", "expire and release"])
def test_a_finished_reference_cannot_be_reserved_again(database: Database, first: str) -> None:
    listing = offer(database, copies=3)
    reserve(database, "A1", (listing, 2))
    with time_machine.travel(utcnow() + (LATER if "expire" in first else timedelta())):
        if "expire" in first:
            assert expire(database) == 1
        (commit if first == "commit" else release)(database, "A1")
        before = copies_of(database, listing)

        with pytest.raises(ReservationGone):
            reserve(database, "A1", (listing, 2))

    assert copies_of(database, listing) == before


def test_copies_come_back_to_a_withdrawn_listing_and_stay_off_sale(database: Database) -> None:
    listing = offer(database, copies=3)
    reserve(database, "A1", (listing, 2))
    assert withdraw(database, listing) is False

    release(database, "A1")

    assert copies_of(database, listing) == (3, 3, 0, 0)
    with pytest.raises(NotEnoughCopies):
        reserve(database, "B1", (listing, 1))
    with database.reading() as session:
        assert listings.quote(session, [listing]) == {}


def test_a_hold_survives_the_withdrawal_of_its_listing(database: Database) -> None:
    listing = offer(database, copies=3)
    reserve(database, "A1", (listing, 2))
    withdraw(database, listing)

    renewed = reserve(database, "A1", (listing, 2))
    commit(database, "A1")

    assert renewed.lines[0].quantity == 2
    assert copies_of(database, listing) == (3, 1, 0, 2)


def test_search_is_told_whenever_availability_changes(database: Database) -> None:
    listing = offer(database, copies=3)
    steps = [count_changes(database)]
    for step in (
        lambda: reserve(database, "A1", (listing, 1)),
        lambda: commit(database, "A1"),
        lambda: release(database, "A1"),
        lambda: release(database, "A1"),
    ):
        step()
        steps.append(count_changes(database))
    assert [after - before for before, after in itertools.pairwise(steps)] == [1, 0, 1, 0]


def test_lines_keep_the_price_of_the_moment(database: Database) -> None:
    cheap, dear = offer(database, price="0.01"), offer(database, price="100000.00")
    reserve(database, "A1", (dear, 1), (cheap, 1))
    with database.reading() as session:
        lines = session.scalars(select(ReservationLine).order_by(ReservationLine.listing_id)).all()
        assert [(line.listing_id, line.price) for line in lines] == [
            (cheap, Money(1, USD)),
            (dear, Money(10_000_000, USD)),
        ]
