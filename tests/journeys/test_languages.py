"""Spanish and English: the browser's language first, then the one that was chosen."""

import re

from playwright.sync_api import expect

from tests.journeys.people import People, Someone
from tests.journeys.steps import heading
from tests.journeys.windows import Windows


def test_the_browsers_language_comes_first(windows: Windows) -> None:
    spanish = windows.open(locale="es-EC")
    spanish.goto("/")
    expect(spanish.locator("html")).to_have_attribute("lang", "es")
    expect(spanish.get_by_role("navigation", name="Principal")).to_contain_text("Carrito")
    english = windows.open(locale="en-US")
    english.goto("/")
    expect(english.locator("html")).to_have_attribute("lang", "en")


def test_the_chosen_language_is_remembered(windows: Windows) -> None:
    page = windows.open(locale="en-US")
    page.goto("/books?q=quijote")
    page.get_by_role("button", name="Español").click()
    expect(page.locator("html")).to_have_attribute("lang", "es")
    expect(page).to_have_url(re.compile(r"/books\?q=quijote$"))

    again = windows.open(locale="en-US", storage_state=page.context.storage_state())
    again.goto("/orders/cart")
    expect(again.locator("html")).to_have_attribute("lang", "es")
    expect(heading(again)).to_have_text("Tu carrito")
    again.get_by_role("button", name="English").click()
    expect(heading(again)).to_have_text("Your cart")


def test_prices_are_written_in_the_readers_language(ana: Someone, people: People, windows: Windows) -> None:
    offer = ana.offer(people.title("El Zarco"), "1234.50")
    english, spanish = windows.open(locale="en-US"), windows.open(locale="es-ES")
    english.goto(offer.path)
    expect(english.locator(".buy-box")).to_contain_text("$1,234.50")
    spanish.goto(offer.path)
    expect(spanish.locator(".buy-box")).to_contain_text("1.234,50\u00a0US$")
    expect(spanish.locator(".buy-box")).to_contain_text("Añadir al carrito")
