"""The seller's pages: what to ship, where to, and what was sold."""

import pytest

from bookstore.orders.order_status import OrderStatus
from tests.service.orders.stall import Stall
from tests.service.orders_pages.browser import Browser


def paid(stall: Stall, *lines: tuple[int, int]) -> tuple[str, int]:
    """A paid order of Bruno's: its reference, and the number of Ana's parcel."""
    placed = stall.order(*lines)
    stall.pay(placed.reference, request_key=placed.reference)
    parcel = next(shipment for shipment in placed.shipments if shipment.seller_id == "ana")
    return placed.reference, parcel.id


def test_without_sales_the_pages_say_so(ana: Browser) -> None:
    ana.open("/orders/sales")
    assert "Nothing to ship" in ana.text()
    ana.open("/orders/sales/history")
    assert "Nothing sold yet" in ana.text()


def test_a_paid_parcel_is_shown_with_its_address_and_an_unpaid_one_is_not(ana: Browser, stall: Stall) -> None:
    reference, _ = paid(stall, (1, 2), (3, 1))
    unpaid = stall.order((2, 1)).reference
    ana.open("/orders/sales")
    said = ana.text()
    assert reference in said
    assert "Pedro Páramo" in said
    assert "Calle Larga 1-23" in said
    assert "with Servientrega" in said
    assert "Sab" not in said
    assert unpaid not in said


def test_a_tracking_number_ships_the_parcel(ana: Browser, stall: Stall) -> None:
    reference, parcel = paid(stall, (1, 1))
    ana.open("/orders/sales")
    ana.fill(f"/orders/sales/{parcel}/ship", tracking_number="  SV 123-45 ")
    assert "The buyer has been told" in ana.text()
    assert "Nothing to ship" in ana.text()
    order = stall.find(reference)
    assert order.status is OrderStatus.SHIPPED
    assert order.shipments[0].tracking_number == "SV 123-45"
    assert "order_shipped to bruno@example.com" in stall.mails()
    ana.open("/orders/sales/history")
    assert "SV 123-45" in ana.text()


@pytest.mark.parametrize("number", ["", "  ", "x", "<b>1234</b>", "9" * 41])
def test_a_wrong_tracking_number_is_said_beside_the_field(ana: Browser, stall: Stall, number: str) -> None:
    reference, parcel = paid(stall, (1, 1))
    ana.open("/orders/sales")
    answer = ana.fill(f"/orders/sales/{parcel}/ship", tracking_number=number)
    assert answer.status_code == 422
    assert f'id="tracking_number-{parcel}-error"' in ana.page
    assert "A tracking number has 3 to 40 letters or digits." in ana.text()
    assert stall.find(reference).status is OrderStatus.PAID


def test_a_parcel_is_nobody_elses_to_see_or_ship(
    bruno: Browser, carla: Browser, ada: Browser, visitor: Browser, stall: Stall
) -> None:
    reference, parcel = paid(stall, (1, 1))
    for stranger in (bruno, carla, ada):
        assert reference not in stranger.open("/orders/sales").text
        assert reference not in stranger.open("/orders/sales/history").text
        answer = stranger.post(f"/orders/sales/{parcel}/ship", tracking_number="STOLEN 1")
        assert answer.status_code == 404
        invalid = stranger.post(f"/orders/sales/{parcel}/ship", tracking_number="")
        assert invalid.status_code == 404
        assert "Calle Larga" not in invalid.text
    assert visitor.client.get("/orders/sales").status_code == 302
    assert stall.find(reference).status is OrderStatus.PAID
    assert stall.find(reference).shipments[0].tracking_number is None


def test_what_is_not_paid_cannot_be_shipped(ana: Browser, stall: Stall) -> None:
    order = stall.order((1, 1))
    answer = ana.post(f"/orders/sales/{order.shipments[0].id}/ship", tracking_number="EARLY 1")
    assert answer.status_code == 404
    assert stall.find(order.reference).status is OrderStatus.AWAITING_PAYMENT


def test_a_canceled_sale_shows_no_address(ana: Browser, stall: Stall) -> None:
    reference, _ = paid(stall, (1, 1))
    stall.cancel(reference)
    ana.open("/orders/sales")
    assert reference not in ana.text()
    ana.open("/orders/sales/history")
    assert reference in ana.text()
    assert "There is nothing to send." in ana.text()
    assert "Calle Larga" not in ana.text()


def test_many_sales_come_page_by_page(ana: Browser, stall: Stall) -> None:
    stall.catalog.change(2, available=100)
    references = [paid(stall, (2, 1))[0] for _ in range(21)]
    ana.open("/orders/sales")
    assert [reference for reference in references if reference in ana.page] == references[1:]
    following = ana.page.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0]
    ana.open(following)
    assert [reference for reference in references if reference in ana.page] == references[:1]
