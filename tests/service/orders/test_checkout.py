"""Placing an order."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from bookstore.orders.addresses import InvalidAddress
from bookstore.orders.carriers import DeliveryNotOffered
from bookstore.orders.checkout import InvalidLines, InvalidQuantity, OwnListing, new_reference
from bookstore.orders.models import Order
from bookstore.orders.order_status import CopiesStatus, OrderStatus
from bookstore.orders.ports import CatalogUnavailable, OutOfStock
from bookstore.shared.clock import utcnow
from bookstore.shared.errors import NotFound
from bookstore.shared.money import Money
from tests.service.orders.stall import HOME, Stall


def test_the_order_costs_what_the_catalog_says_plus_one_delivery(stall: Stall) -> None:
    order = stall.order((1, 2), (3, 1))

    assert order.items_total == Money(2 * 1250 + 2000, "USD")
    assert order.delivery_price == Money(1500, "USD")
    assert order.total == Money(6000, "USD")
    assert order.status is OrderStatus.AWAITING_PAYMENT


def test_the_copies_are_held_before_anything_is_paid(stall: Stall) -> None:
    order = stall.order((1, 2))

    assert stall.catalog.copies(1) == (1, 2, 0)
    assert order.copies is CopiesStatus.HELD
    stall.assert_sound()


def test_the_order_must_be_paid_a_minute_before_the_hold_ends(stall: Stall) -> None:
    order = stall.order((1, 1))

    held_until = stall.catalog.holds[order.reference].expires_at
    assert order.pay_by == held_until - timedelta(minutes=1)
    assert timedelta(minutes=28) < order.pay_by - utcnow() < timedelta(minutes=29)


def test_each_seller_gets_a_shipment_with_their_own_lines(stall: Stall) -> None:
    order = stall.order((1, 2), (3, 1), (2, 1))

    shipments = {shipment.seller_id: shipment for shipment in order.shipments}
    assert {seller: [line.listing_id for line in parcel.lines] for seller, parcel in shipments.items()} == {
        "ana": [1, 2],
        "carla": [3],
    }
    assert {parcel.carrier for parcel in order.shipments} == {"Servientrega"}
    assert shipments["ana"].items_total == Money(3300, "USD")


def test_a_listing_that_is_mentioned_twice_becomes_one_line(stall: Stall) -> None:
    order = stall.order((1, 1), (2, 1), (1, 2))

    assert [(line.listing_id, line.quantity) for line in order.lines] == [(1, 3), (2, 1)]


def test_the_order_keeps_what_was_offered_when_the_listing_changes(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    stall.catalog.change(1, price="9999.00", title="Another title")

    line = stall.find(reference).lines[0]
    assert (line.title, line.price) == (
        "Pedro Páramo",
        Money(1250, "USD"),
    )
    assert stall.find(reference).total == Money(2750, "USD")
    assert stall.find(reference).address == HOME


def test_the_mail_about_the_order_is_queued_with_it(stall: Stall) -> None:
    stall.order((1, 1))

    assert stall.mails() == ["order_placed to bruno@example.com"]


@pytest.mark.parametrize("quantity", [0, -1, 101, 10**30, 1.0, 1.5, "1", True, None])
def test_only_whole_numbers_from_1_to_100_are_quantities(stall: Stall, quantity: int) -> None:
    with pytest.raises(InvalidQuantity):
        stall.order((1, quantity))

    assert stall.catalog.copies(1) == (3, 0, 0)
    assert stall.mails() == []


def test_more_than_100_copies_in_several_lines_are_too_many(stall: Stall) -> None:
    stall.catalog.offer(9, available=500)

    with pytest.raises(InvalidQuantity):
        stall.order((9, 60), (9, 41))
    assert stall.catalog.copies(9) == (500, 0, 0)


def test_an_order_has_from_1_to_50_lines(stall: Stall) -> None:
    for listing_id in range(100, 151):
        stall.catalog.offer(listing_id)

    with pytest.raises(InvalidLines):
        stall.order()
    with pytest.raises(InvalidLines):
        stall.order(*((listing_id, 1) for listing_id in range(100, 151)))
    assert len(stall.order(*((listing_id, 1) for listing_id in range(100, 150))).lines) == 50


def test_more_copies_than_there_are_are_refused_by_name_and_nothing_is_held(stall: Stall) -> None:
    with pytest.raises(OutOfStock) as refusal:
        stall.order((2, 1), (1, 4))

    assert refusal.value.details == {"listing_ids": [1]}
    assert stall.catalog.copies(1) == (3, 0, 0)
    assert stall.catalog.copies(2) == (5, 0, 0)


def test_nobody_buys_from_themselves(stall: Stall) -> None:
    with pytest.raises(OwnListing):
        stall.order((3, 1), (1, 1), buyer="ana")

    assert stall.catalog.copies(1) == (3, 0, 0)
    assert stall.catalog.copies(3) == (2, 0, 0)
    assert stall.mails() == []


def test_a_national_carrier_does_not_go_abroad(stall: Stall) -> None:
    with pytest.raises(DeliveryNotOffered):
        stall.order((1, 1), address=replace(HOME, country="PE"))

    assert stall.catalog.copies(1) == (3, 0, 0)
    assert stall.order((1, 1), carrier=1, address=replace(HOME, country="PE")).delivery_carrier == "DHL"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"name": "   "}, ["name"]),
        ({"street": ""}, ["street"]),
        ({"city": "Cu\x00enca"}, ["city"]),
        ({"country": "ZZ"}, ["country"]),
        ({"country": "ec"}, ["country"]),
        ({"postal_code": "1" * 21, "phone": "2" * 41}, ["postal_code", "phone"]),
    ],
)
def test_an_address_that_cannot_be_is_refused_naming_its_parts(
    stall: Stall, wrong: dict[str, str], named: list[str]
) -> None:
    with pytest.raises(InvalidAddress) as refusal:
        stall.order((1, 1), address=replace(HOME, **wrong))

    assert refusal.value.details == {"fields": named}
    assert stall.catalog.copies(1) == (3, 0, 0)


def test_placing_it_again_with_the_same_reference_gives_the_same_order(stall: Stall) -> None:
    first = stall.order((1, 1), reference="BS-0000-0000-00")
    again = stall.order((1, 1), reference="BS-0000-0000-00")

    assert again.id == first.id
    assert stall.catalog.copies(1) == (2, 1, 0)
    assert stall.mails() == ["order_placed to bruno@example.com"]


def test_somebody_elses_reference_is_not_found(stall: Stall) -> None:
    stall.order((1, 1), reference="BS-0000-0000-00")

    with pytest.raises(NotFound):
        stall.order((1, 1), reference="BS-0000-0000-00", buyer="dora")


def test_while_the_catalog_is_away_nothing_is_ordered(stall: Stall) -> None:
    with stall.catalog.outage(), pytest.raises(CatalogUnavailable):
        stall.order((1, 1))

    assert stall.catalog.copies(1) == (3, 0, 0)
    assert stall.mails() == []


def test_an_order_that_could_not_be_recorded_keeps_its_copies_for_the_repetition(stall: Stall) -> None:
    with database_that_breaks_off(), pytest.raises(OperationalError):
        stall.order((1, 1), reference="BS-0000-0000-00")

    assert stall.mails() == []
    assert stall.catalog.copies(1) == (2, 1, 0)
    assert stall.order((1, 1), reference="BS-0000-0000-00").copies is CopiesStatus.HELD
    assert stall.catalog.copies(1) == (2, 1, 0)
    stall.assert_sound()


@contextmanager
def database_that_breaks_off() -> Iterator[None]:
    def break_off(*_: object) -> None:
        raise OperationalError("INSERT", {}, ConnectionError("the network is gone"))

    event.listen(Order, "before_insert", break_off)
    try:
        yield
    finally:
        event.remove(Order, "before_insert", break_off)


def test_references_are_random_and_readable() -> None:
    references = {new_reference() for _ in range(1000)}

    assert len(references) == 1000
    pattern = r"BS-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{2}"
    assert all(re.fullmatch(pattern, reference) for reference in references)
