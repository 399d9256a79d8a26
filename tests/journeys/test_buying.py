"""Buying: from the search to the parcel in one's hands."""

from playwright.sync_api import expect

from tests.journeys.people import People, Someone
from tests.journeys.steps import (
    add_to_cart,
    buy,
    fact,
    fill_delivery,
    from_menu,
    heading,
    log_in,
    pay,
    said,
    search,
    timeline,
)
from tests.journeys.windows import Windows

TRACKING = "EC-2024-000123"


def test_bruno_finds_buys_and_receives_a_book(ana: Someone, people: People, windows: Windows) -> None:
    offer = ana.offer(people.title("Crónica del páramo"), "12.50", copies=3)
    bruno = people.register("Bruno")
    page = windows.open()

    search(page, f"cronica del paramo {people.suffix}", offer.title)
    expect(heading(page)).to_have_text(offer.title)
    add_to_cart(page, quantity=2)
    expect(fact(page, "Total without delivery")).to_have_text("$25.00")

    page.get_by_role("link", name="Go to the checkout").click()
    expect(heading(page)).to_have_text("Log in")
    log_in(page, bruno.email)
    expect(heading(page)).to_have_text("Delivery")
    fill_delivery(page, "Bruno Buys")

    expect(heading(page)).to_have_text("Check and order")
    expect(page.locator("address")).to_have_text("Bruno Buys Calle Larga 1-23 010101 Cuenca Azuay Ecuador")
    expect(fact(page, "2 copies")).to_have_text("$25.00")
    expect(page.locator(".totals dd")).to_have_text(["$25.00", "$20.00", "$45.00"])
    page.get_by_role("button", name="Place the order").click()

    reference = heading(page).inner_text().removeprefix("Pay order ")
    expect(page.get_by_role("button", name="Pay $45.00")).to_be_visible()
    assert ana.stock(offer) == (1, 2, 0)
    pay(page)
    expect(said(page)).to_have_text("Thank you! Your payment has been received.")
    expect(heading(page)).to_have_text(f"Order {reference}")
    assert timeline(page) == ["Placed", "Paid"]
    assert ana.stock(offer) == (1, 0, 2)
    expect(page.get_by_role("navigation", name="Main")).not_to_contain_text("copies")

    ana_ships(ana, reference, offer.title)

    page.reload()
    assert timeline(page) == ["Placed", "Paid", "Shipped"]
    expect(page.locator(".shipment .tracking")).to_have_text(TRACKING)
    page.get_by_role("button", name=f"I have received the parcel of {ana.name}").click()
    expect(said(page)).to_have_text("Thank you. Enjoy your books!")
    assert timeline(page) == ["Placed", "Paid", "Shipped", "Received"]
    expect(page.get_by_role("main").locator(".status")).to_have_text("Delivered")

    ana.page.goto("/orders/sales/history")
    sale = ana.page.get_by_role("region", name=f"Order {reference}")
    expect(sale).to_contain_text("Delivered")


def ana_ships(ana: Someone, reference: str, title: str) -> None:
    page = ana.page
    page.goto("/")
    from_menu(page, "My sales")
    sale = page.get_by_role("region", name=f"Order {reference}")
    for text in (title, "2 copies", "Calle Larga 1-23", "with Envia", "your books come to $25.00"):
        expect(sale).to_contain_text(text)
    sale.get_by_label("Tracking number").fill("?")
    sale.get_by_role("button", name="Mark as shipped").click()
    expect(page.get_by_text("A tracking number has 3 to 40 letters or digits.")).to_be_visible()
    page.get_by_label("Tracking number").fill(TRACKING)
    page.get_by_role("button", name="Mark as shipped").click()
    expect(said(page)).to_have_text("The buyer has been told that the parcel is on its way.")
    expect(page.get_by_role("heading", name="Nothing to ship")).to_be_visible()


def test_one_order_of_two_sellers_is_one_payment_and_two_parcels(
    ana: Someone, carla: Someone, bruno: Someone, people: People
) -> None:
    first = ana.offer(people.title("La vorágine"), "10.00")
    second = carla.offer(people.title("El matadero"), "4.50")
    page = bruno.page
    page.goto(first.path)
    add_to_cart(page)
    reference = buy(page, second.path, "Bruno Buys")

    expect(page.locator(".totals dd")).to_have_text(["$14.50", "$20.00", "$34.50"])
    senders = {f"From {ana.name}", f"From {carla.name}"}
    assert set(page.locator(".shipment h2").all_inner_texts()) == senders
    for seller, own, other in ((ana, first, second), (carla, second, first)):
        seller.page.goto("/orders/sales")
        sale = seller.page.get_by_role("region", name=f"Order {reference}")
        expect(sale).to_contain_text(own.title)
        expect(sale).not_to_contain_text(other.title)
    carla.page.goto(f"/orders/{reference}")
    expect(heading(carla.page)).to_have_text("Page not found")


def test_what_is_missing_in_the_address_is_said_beside_its_field(
    ana: Someone, bruno: Someone, people: People
) -> None:
    offer = ana.offer(people.title("Don Segundo Sombra"), "5.00")
    page = bruno.page
    page.goto(offer.path)
    add_to_cart(page)
    page.get_by_role("link", name="Go to the checkout").click()
    page.get_by_label("Street and number").fill("Gran Vía 1")
    page.get_by_label("Country", exact=True).select_option("ES")
    page.get_by_role("radio", name="Envia").check()
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.locator("#city-error")).to_have_text("Which city or town?")
    expect(page.locator("#option_id-error")).to_have_text(
        "Envia delivers within Ecuador only. Please choose an international carrier."
    )
    expect(page.get_by_label("Street and number")).to_have_value("Gran Vía 1")
    page.get_by_role("alert").get_by_role("link", name="City: Which city or town?").click()
    expect(page.get_by_label("City")).to_be_focused()
    assert ana.stock(offer) == (1, 0, 0)
