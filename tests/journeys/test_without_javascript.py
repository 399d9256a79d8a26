"""Without JavaScript everything works: a sale, a purchase, a parcel."""

import re

from playwright.sync_api import Page, expect

from tests.journeys.people import People
from tests.journeys.photos import photo
from tests.journeys.steps import (
    add_to_cart,
    buy,
    choose,
    from_menu,
    heading,
    pay,
    place_order,
    register,
    said,
    search,
    timeline,
)
from tests.journeys.windows import Windows


def test_a_sale_and_a_purchase_without_javascript(people: People, windows: Windows) -> None:
    ana, bruno = (windows.open(java_script_enabled=False) for _ in range(2))
    title = people.title("Balún Canán")

    register(ana, "Ana Sells", people.email("ana"))
    put_on_sale(ana, title)
    expect(said(ana)).to_have_text(f"“{title}” is on sale now.")
    expect(heading(ana)).to_have_text(title)
    expect(ana.locator(".offers")).to_contain_text("$11.00")

    search(bruno, title, title)
    add_to_cart(bruno)
    register(bruno, "Bruno Buys", people.email("bruno"))
    reference = place_order(bruno, "Bruno Buys")
    pay(bruno)
    expect(said(bruno)).to_have_text("Thank you! Your payment has been received.")

    from_menu(ana, "My sales")
    ana.get_by_label("Tracking number").fill("EC-42")
    ana.get_by_role("button", name="Mark as shipped").click()
    bruno.reload()
    bruno.get_by_role("button", name="I have received the parcel of Ana Sells").click()
    expect(heading(bruno)).to_have_text(f"Order {reference}")
    assert timeline(bruno) == ["Placed", "Paid", "Shipped", "Received"]


def test_filtering_sorting_and_changing_the_cart_without_javascript(people: People, windows: Windows) -> None:
    ana = people.join("Ana")
    cheap = ana.offer(people.title("Zozobra"), "2.00", copies=4)
    page = windows.open(java_script_enabled=False)
    page.goto("/books")
    page.get_by_role("complementary", name="Filters").get_by_role("link", name="Spanish").click()
    page.get_by_label("Sort by").select_option(label="Price: low to high")
    page.get_by_role("button", name="Sort").click()
    expect(page.get_by_label("Sort by")).to_have_value("price_asc")
    expect(page).to_have_url(re.compile("language=es"))

    page.goto(cheap.path)
    add_to_cart(page)
    page.get_by_label(f"Quantity of {cheap.title}").fill("3")
    page.get_by_role("button", name="Update").click()
    expect(page.locator(".totals dd.total")).to_have_text("$6.00")
    page.get_by_role("button", name="Empty the cart").click()
    expect(page.get_by_role("heading", name="Your cart is empty")).to_be_visible()


def test_what_asks_first_with_javascript_still_works_without(people: People, windows: Windows) -> None:
    ana = people.join("Ana")
    offer = ana.offer(people.title("Yo el Supremo"), "5.00")
    page = windows.open(java_script_enabled=False)
    register(page, "Bruno Buys", people.email("bruno"))
    buy(page, offer.path, "Bruno Buys")
    page.get_by_role("button", name="Cancel the order").click()
    expect(page.get_by_role("main").locator(".status")).to_have_text("Refunded")
    assert ana.stock(offer) == (1, 0, 0)


def put_on_sale(page: Page, title: str) -> None:
    page.goto("/sell/new")
    page.get_by_role("link", name="This book has no ISBN").click()
    page.get_by_label("Title", exact=True).fill(title)
    page.get_by_label("Authors").fill("Rosario Castellanos")
    choose(page, "Like new")
    page.get_by_label("Price of one copy").fill("11.00")
    page.get_by_label("Number of copies").fill("1")
    file = {"name": "book.jpg", "mimeType": "image/jpeg", "buffer": photo()}
    page.get_by_label("Photo").set_input_files(file)
    page.get_by_role("button", name="Put on sale").click()
