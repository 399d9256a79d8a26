"""From paid to delivered, parcel by parcel."""

import pytest

from bookstore.orders import fulfillment
from bookstore.orders.fulfillment import InvalidTrackingNumber
from bookstore.orders.models import Order, Shipment
from bookstore.orders.order_status import (
    AlreadyShipped,
    CannotShip,
    NotShipped,
    OrderStatus,
    ShipmentStatus,
)
from bookstore.shared.errors import NotFound
from tests.service.orders.stall import HOME, Stall


@pytest.fixture
def paid(stall: Stall) -> Order:
    """Bruno has paid for two of Ana's books and one of Carla's."""
    order = stall.order((1, 1), (2, 1), (3, 1))
    stall.pay(order.reference)
    return order


def parcel_of(order: Order, seller: str) -> Shipment:
    return next(parcel for parcel in order.shipments if parcel.seller_id == seller)


def sales_of(stall: Stall, seller: str, *, to_ship: bool = False) -> list[Shipment]:
    with stall.database.reading() as session:
        return fulfillment.sales(session, seller, None, 20, to_ship=to_ship).items


def test_a_seller_sees_only_their_own_lines_and_where_to_send_them(stall: Stall, paid: Order) -> None:
    (parcel,) = sales_of(stall, "ana")

    assert [line.listing_id for line in parcel.lines] == [1, 2]
    assert parcel.address == HOME
    assert parcel.can_be_shipped


def test_a_seller_learns_nothing_of_an_order_before_it_is_paid(stall: Stall) -> None:
    order = stall.order((1, 1))

    assert sales_of(stall, "ana") == []
    with pytest.raises(NotFound):
        stall.ship(order.shipments[0])
    assert order.shipments[0].address is None


def test_an_address_is_forgotten_when_the_order_is_canceled(stall: Stall, paid: Order) -> None:
    stall.cancel(paid.reference)

    (parcel,) = sales_of(stall, "ana")
    assert parcel.address is None
    assert parcel.can_be_shipped is False
    assert sales_of(stall, "ana", to_ship=True) == []


def test_the_order_is_shipped_with_its_last_parcel(stall: Stall, paid: Order) -> None:
    stall.ship(parcel_of(paid, "ana"), "DHL 1234")
    assert stall.find(paid.reference).status is OrderStatus.PAID

    stall.ship(parcel_of(paid, "carla"), "FX-99", seller="carla")
    order = stall.find(paid.reference)
    assert order.status is OrderStatus.SHIPPED
    assert {parcel.tracking_number for parcel in order.shipments} == {"DHL 1234", "FX-99"}
    assert stall.mails().count("order_shipped to bruno@example.com") == 2


def test_the_order_is_delivered_with_its_last_parcel(stall: Stall, paid: Order) -> None:
    for seller in ("ana", "carla"):
        stall.ship(parcel_of(paid, seller), seller=seller)

    stall.receive(paid.reference, parcel_of(paid, "ana"))
    assert stall.find(paid.reference).status is OrderStatus.SHIPPED
    stall.receive(paid.reference, parcel_of(paid, "carla"))

    order = stall.find(paid.reference)
    assert order.status is OrderStatus.DELIVERED
    assert [step.name for step in order.timeline] == ["placed", "paid", "shipped", "delivered"]
    stall.assert_sound()


@pytest.mark.parametrize("stranger", ["carla", "bruno", "dora"])
def test_nobody_else_ships_a_sellers_parcel(stall: Stall, paid: Order, stranger: str) -> None:
    with pytest.raises(NotFound):
        stall.ship(parcel_of(paid, "ana"), seller=stranger)

    assert stall.find(paid.reference).shipments[0].status is ShipmentStatus.WAITING


@pytest.mark.parametrize("stranger", ["ana", "carla", "dora"])
def test_only_the_buyer_receives_a_parcel(stall: Stall, paid: Order, stranger: str) -> None:
    parcel = stall.ship(parcel_of(paid, "ana"))

    with pytest.raises(NotFound):
        stall.receive(paid.reference, parcel, buyer=stranger)

    assert stall.find(paid.reference).shipments[0].received_at is None


def test_a_parcel_of_another_order_is_not_received(stall: Stall, paid: Order) -> None:
    other = stall.order((1, 1))
    stall.pay(other.reference)
    stall.ship(other.shipments[0])

    with pytest.raises(NotFound):
        stall.receive(paid.reference, other.shipments[0])


def test_shipping_again_with_the_same_number_changes_nothing(stall: Stall, paid: Order) -> None:
    first = stall.ship(parcel_of(paid, "ana"), "DHL 1234").shipped_at

    assert stall.ship(parcel_of(paid, "ana"), " DHL 1234 ").shipped_at == first
    with pytest.raises(AlreadyShipped) as refusal:
        stall.ship(parcel_of(paid, "ana"), "another")
    assert refusal.value.details == {"tracking_number": "DHL 1234"}
    assert stall.mails().count("order_shipped to bruno@example.com") == 1


def test_receiving_again_changes_nothing(stall: Stall, paid: Order) -> None:
    parcel = stall.ship(parcel_of(paid, "ana"))
    first = stall.receive(paid.reference, parcel).received_at

    assert stall.receive(paid.reference, parcel).received_at == first


def test_what_was_not_sent_is_not_received(stall: Stall, paid: Order) -> None:
    with pytest.raises(NotShipped):
        stall.receive(paid.reference, parcel_of(paid, "ana"))


def test_a_canceled_order_is_not_shipped(stall: Stall, paid: Order) -> None:
    stall.cancel(paid.reference)

    with pytest.raises(CannotShip):
        stall.ship(parcel_of(paid, "ana"))
    assert stall.find(paid.reference).status is OrderStatus.REFUNDED


@pytest.mark.parametrize("number", ["", "  ", "12", "x" * 41, "a\nb c", "<script>", "DHL\x00123"])
def test_a_tracking_number_has_3_to_40_plain_characters(stall: Stall, paid: Order, number: str) -> None:
    with pytest.raises(InvalidTrackingNumber):
        stall.ship(parcel_of(paid, "ana"), number)

    assert stall.find(paid.reference).shipments[0].status is ShipmentStatus.WAITING


def test_sales_are_listed_newest_first_page_by_page(stall: Stall) -> None:
    references = []
    for _ in range(3):
        references.append(stall.order((2, 1)).reference)
        stall.pay(references[-1])

    with stall.database.reading() as session:
        first = fulfillment.sales(session, "ana", None, 2)
        second = fulfillment.sales(session, "ana", first.next_cursor, 2)

    assert [parcel.order.reference for parcel in first.items] == references[:0:-1]
    assert [parcel.order.reference for parcel in second.items] == references[:1]
    assert second.next_cursor is None
