"""Paying: what happens when it does not go well the first time, and when it must be undone."""

from playwright.sync_api import Page, expect

from tests.journeys.people import Offer, People, Someone
from tests.journeys.steps import (
    add_to_cart,
    buy,
    from_menu,
    heading,
    pay,
    place_order,
    reload_until,
    said,
    timeline,
)


def test_after_a_declined_card_bruno_tries_again(ana: Someone, bruno: Someone, people: People) -> None:
    offer = ana.offer(people.title("El túnel"), "8.00")
    reference = order(bruno, offer)
    page = bruno.page

    pay(page, answer="Declined")
    expect(page.get_by_role("alert")).to_have_text(
        "The payment was declined. You have not been charged; please try another way to pay."
    )
    expect(heading(page)).to_have_text(f"Pay order {reference}")
    assert ana.stock(offer) == (0, 1, 0)

    pay(page, method="PayPal")
    expect(said(page)).to_have_text("Thank you! Your payment has been received.")
    payments = page.locator(".summary li")
    expect(payments).to_have_count(2)
    expect(payments.nth(0)).to_contain_text("Card, $28.00: declined, nothing was charged")
    expect(payments.nth(1)).to_contain_text("PayPal, $28.00: received")
    assert ana.stock(offer) == (0, 0, 1)


def test_a_payment_without_an_answer_is_finished_by_the_worker(
    ana: Someone, bruno: Someone, people: People
) -> None:
    offer = ana.offer(people.title("La invención de Morel"), "9.50")
    order(bruno, offer)
    page = bruno.page

    pay(page, answer="No answer the first time")
    expect(page.get_by_text("Your payment is under way.")).to_be_visible()
    assert timeline(page) == ["Placed"]

    reload_until(page, page.locator(".timeline-step.is-done", has_text="Paid"))
    expect(page.locator(".summary li")).to_have_count(1)
    expect(page.locator(".summary li")).to_contain_text("Card, $29.50: received")
    assert ana.stock(offer) == (0, 0, 1)


def test_a_bank_transfer_waits_for_the_admin(ana: Someone, bruno: Someone, ada: Page, people: People) -> None:
    offer = ana.offer(people.title("Pedro Páramo"), "6.00")
    reference = order(bruno, offer)
    page = bruno.page

    pay(page, method="Bank transfer")
    expect(said(page)).to_have_text("Thank you! Now transfer the money, please; the details are below.")
    transfer = page.locator(".panel", has_text="Please transfer the money")
    expect(transfer.locator("dd")).to_contain_text(["$26.00", "BookStore", "sandbox", reference])
    assert timeline(page) == ["Placed"]
    ana.page.goto("/orders/sales")
    expect(ana.page.get_by_role("heading", name="Nothing to ship")).to_be_visible()

    from_menu(ada, "Payments to confirm")
    row = ada.get_by_role("row", name=reference)
    expect(row).to_contain_text(bruno.email)
    expect(row).to_contain_text("$26.00")
    ada.get_by_role("button", name=f"The money of {reference} is here").click()
    expect(said(ada)).to_have_text(f"Order {reference} is paid.")

    page.reload()
    assert timeline(page) == ["Placed", "Paid"]
    expect(page.locator(".summary li")).to_contain_text("Bank transfer, $26.00: received")
    assert ana.stock(offer) == (0, 0, 1)


def test_a_rejected_transfer_gives_the_copies_back(
    ana: Someone, bruno: Someone, ada: Page, people: People
) -> None:
    offer = ana.offer(people.title("Los premios"), "6.00")
    reference = order(bruno, offer)
    pay(bruno.page, method="Bank transfer")
    expect(bruno.page.get_by_text("Please transfer the money")).to_be_visible()

    ada.goto("/orders/admin/transfers")
    ada.get_by_role("button", name=f"Reject the transfer of {reference}").click()
    ada.get_by_role("dialog").get_by_role("button", name="Yes, go on").click()
    expect(said(ada)).to_have_text(f"Order {reference} is canceled.")

    bruno.page.reload()
    assert timeline(bruno.page) == ["Placed", "Canceled"]
    expect(bruno.page.get_by_text("The order is canceled. You have not been charged.")).to_be_visible()
    assert ana.stock(offer) == (1, 0, 0)


def test_canceling_before_shipping_gives_money_and_copies_back(
    ana: Someone, bruno: Someone, ada: Page, people: People
) -> None:
    offer = ana.offer(people.title("Aura"), "7.00", copies=2)
    page = bruno.page
    reference = buy(page, offer.path, "Bruno Buys", quantity=2)
    assert ana.stock(offer) == (0, 0, 2)

    page.get_by_role("button", name="Cancel the order").click()
    question = page.get_by_role("dialog", name="Cancel this order? What you have paid is given back.")
    question.get_by_role("button", name="Yes, go on").click()

    expect(heading(page)).to_have_text(f"Order {reference}")
    reload_until(page, page.locator(".timeline-step.is-done", has_text="Money given back"))
    assert timeline(page) == ["Placed", "Paid", "Canceled", "Money given back"]
    expect(page.locator(".summary li")).to_contain_text("Card, $34.00: given back")
    expect(page.get_by_role("button", name="Cancel the order")).to_have_count(0)
    assert ana.stock(offer) == (2, 0, 0)
    ana.page.goto("/orders/sales")
    expect(ana.page.get_by_role("heading", name="Nothing to ship")).to_be_visible()

    from_menu(ada, "Mailbox")
    expect(ada.locator(".mail-list")).to_contain_text(f"Your money for order {reference} is on its way back")


def test_what_has_been_shipped_can_no_longer_be_canceled(
    ana: Someone, bruno: Someone, people: People
) -> None:
    offer = ana.offer(people.title("Fervor de Buenos Aires"), "7.00")
    reference = buy(bruno.page, offer.path, "Bruno Buys")
    expect(bruno.page.get_by_role("button", name="Cancel the order")).to_be_visible()
    ana.page.goto("/orders/sales")
    ana.page.get_by_label("Tracking number").fill("EC-77")
    ana.page.get_by_role("button", name="Mark as shipped").click()
    expect(said(ana.page)).to_be_visible()

    bruno.page.get_by_role("button", name="Cancel the order").click()
    bruno.page.get_by_role("dialog").get_by_role("button", name="Yes, go on").click()

    expect(bruno.page.locator(".error-status")).to_have_text("409")
    expect(bruno.page.get_by_text("This order can no longer be canceled.")).to_be_visible()
    bruno.page.get_by_role("link", name="Go back").click()
    expect(heading(bruno.page)).to_have_text(f"Order {reference}")
    assert timeline(bruno.page) == ["Placed", "Paid", "Shipped"]
    assert ana.stock(offer) == (0, 0, 1)


def order(buyer: Someone, offer: Offer) -> str:
    """Order one copy; the payment page is open then."""
    buyer.page.goto(offer.path)
    add_to_cart(buyer.page)
    return place_order(buyer.page, buyer.name)
