"""Whatever sellers and buyers do in whatever order, the copies of a listing add up."""

import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bookstore.catalog import listings, reservations
from bookstore.catalog.listings import CopiesTaken
from bookstore.catalog.reservations import NotEnoughCopies, ReservationGone
from bookstore.catalog.terms import Changes
from bookstore.shared.database import Database
from tests.empty_databases import EmptyDatabases
from tests.service.catalog.stock import ANA, NO_PHOTOS, USD, copies_of, offer

HOLD_MINUTES = 30
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class StockRules(RuleBasedStateMachine):
    """The catalog beside a model of it: what each reference holds, and how many copies each listing has."""

    listings_made = Bundle("listings_made")
    references = st.sampled_from(["A", "B", "C"])

    def __init__(self, databases: EmptyDatabases) -> None:
        super().__init__()
        self.end = ExitStack()
        folder = Path(self.end.enter_context(tempfile.TemporaryDirectory()))
        self.database = self.end.enter_context(databases.opened("catalog", folder))
        self.clock = time_machine.travel(START, tick=False)
        self.now = self.clock.start()
        self.offered: dict[int, int] = {}
        self.withdrawn: set[int] = set()
        self.known: dict[str, tuple[str, dict[int, int], datetime]] = {}

    def teardown(self) -> None:
        self.clock.stop()
        self.end.close()

    @initialize(target=listings_made, copies=st.integers(1, 5))
    def first_listing(self, copies: int) -> int:
        return self.publish(copies)

    @rule(target=listings_made, copies=st.integers(1, 5))
    def another_listing(self, copies: int) -> int:
        return self.publish(copies)

    @rule(reference=references, wanted=st.dictionaries(listings_made, st.integers(1, 4), min_size=1))
    def reserve(self, reference: str, wanted: dict[int, int]) -> None:
        status, copies, _ = self.known.get(reference, ("new", wanted, START))
        until = self.time() + timedelta(minutes=HOLD_MINUTES)
        takes = status in {"new", "expired"}
        try:
            with self.database.writing() as session:
                reservations.reserve(session, reference, list(wanted.items()), until - self.time())
        except ReservationGone:
            assert status in {"released", "committed"} or copies != wanted
        except NotEnoughCopies as refusal:
            assert takes
            lacking = refusal.listing_ids
            assert lacking == sorted(i for i, n in wanted.items() if n > self.on_sale(i))
        else:
            assert status == "held" or (takes and all(n <= self.on_sale(i) for i, n in wanted.items()))
            assert copies == wanted
            self.known[reference] = ("held", wanted, until)

    @rule(reference=references)
    def commit(self, reference: str) -> None:
        status, copies, until = self.known.get(reference, ("new", {}, START))
        possible = status == "committed" or (status == "held" and until > self.time())
        with self.database.writing() as session:
            if possible:
                reservations.commit(session, reference)
                self.known[reference] = ("committed", copies, until)
            else:
                with pytest.raises(ReservationGone):
                    reservations.commit(session, reference)

    @rule(reference=references)
    def release(self, reference: str) -> None:
        with self.database.writing() as session:
            reservations.release(session, reference)
        if reference in self.known:
            _, copies, until = self.known[reference]
            self.known[reference] = ("released", copies, until)

    @rule(minutes=st.integers(1, 40))
    def time_passes(self, minutes: int) -> None:
        self.now.shift(timedelta(minutes=minutes))

    @rule()
    def sweep(self) -> None:
        due = [r for r, (status, _, until) in self.known.items() if status == "held" and until <= self.time()]
        with self.database.writing() as session:
            assert reservations.expire_due(session) == len(due)
        for reference in due:
            _, copies, until = self.known[reference]
            self.known[reference] = ("expired", copies, until)

    @rule(listing=listings_made, copies=st.integers(1, 8))
    def edit_copies(self, listing: int, copies: int) -> None:
        if listing not in self.offered:
            return
        taken = self.taken(listing, "held") + self.taken(listing, "committed")
        try:
            with self.database.writing() as session:
                listings.edit(session, NO_PHOTOS, USD, listing, ANA.id, Changes(copies=copies))
        except CopiesTaken as refusal:
            assert copies < taken
            told = refusal.details
            assert told == {"taken": taken}
        else:
            assert copies >= taken
            self.offered[listing] = copies

    @rule(listing=listings_made)
    def withdraw(self, listing: int) -> None:
        if listing not in self.offered:
            return
        was_held = any(listing in copies for _, copies, _ in self.known.values())
        with self.database.writing() as session:
            removed = listings.withdraw(session, NO_PHOTOS, listing, ANA.id)
        assert removed is not was_held
        if removed:
            del self.offered[listing]
        else:
            self.withdrawn.add(listing)

    @rule(listing=listings_made)
    def put_back_on_sale(self, listing: int) -> None:
        if listing in self.offered:
            with self.database.writing() as session:
                listings.put_back_on_sale(session, listing, ANA.id)
            self.withdrawn.discard(listing)

    @invariant()
    def copies_add_up(self) -> None:
        for listing, offered in self.offered.items():
            held, sold = self.taken(listing, "held"), self.taken(listing, "committed")
            assert copies_of(self.database, listing) == (offered, offered - held - sold, held, sold)

    @invariant()
    def only_what_is_on_sale_is_quoted(self) -> None:
        with self.database.reading() as session:
            quoted = listings.quote(session, list(self.offered))
        assert quoted.keys() == self.offered.keys() - self.withdrawn

    def publish(self, copies: int) -> int:
        listing = offer(self.database, copies)
        self.offered[listing] = copies
        return listing

    def time(self) -> datetime:
        return datetime.now(UTC)

    def taken(self, listing: int, status: str) -> int:
        return sum(copies.get(listing, 0) for was, copies, _ in self.known.values() if was == status)

    def on_sale(self, listing: int) -> int:
        if listing not in self.offered or listing in self.withdrawn:
            return 0
        return self.offered[listing] - self.taken(listing, "held") - self.taken(listing, "committed")


def test_copies_add_up_whatever_happens(empty_databases: EmptyDatabases) -> None:
    run_state_machine_as_test(
        lambda: StockRules(empty_databases), settings=settings(max_examples=40, stateful_step_count=30)
    )


@pytest.mark.parametrize(
    "change",
    [
        "available = -1, offered = offered - 2",
        "held = -1, offered = offered - 1",
        "sold = -1, offered = offered - 1",
        "offered = 9",
        "available = available - 1",
        "price_minor = 0",
        "price_minor = -5",
        "{condition} = 'mint'",
    ],
)
def test_the_database_itself_refuses_impossible_stock(database: Database, change: str) -> None:
    listing = offer(database, copies=1)
    # A word of the language itself, which each database quotes in its own way.
    change = change.format(condition=database.engine.dialect.identifier_preparer.quote("condition"))

    # MySQL names a broken rule by numbers that its driver knows as operational errors.
    with pytest.raises(DBAPIError, match=r"(?i)constraint"), database.writing() as session, session.begin():
        session.execute(text(f"UPDATE listings SET {change} WHERE id = :id"), {"id": listing})

    assert copies_of(database, listing) == (1, 1, 0, 0)
