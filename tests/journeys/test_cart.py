"""The cart: kept at the login, honest about what has changed."""

from playwright.sync_api import expect

from tests.journeys.people import People, Someone
from tests.journeys.steps import add_to_cart, fact, fill_delivery, from_menu, heading, log_in, said
from tests.journeys.windows import Windows

CARTS = "[href='/orders/cart']"


def test_a_visitors_cart_is_kept_at_the_login(ana: Someone, people: People, windows: Windows) -> None:
    first = ana.offer(people.title("Altazor"), "5.00", copies=5)
    second = ana.offer(people.title("Trilce"), "7.00", copies=5)
    bruno = people.join("Bruno")
    bruno.page.goto(first.path)
    add_to_cart(bruno.page)

    page = windows.open()
    page.goto(second.path)
    add_to_cart(page, quantity=2)
    expect(page.locator(CARTS).first).to_have_text("Cart 2 copies")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Log in").click()
    log_in(page, bruno.email)

    expect(heading(page)).to_have_text("Your cart")
    expect(page.locator(CARTS).first).to_have_text("Cart 3 copies")
    expect(page.locator(".cart-line h2")).to_have_text([first.title, second.title])
    expect(fact(page, "Total without delivery")).to_have_text("$19.00")
    from_menu(page, "Log out")
    expect(said(page)).to_have_text("You are logged out.")
    page.goto("/orders/cart")
    expect(page.get_by_role("heading", name="Your cart is empty")).to_be_visible()


def test_a_changed_price_and_fewer_copies_are_said_before_paying(
    ana: Someone, bruno: Someone, carla: Someone, people: People
) -> None:
    dearer = ana.offer(people.title("Rayuela"), "10.00", copies=2)
    scarce = ana.offer(people.title("Sab"), "6.00", copies=2)
    page = bruno.page
    for offer in (dearer, scarce):
        page.goto(offer.path)
        add_to_cart(page, quantity=2)
    page.get_by_role("link", name="Go to the checkout").click()
    fill_delivery(page, "Bruno Buys")
    expect(page.locator(".totals dd")).to_have_text(["$32.00", "$20.00", "$52.00"])

    ana.change(dearer, price={"amount": "11.50", "currency": "USD"})
    carla.api.place_order(scarce.listing_id, key=f"carla-{people.suffix}").raise_for_status()
    page.get_by_role("button", name="Place the order").click()

    expect(heading(page)).to_have_text("Check and order")
    expect(page.get_by_text("The price changed from $10.00 to $11.50.")).to_be_visible()
    expect(page.get_by_text("Only 1 copy is left.")).to_be_visible()
    expect(page.get_by_role("button", name="Place the order")).to_have_count(0)
    assert ana.stock(dearer) == (2, 0, 0)

    page.get_by_role("button", name="Accept the changes").click()
    expect(page.locator(".totals dd")).to_have_text(["$29.00", "$20.00", "$49.00"])
    page.get_by_role("button", name="Place the order").click()
    expect(page.get_by_role("button", name="Pay $49.00")).to_be_visible()
    assert ana.stock(dearer) == (0, 2, 0)
    assert ana.stock(scarce) == (0, 2, 0)


def test_the_last_copy_goes_to_who_orders_first(
    ana: Someone, bruno: Someone, carla: Someone, people: People
) -> None:
    offer = ana.offer(people.title("El último ejemplar"), "9.00")
    for buyer in (bruno, carla):
        buyer.page.goto(offer.path)
        add_to_cart(buyer.page)
        buyer.page.get_by_role("link", name="Go to the checkout").click()
        fill_delivery(buyer.page, buyer.name)
    carla.page.get_by_role("button", name="Place the order").click()
    expect(heading(carla.page)).to_contain_text("Pay order")

    bruno.page.get_by_role("button", name="Place the order").click()

    expect(
        bruno.page.get_by_text("Sold out: the last copy has been bought by somebody else.")
    ).to_be_visible()
    expect(bruno.page.get_by_role("button", name="Place the order")).to_have_count(0)
    bruno.page.goto("/orders/")
    expect(bruno.page.get_by_role("heading", name="No orders yet")).to_be_visible()
    assert ana.stock(offer) == (0, 1, 0)


def test_a_wrong_quantity_is_said_beside_its_field(ana: Someone, bruno: Someone, people: People) -> None:
    offer = ana.offer(people.title("Martín Fierro"), "3.00", copies=5)
    page = bruno.page
    page.goto(offer.path)
    add_to_cart(page, quantity=2)
    quantity = page.get_by_label(f"Quantity of {offer.title}")
    for wrong in ("0", "-1", "1000"):
        quantity.fill(wrong)
        page.get_by_role("button", name="Update").click()
        expect(page.get_by_text("The quantity must be a whole number from 1 to 100.")).to_be_visible()
        expect(quantity).to_have_value(wrong)
    page.goto("/orders/cart")
    expect(quantity).to_have_value("2")
    quantity.fill("3")
    page.get_by_role("button", name="Update").click()
    expect(fact(page, "Total without delivery")).to_have_text("$9.00")
    page.get_by_role("button", name=f"Remove {offer.title}").click()
    expect(page.get_by_role("heading", name="Your cart is empty")).to_be_visible()
