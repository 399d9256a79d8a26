"""The admin's pages: bank transfers to decide on, and the mails about orders."""

import pytest
from sqlalchemy import select

from bookstore.orders.models import Mail
from bookstore.orders.order_status import OrderStatus
from bookstore.orders.payment_models import Method
from bookstore.shared.mail_text import renderer
from tests.service.orders.stall import Stall
from tests.service.orders_pages.browser import Browser
from tests.service.orders_pages.buying import order, pay


def transfer(stall: Stall, *lines: tuple[int, int]) -> tuple[str, int]:
    """An order of Bruno's that waits for his transfer: its reference, and the number of the payment."""
    placed = stall.order(*lines)
    payment = stall.pay(placed.reference, method=Method.BANK_TRANSFER, request_key=placed.reference)
    return placed.reference, payment.id


def test_a_confirmed_transfer_pays_the_order(ada: Browser, stall: Stall) -> None:
    reference, payment = transfer(stall, (1, 1))
    ada.open("/orders/admin/transfers")
    assert reference in ada.text()
    assert "$27.50" in ada.text()
    ada.fill(f"/orders/admin/transfers/{payment}/confirm")
    assert f"Order {reference} is paid." in ada.text()
    assert "No transfers are waiting" in ada.text()
    assert stall.find(reference).status is OrderStatus.PAID
    assert stall.money() == (2750, 0)
    stall.assert_sound()


def test_a_rejected_transfer_cancels_the_order_and_frees_the_copies(ada: Browser, stall: Stall) -> None:
    reference, payment = transfer(stall, (1, 2))
    ada.open("/orders/admin/transfers")
    ada.fill(f"/orders/admin/transfers/{payment}/reject")
    assert f"Order {reference} is canceled." in ada.text()
    assert stall.find(reference).status is OrderStatus.CANCELED
    assert stall.catalog.copies(1) == (3, 0, 0)
    assert stall.money() == (0, 0)
    stall.assert_sound()


def test_a_transfer_is_decided_once(ada: Browser, stall: Stall) -> None:
    reference, payment = transfer(stall, (1, 1))
    ada.post(f"/orders/admin/transfers/{payment}/reject")
    assert ada.post(f"/orders/admin/transfers/{payment}/confirm").status_code == 409
    assert stall.find(reference).status is OrderStatus.CANCELED
    assert ada.post("/orders/admin/transfers/99/confirm").status_code == 404


def test_an_admin_opens_any_order_and_sees_how_it_was_carried_out(
    ada: Browser, bruno: Browser, stall: Stall
) -> None:
    reference = order(bruno, (1, 1))
    pay(bruno, reference)
    ada.open(f"/orders/admin/orders?reference={reference.lower()}")
    assert ada.path == f"/orders/admin/orders/{reference}"
    for step in ("Reserve copies", "Authorize payment", "Commit copies", "Capture payment", "Ship"):
        assert step in ada.text()
    assert "Bruno" in ada.text()


def test_an_unknown_reference_is_named(ada: Browser) -> None:
    ada.open("/orders/admin/orders?reference=BS-XXXX-XXXX-XX")
    assert "No order has the reference “BS-XXXX-XXXX-XX”." in ada.text()
    assert ada.open("/orders/admin/orders/BS-XXXX-XXXX-XX").status_code == 404


def test_nobody_but_an_admin_decides_on_transfers_or_reads_mails(
    ana: Browser, bruno: Browser, visitor: Browser, stall: Stall
) -> None:
    reference, payment = transfer(stall, (1, 1))
    paths = ("/orders/admin/transfers", "/orders/admin/mailbox", "/orders/admin/mailbox/1")
    for stranger in (ana, bruno):
        for path in paths:
            assert stranger.open(path).status_code == 403
            assert reference not in stranger.page
        assert stranger.post(f"/orders/admin/transfers/{payment}/confirm").status_code == 403
        assert stranger.post(f"/orders/admin/transfers/{payment}/reject").status_code == 403
    for path in paths:
        assert visitor.client.get(path).status_code == 302
    assert stall.find(reference).status is OrderStatus.AWAITING_PAYMENT
    assert stall.money() == (0, 0)


def test_an_empty_mailbox_says_so(ada: Browser) -> None:
    ada.open("/orders/admin/mailbox")
    assert "No mails yet" in ada.text()
    assert 'href="/accounts/admin/mailbox"' in ada.page
    assert ada.open("/orders/admin/mailbox/1").status_code == 404


def test_the_mails_of_an_order_can_be_read(bruno: Browser, ada: Browser, stall: Stall) -> None:
    reference = order(bruno, (1, 2))
    pay(bruno, reference)
    ada.open("/orders/admin/mailbox")
    said = ada.text()
    assert f"We have received your payment for order {reference}" in said
    assert "to bruno@example.com" in said
    assert said.index("We have received your payment") < said.index(f"Your order {reference}")
    ada.open("/orders/admin/mailbox/1")
    said = ada.text()
    assert "Hello Bruno," in said
    assert "2 x Pedro Páramo: $25.00" in said
    assert "Delivery with Servientrega: $15.00" in said
    assert "Total: $40.00" in said
    assert f"http://localhost/orders/{reference}" in said


def test_the_mailbox_comes_page_by_page(ada: Browser, stall: Stall) -> None:
    stall.catalog.change(2, available=100)
    for _ in range(31):
        stall.order((2, 1))
    ada.open("/orders/admin/mailbox")
    assert ada.page.count("/orders/admin/mailbox/") == 30
    following = ada.page.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0]
    ada.open(following)
    assert ada.page.count("/orders/admin/mailbox/") == 1
    assert ada.open("/orders/admin/mailbox?cursor=nonsense").status_code == 400


SUBJECTS = {
    "en": {
        "order_placed": "Your order {}",
        "order_paid": "We have received your payment for order {}",
        "order_shipped": "A parcel of your order {} is on its way",
        "order_refunded": "Your money for order {} is on its way back",
        "order_canceled": "Your order {} was canceled",
        "order_expired": "Your order {} has expired",
    },
    "es": {
        "order_placed": "Tu pedido {}",
        "order_paid": "Hemos recibido el pago de tu pedido {}",
        "order_shipped": "Un paquete de tu pedido {} está en camino",
        "order_refunded": "El dinero de tu pedido {} va de vuelta",
        "order_canceled": "Tu pedido {} fue cancelado",
        "order_expired": "Tu pedido {} ha caducado",
    },
}


@pytest.mark.parametrize("locale", ["en", "es"])
def test_each_mail_is_a_text_in_the_buyers_language(app, stall: Stall, locale: str) -> None:
    shipped = stall.order((1, 1))
    stall.pay(shipped.reference, request_key="1")
    stall.ship(shipped.shipments[0], "SV 123")
    refunded = stall.order((2, 1))
    stall.pay(refunded.reference, request_key="2")
    stall.cancel(refunded.reference)
    stall.cancel(stall.order((2, 1)).reference)
    stall.make_overdue(stall.order((2, 1)).reference)
    stall.expire_unpaid()
    with stall.database.reading() as session:
        mails = list(session.scalars(select(Mail)))
    assert {mail.kind for mail in mails} == set(SUBJECTS[locale])
    render = renderer(app, "orders", "https://shop.example")
    for mail in mails:
        mail.locale = locale
        rendered = render(mail)
        reference = mail.params["reference"]
        assert rendered.subject == SUBJECTS[locale][mail.kind].format(reference)
        assert rendered.text.startswith("Hola Bruno," if locale == "es" else "Hello Bruno,")
        assert rendered.text.endswith(f"https://shop.example/orders/{reference}\n")
        assert "\n\n\n" not in rendered.text
