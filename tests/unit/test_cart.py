"""The cart: adding, changing, merging, what it remembers and what it refuses."""

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
import time_machine

from bookstore.orders import cart, cart_review
from bookstore.orders.cart import (
    CartFull,
    CartOwner,
    InvalidQuantity,
    NotForSale,
    NotInCart,
    OwnListing,
    TooFewCopies,
)
from bookstore.orders.cart_models import Cart
from bookstore.orders.cart_review import Notice
from bookstore.orders.models import Address
from bookstore.orders.ports import CatalogUnavailable, Line
from bookstore.shared.database import Database
from bookstore.shared.money import Money
from tests.fakes.catalog import FakeCatalog

HOME = Address(name="Bruno Buys", street="Calle Larga 1-23", city="Cuenca", country="EC")
BRUNO = CartOwner(user_id="bruno")
VISITOR = CartOwner(visitor_key=cart.visitor_key("a visitor's secret"))
OTHER_VISITOR = CartOwner(visitor_key=cart.visitor_key("another visitor's secret"))


@pytest.fixture
def database(tmp_path):
    database = Database("orders", f"sqlite:///{tmp_path / 'orders.sqlite3'}")
    Cart.metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def catalog():
    catalog = FakeCatalog()
    catalog.offer(1, "Pedro Páramo", price="12.50", available=3)
    catalog.offer(2, "La vorágine", price="8.00", available=1)
    return catalog


@pytest.fixture
def add(database, catalog):
    def add(owner, listing_id, quantity=1):
        with database.writing() as session:
            return cart.add(session, catalog, owner, listing_id, quantity)

    return add


def contents(database, owner):
    with database.reading() as session:
        return {line.listing_id: line.quantity for line in cart.lines(session, owner)}


def reviewed(database, catalog, owner):
    with database.reading() as session:
        return cart_review.review(session, catalog, owner, "USD")


def notices(database, catalog, owner):
    return {line.listing_id: list(line.notices) for line in reviewed(database, catalog, owner).lines}


def test_the_cart_keeps_what_was_added_and_says_how_many_copies_it_holds(database, add):
    assert add(BRUNO, 1, 2) == 2
    assert add(BRUNO, 2) == 3
    assert add(BRUNO, 1) == 4
    assert contents(database, BRUNO) == {1: 3, 2: 1}


def test_carts_of_different_people_are_apart(database, add):
    add(BRUNO, 1, 2)
    add(VISITOR, 2)
    assert contents(database, BRUNO) == {1: 2}
    assert contents(database, VISITOR) == {2: 1}
    assert contents(database, OTHER_VISITOR) == {}
    assert contents(database, cart.NOBODY) == {}


@pytest.mark.parametrize("quantity", [-1, 0, 101, 10**18])
def test_a_quantity_outside_of_one_to_a_hundred_changes_nothing(database, add, quantity):
    add(BRUNO, 1)
    with pytest.raises(InvalidQuantity):
        add(BRUNO, 1, quantity)
    with pytest.raises(InvalidQuantity), database.writing() as session:
        cart.set_quantity(session, BRUNO, 1, quantity)
    assert contents(database, BRUNO) == {1: 1}


def test_more_copies_than_the_seller_has_are_refused_counting_those_in_the_cart(database, add):
    add(BRUNO, 1, 2)
    with pytest.raises(TooFewCopies) as refusal:
        add(BRUNO, 1, 2)
    assert refusal.value.details == {"available": 3}
    assert contents(database, BRUNO) == {1: 2}


def test_what_is_sold_out_or_unknown_cannot_be_added(database, add, catalog):
    catalog.change(2, available=0)
    for listing_id in (2, 99):
        with pytest.raises(NotForSale):
            add(BRUNO, listing_id)
    assert contents(database, BRUNO) == {}


def test_sellers_cannot_add_their_own_listing(database, add):
    with pytest.raises(OwnListing):
        add(CartOwner(user_id="ana"), 1)
    assert contents(database, CartOwner(user_id="ana")) == {}


def test_nothing_is_added_while_the_catalog_is_away(database, add, catalog):
    catalog.away = True
    with pytest.raises(CatalogUnavailable):
        add(BRUNO, 1)
    assert contents(database, BRUNO) == {}


def test_a_cart_holds_fifty_different_listings(database, add, catalog):
    for listing_id in range(100, 151):
        catalog.offer(listing_id)
    for listing_id in range(100, 150):
        add(BRUNO, listing_id)
    with pytest.raises(CartFull):
        add(BRUNO, 150)
    assert add(BRUNO, 149) == 51
    assert len(contents(database, BRUNO)) == 50


def test_quantities_are_changed_and_lines_removed(database, add):
    add(BRUNO, 1, 3)
    add(BRUNO, 2)
    with database.writing() as session:
        assert cart.set_quantity(session, BRUNO, 1, 2) == 3
        assert cart.remove(session, BRUNO, 2) == 2
        assert cart.remove(session, BRUNO, 2) == 2
    assert contents(database, BRUNO) == {1: 2}


def test_a_listing_that_is_not_in_the_cart_has_no_quantity_to_change(database, add):
    add(VISITOR, 1)
    with pytest.raises(NotInCart), database.writing() as session:
        cart.set_quantity(session, BRUNO, 1, 2)
    assert contents(database, BRUNO) == {}
    assert contents(database, VISITOR) == {1: 1}


def test_a_cleared_cart_is_empty_and_only_that_one(database, add):
    add(BRUNO, 1)
    add(VISITOR, 1)
    with database.writing() as session:
        cart.clear(session, BRUNO)
    assert contents(database, BRUNO) == {}
    assert contents(database, VISITOR) == {1: 1}


def test_an_unchanged_cart_is_ready_and_adds_up(database, add, catalog):
    add(BRUNO, 1, 2)
    add(BRUNO, 2)
    review = reviewed(database, catalog, BRUNO)
    assert review.ready
    assert review.total == Money(3300, "USD")
    assert review.order_lines() == [Line(1, 2), Line(2, 1)]


def test_an_empty_cart_is_not_ready(database, catalog):
    review = reviewed(database, catalog, BRUNO)
    assert (review.ready, review.total, review.lines) == (False, Money(0, "USD"), ())


def test_a_changed_price_is_said_with_both_prices_until_it_is_accepted(database, add, catalog):
    add(BRUNO, 1, 2)
    catalog.change(1, price="15.00")
    (line,) = reviewed(database, catalog, BRUNO).lines
    assert (line.price_before, line.price) == (Money(1250, "USD"), Money(1500, "USD"))
    assert line.notices == (Notice.PRICE_CHANGED,)
    assert not reviewed(database, catalog, BRUNO).ready
    with database.writing() as session:
        cart.accept_changes(session, catalog, BRUNO)
    review = reviewed(database, catalog, BRUNO)
    assert review.ready
    assert review.total == Money(3000, "USD")


def test_missing_copies_are_said_and_the_quantities_lowered_on_request(database, add, catalog):
    add(BRUNO, 1, 3)
    add(BRUNO, 2)
    catalog.offer(3)
    add(BRUNO, 3)
    catalog.change(1, available=2)
    catalog.change(2, available=0)
    catalog.withdraw(3)
    assert notices(database, catalog, BRUNO) == {
        1: [Notice.FEWER_LEFT],
        2: [Notice.SOLD_OUT],
        3: [Notice.NOT_FOR_SALE],
    }
    assert reviewed(database, catalog, BRUNO).total == Money(2500, "USD")
    with database.writing() as session:
        assert cart.accept_changes(session, catalog, BRUNO) == 2
    assert contents(database, BRUNO) == {1: 2}
    assert reviewed(database, catalog, BRUNO).ready


def test_while_the_catalog_is_away_the_cart_shows_what_it_remembers_and_is_not_ready(database, add, catalog):
    add(BRUNO, 1, 2)
    catalog.away = True
    review = reviewed(database, catalog, BRUNO)
    assert review.catalog_away
    assert not review.ready
    (line,) = review.lines
    assert (line.remembered.title, line.price, line.total) == (
        "Pedro Páramo",
        Money(1250, "USD"),
        Money(2500, "USD"),
    )


def test_a_visitors_cart_becomes_the_members(database, add):
    add(VISITOR, 1, 2)
    with database.writing() as session:
        assert cart.merge(session, "bruno", VISITOR.visitor_key) == 2
    assert contents(database, BRUNO) == {1: 2}
    assert contents(database, VISITOR) == {}


def test_merged_quantities_add_up_to_a_hundred_at_most(database, add, catalog):
    catalog.change(1, available=100)
    catalog.change(2, available=10)
    add(BRUNO, 1, 70)
    add(BRUNO, 2, 2)
    add(VISITOR, 1, 60)
    add(VISITOR, 2, 3)
    with database.writing() as session:
        cart.merge(session, "bruno", VISITOR.visitor_key)
    assert contents(database, BRUNO) == {1: 100, 2: 5}


def test_merging_twice_at_the_same_time_counts_each_copy_once(database, add):
    add(BRUNO, 1)
    add(VISITOR, 1, 2)
    start = Barrier(4)

    def merge():
        start.wait()
        with database.writing() as session:
            cart.merge(session, "bruno", VISITOR.visitor_key)

    threads = [Thread(target=merge) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert contents(database, BRUNO) == {1: 3}


def test_additions_at_the_same_time_are_all_kept(database, add, catalog):
    catalog.change(1, available=100)
    start = Barrier(6)

    def put():
        start.wait()
        add(BRUNO, 1, 2)

    threads = [Thread(target=put) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert contents(database, BRUNO) == {1: 12}


def test_after_the_login_ones_own_listing_stands_in_the_way_until_it_is_removed(database, add, catalog):
    add(VISITOR, 1)
    with database.writing() as session:
        cart.merge(session, "ana", VISITOR.visitor_key)
    ana = CartOwner(user_id="ana")
    assert notices(database, catalog, ana) == {1: [Notice.OWN_LISTING]}
    assert not reviewed(database, catalog, ana).ready
    with database.writing() as session:
        cart.accept_changes(session, catalog, ana)
    assert contents(database, ana) == {}


def test_what_was_ordered_leaves_the_cart_once_and_what_came_meanwhile_stays(database, add):
    add(BRUNO, 1, 3)
    add(BRUNO, 2)
    with database.writing() as session:
        cart.keep_delivery(session, BRUNO, HOME, option_id=4)
        reference = cart.delivery(session, BRUNO).reference
        session.commit()
        assert cart.remove_ordered(session, BRUNO, "BS-ANOTHER", [Line(1, 3)]) == 4
        assert cart.remove_ordered(session, BRUNO, reference, [Line(1, 2)]) == 2
        assert cart.remove_ordered(session, BRUNO, reference, [Line(1, 2)]) == 2
    assert contents(database, BRUNO) == {1: 1, 2: 1}


def test_the_next_order_gets_another_reference_and_keeps_the_address(database, add):
    add(BRUNO, 1)
    with database.writing() as session:
        cart.keep_delivery(session, BRUNO, HOME, option_id=4)
        first = cart.delivery(session, BRUNO)
        session.commit()
        cart.remove_ordered(session, BRUNO, first.reference, [Line(1, 1)])
        second = cart.delivery(session, BRUNO)
    assert (second.address, second.option_id) == (HOME, 4)
    assert second.reference != first.reference


def test_visitors_carts_are_purged_after_thirty_days_and_members_carts_never(database, add):
    with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC), tick=False):
        add(VISITOR, 1)
        add(BRUNO, 1)
    with time_machine.travel(datetime(2026, 1, 30, tzinfo=UTC), tick=False):
        add(OTHER_VISITOR, 1)
    with time_machine.travel(datetime(2026, 1, 31, tzinfo=UTC), tick=False), database.writing() as session:
        assert cart.purge(session) == 0
    late = datetime(2026, 1, 31, tzinfo=UTC) + timedelta(seconds=1)
    with time_machine.travel(late, tick=False), database.writing() as session:
        assert cart.purge(session) == 1
    assert contents(database, VISITOR) == {}
    assert contents(database, OTHER_VISITOR) == {1: 1}
    assert contents(database, BRUNO) == {1: 1}
