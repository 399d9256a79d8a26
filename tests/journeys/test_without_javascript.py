"""Everything works in a browser that runs no scripts: a sale and a whole purchase."""

import re

from playwright.sync_api import expect

from tests.journeys.people import People, Someone
from tests.journeys.steps import buy, choose, heading, log_in, register, said, timeline
from tests.journeys.windows import Windows


def test_a_purchase_without_javascript(ana: Someone, people: People, windows: Windows) -> None:
    offer = ana.offer(people.title("Los de abajo"), "8.00", copies=2)
    bruno = people.register("Bruno")
    page = windows.open(java_script_enabled=False)
    log_in(page, bruno.email)

    reference = buy(page, offer.path, "Bruno Buys")

    expect(heading(page)).to_have_text(f"Order {reference}")
    assert timeline(page) == ["Placed", "Paid"]
    assert ana.stock(offer) == (1, 0, 1)
    page.get_by_role("button", name="Cancel the order").click()
    expect(page.get_by_role("main").locator(".status")).to_have_text("Refunded")
    assert ana.stock(offer) == (2, 0, 0)


def test_a_sale_without_javascript(people: People, windows: Windows) -> None:
    page = windows.open(java_script_enabled=False)
    register(page, people.name("Ana"), people.email("Ana"))
    title = people.title("Doña Bárbara")

    page.goto("/sell/new")
    page.get_by_role("main").get_by_role("link", name="This book has no ISBN").click()
    form = page.get_by_role("main")
    form.get_by_label("Title").fill(title)
    form.get_by_label("Authors").fill("Rómulo Gallegos")
    choose(page, "Good")
    form.get_by_label("Price of one copy").fill("6.50")
    form.get_by_label("Number of copies").fill("2")
    form.get_by_role("button", name="Put on sale").click()

    expect(said(page)).to_have_text(f"“{title}” is on sale now.")
    page.goto("/sell")
    expect(page.get_by_role("main")).to_contain_text(title)
    expect(page.get_by_role("main")).to_contain_text("$6.50")


def test_filters_and_sorting_without_javascript(windows: Windows) -> None:
    page = windows.open(java_script_enabled=False)
    page.goto("/books")
    page.get_by_role("link", name="Spanish").click()
    page.get_by_label("Sort").select_option("price_asc")
    page.get_by_role("button", name="Sort").click()
    expect(page).to_have_url(re.compile("language=es"))
    expect(page).to_have_url(re.compile("sort=price_asc"))
