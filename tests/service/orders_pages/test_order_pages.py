"""The buyer's pages: paying, following, canceling and receiving an order, and nobody else's."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from bookstore.orders.order_status import OrderStatus
from bookstore.orders.payment_models import PaymentStatus
from bookstore.shared.clock import utcnow
from tests.service.orders.stall import Stall
from tests.service.orders_pages.browser import Browser
from tests.service.orders_pages.buying import order, pay


def test_without_orders_the_list_says_so(bruno: Browser) -> None:
    bruno.open("/orders/")
    assert "No orders yet" in bruno.text()


def test_the_list_shows_ones_own_orders_newest_first_and_page_by_page(bruno: Browser, stall: Stall) -> None:
    stall.catalog.change(2, available=100)
    references = [stall.order((2, 1)).reference for _ in range(21)]
    stall.order((2, 1), buyer="carla")
    bruno.open("/orders/")
    shown = [reference for reference in references if reference in bruno.page]
    assert shown == references[1:]
    assert bruno.page.index(references[20]) < bruno.page.index(references[1])
    assert bruno.page.count("Awaiting payment") == 20
    following = bruno.page.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0]
    bruno.open(following)
    assert [reference for reference in references if reference in bruno.page] == references[:1]
    assert "Back to the newest" in bruno.text()


def test_a_made_up_cursor_is_refused(bruno: Browser) -> None:
    assert bruno.open("/orders/?cursor=nonsense").status_code == 400


def test_an_order_paid_by_card_shows_its_steps(bruno: Browser, stall: Stall) -> None:
    reference = order(bruno, (1, 2))
    bruno.open(f"/orders/{reference}")
    assert "Pay $40.00" in bruno.text()
    assert "The copies are held for you until" in bruno.text()
    pay(bruno, reference)
    assert bruno.path == f"/orders/{reference}"
    said = bruno.text()
    assert "Your payment has been received" in said
    assert "Card, $40.00: received" in said
    assert "Paid" in said
    assert stall.find(reference).status is OrderStatus.PAID
    assert stall.money() == (4000, 0)
    stall.assert_sound()


def test_a_declined_card_is_said_and_another_try_succeeds(bruno: Browser, stall: Stall) -> None:
    reference = order(bruno, (1, 1))
    bruno.open(f"/orders/{reference}/pay")
    answer = bruno.fill(f"/orders/{reference}/pay", token="tok_declined")
    assert answer.status_code == 402
    assert "The payment was declined. You have not been charged" in bruno.text()
    assert stall.money() == (0, 0)
    bruno.fill(f"/orders/{reference}/pay", token="tok_approved", method="paypal")
    assert "Card, $27.50: declined, nothing was charged" in bruno.text()
    assert "PayPal, $27.50: received" in bruno.text()
    assert stall.money() == (2750, 0)


def test_two_clicks_on_the_pay_button_charge_once(bruno: Browser, stall: Stall) -> None:
    reference = order(bruno, (1, 1))
    bruno.open(f"/orders/{reference}/pay")
    for _ in range(2):
        assert bruno.send(f"/orders/{reference}/pay").status_code == 303
    assert stall.money() == (2750, 0)
    assert len(stall.find(reference).payments) == 1


@pytest.mark.parametrize("token", ["tok_timeout", "tok_error"])
def test_a_silent_gateway_leaves_the_order_as_it_is_and_says_so(
    bruno: Browser, stall: Stall, token: str
) -> None:
    reference = order(bruno, (1, 1))
    pay(bruno, reference, token)
    assert bruno.path == f"/orders/{reference}"
    assert "The payment service does not answer. Your order is kept" in bruno.text()
    assert "Your payment is under way." in bruno.text()
    assert stall.find(reference).status is OrderStatus.AWAITING_PAYMENT
    assert stall.money() == (0, 0)


def test_the_retry_after_a_time_out_charges_once(bruno: Browser, stall: Stall) -> None:
    reference = order(bruno, (1, 1))
    bruno.open(f"/orders/{reference}/pay")
    bruno.send(f"/orders/{reference}/pay", token="tok_timeout")
    bruno.send(f"/orders/{reference}/pay", token="tok_timeout")
    assert stall.find(reference).status is OrderStatus.PAID
    assert stall.money() == (2750, 0)


def test_a_bank_transfer_waits_with_instructions(bruno: Browser, stall: Stall) -> None:
    reference = order(bruno, (1, 1))
    pay(bruno, reference, method="bank_transfer")
    said = bruno.text()
    assert "Please transfer the money" in said
    assert f"Payment reference {reference}" in said
    assert "Bank transfer, $27.50: waiting for your transfer" in said
    assert stall.find(reference).pay_by > utcnow() + timedelta(days=2)
    bruno.open(f"/orders/{reference}/pay")
    assert bruno.path == f"/orders/{reference}"


@pytest.mark.parametrize("wrong", [{"method": "cash"}, {"method": ""}, {"token": "4111111111111111"}])
def test_an_unknown_way_to_pay_is_said_beside_the_field(
    bruno: Browser, stall: Stall, wrong: dict[str, str]
) -> None:
    reference = order(bruno, (1, 1))
    bruno.open(f"/orders/{reference}/pay")
    answer = bruno.fill(f"/orders/{reference}/pay", **wrong)
    assert answer.status_code == 422
    assert "invalid-feedback" in bruno.page
    assert stall.find(reference).payments == []


@pytest.mark.parametrize("cheat", [{"amount": "0.01"}, {"total": "0"}, {"amount_minor": "1"}])
def test_an_amount_sent_along_is_ignored(bruno: Browser, stall: Stall, cheat: dict[str, str]) -> None:
    reference = order(bruno, (1, 1))
    bruno.open(f"/orders/{reference}/pay")
    bruno.fill(f"/orders/{reference}/pay", **cheat)
    assert stall.money() == (2750, 0)


def test_a_paid_order_cannot_be_paid_again(bruno: Browser, stall: Stall) -> None:
    reference = order(bruno, (1, 1))
    pay(bruno, reference)
    answer = bruno.post(f"/orders/{reference}/pay", method="card", token="tok_approved")
    assert answer.status_code == 409
    assert stall.money() == (2750, 0)


def test_an_unpaid_order_is_canceled_and_its_copies_are_free(bruno: Browser, stall: Stall) -> None:
    reference = order(bruno, (1, 2))
    bruno.open(f"/orders/{reference}")
    bruno.fill(f"/orders/{reference}/cancel")
    assert "The order is canceled. You have not been charged." in bruno.text()
    assert stall.find(reference).status is OrderStatus.CANCELED
    assert stall.catalog.copies(1) == (3, 0, 0)
    stall.assert_sound()


def test_a_paid_order_is_canceled_refunded_and_its_copies_are_free(bruno: Browser, stall: Stall) -> None:
    reference = order(bruno, (1, 2))
    pay(bruno, reference)
    bruno.open(f"/orders/{reference}")
    bruno.fill(f"/orders/{reference}/cancel")
    assert "your money is on its way back" in bruno.text()
    assert "Money given back" in bruno.text()
    assert "Card, $40.00: given back" in bruno.text()
    assert stall.money() == (4000, 4000)
    assert stall.catalog.copies(1) == (3, 0, 0)


def test_a_shipped_order_has_a_tracking_number_and_no_cancel_button(bruno: Browser, stall: Stall) -> None:
    reference = order(bruno, (1, 1))
    pay(bruno, reference)
    stall.ship(stall.find(reference).shipments[0], "SV 12345")
    bruno.open(f"/orders/{reference}")
    assert "Servientrega, tracking number SV 12345" in bruno.text()
    assert f"/orders/{reference}/cancel" not in bruno.page
    assert bruno.post(f"/orders/{reference}/cancel").status_code == 409
    assert stall.find(reference).status is OrderStatus.SHIPPED
    assert stall.money() == (2750, 0)


def test_the_buyer_confirms_each_parcel(bruno: Browser, stall: Stall) -> None:
    reference = order(bruno, (1, 1), (3, 1))
    pay(bruno, reference)
    first, second = stall.find(reference).shipments
    stall.ship(first, "A 123", seller=first.seller_id)
    bruno.open(f"/orders/{reference}")
    bruno.fill(f"/orders/{reference}/shipments/{first.id}/received")
    assert stall.find(reference).status is OrderStatus.PAID
    assert bruno.post(f"/orders/{reference}/shipments/{second.id}/received").status_code == 409
    stall.ship(second, "B 456", seller=second.seller_id)
    bruno.open(f"/orders/{reference}")
    bruno.fill(f"/orders/{reference}/shipments/{second.id}/received")
    assert stall.find(reference).status is OrderStatus.DELIVERED
    assert bruno.page.count("Received on") == 2


def test_an_expired_order_says_that_nothing_was_charged(bruno: Browser, stall: Stall) -> None:
    reference = order(bruno, (1, 1))
    stall.make_overdue(reference)
    stall.expire_unpaid()
    bruno.open(f"/orders/{reference}")
    assert "The time to pay ran out and the copies were given back." in bruno.text()
    assert f"/orders/{reference}/pay" not in bruno.page


def test_an_order_is_nobody_elses_to_read_pay_cancel_or_receive(
    bruno: Browser, ana: Browser, carla: Browser, ada: Browser, visitor: Browser, stall: Stall
) -> None:
    reference = order(bruno, (1, 1))
    shipment = stall.find(reference).shipments[0].id
    before = stall.find(reference)
    for stranger in (ana, carla, ada):
        assert stranger.open(f"/orders/{reference}").status_code == 404
        assert "Calle Larga" not in stranger.page
        assert stranger.open(f"/orders/{reference}/pay").status_code == 404
        paying = stranger.post(f"/orders/{reference}/pay", method="card", token="tok_approved")
        assert paying.status_code == 404
        assert stranger.post(f"/orders/{reference}/cancel").status_code == 404
        assert stranger.post(f"/orders/{reference}/shipments/{shipment}/received").status_code == 404
        assert reference not in stranger.open("/orders/").text
    for path in (f"/orders/{reference}", f"/orders/{reference}/pay", "/orders/"):
        assert visitor.client.get(path).status_code == 302
    after = stall.find(reference)
    assert (after.status, after.version, after.payments) == (before.status, before.version, [])
    assert stall.money() == (0, 0)


def test_a_parcel_of_another_order_cannot_be_received_through_ones_own(
    bruno: Browser, carla: Browser, stall: Stall
) -> None:
    own = order(carla, (2, 1))
    reference = order(bruno, (1, 1))
    pay(bruno, reference)
    shipment = stall.find(reference).shipments[0]
    stall.ship(shipment)
    assert carla.post(f"/orders/{own}/shipments/{shipment.id}/received").status_code == 404
    assert stall.find(reference).status is OrderStatus.SHIPPED


def test_what_does_not_exist_is_not_found(bruno: Browser) -> None:
    for path in ("/orders/BS-0000-0000-00", "/orders/%F0%9F%93%9A", "/orders/x" * 60):
        assert bruno.open(path).status_code == 404


def test_the_pages_speak_spanish(browser_of: Callable[..., Browser], stall: Stall) -> None:
    bruno = browser_of("bruno", locale="es")
    reference = order(bruno, (1, 1))
    assert "Esta tienda usa un entorno de pagos de prueba" in bruno.text()
    pay(bruno, reference)
    said = bruno.text()
    assert f"Pedido {reference}" in said
    assert "Hemos recibido tu pago" in said
    assert "Cancelar el pedido" in said
    assert stall.find(reference).payments[0].status is PaymentStatus.CAPTURED
