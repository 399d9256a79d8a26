"""The shop speaks Spanish and English: as the browser wishes, until the reader chooses."""

import re

from playwright.sync_api import Page, expect

from tests.journeys.people import People, Someone
from tests.journeys.steps import heading, log_in, register, said
from tests.journeys.windows import Windows
from tests.people import PASSWORD

SPANISH_DATE = re.compile(r"\d{1,2} de (\w+) de \d{4}")
SPANISH_MOMENT = re.compile(r"\d{1,2} \w{3,4} \d{4}, \d{1,2}:\d{2}:\d{2}")


def test_the_browsers_language_is_spoken_until_another_is_chosen(windows: Windows) -> None:
    page = windows.open(locale="es-EC")
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("lang", "es")
    expect(page.get_by_role("navigation", name="Principal")).to_contain_text("Vender")

    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("button", name="English")).to_have_attribute("aria-current", "true")

    page = windows.open(locale="de-DE")
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_the_chosen_language_is_remembered_when_the_browser_is_opened_again(windows: Windows) -> None:
    page = windows.open()
    page.goto("/books?q=quijote")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_role("button", name="Español").click()
    expect(heading(page)).to_have_text("Resultados de «quijote»")
    assert page.url.endswith("/books?q=quijote")
    kept = page.context.storage_state()
    page.context.close()

    page = windows.open(storage_state=kept)
    page.goto("/orders/cart")
    expect(heading(page)).to_have_text("Tu carrito")
    page.get_by_role("button", name="English").click()
    expect(heading(page)).to_have_text("Your cart")


def test_a_member_takes_the_language_along(people: People, windows: Windows) -> None:
    page = windows.open(locale="es-ES")
    register(page, "Bruno Compra", people.email("bruno"))
    expect(said(page)).to_have_text("Te damos la bienvenida, Bruno Compra.")

    elsewhere = windows.open(locale="en-US")
    log_in(elsewhere, people.email("bruno"), welcome="bienvenida")
    expect(elsewhere.locator("html")).to_have_attribute("lang", "es")


def test_the_whole_purchase_in_spanish(ana: Someone, people: People, windows: Windows) -> None:
    offer = ana.offer(people.title("El reino de este mundo"), "1234.50", copies=2)
    page = windows.open(locale="es-EC")

    page.goto(offer.path)
    expect(page.locator(".buy-box .price")).to_have_text("1.234,50 US$")
    page.locator(".buy-box").get_by_role("button", name="Añadir al carrito").click()
    expect(heading(page)).to_have_text("Tu carrito")
    expect(page.locator(".totals dd.total")).to_have_text("1.234,50 US$")
    page.get_by_role("link", name="Ir a la caja").click()
    expect(heading(page)).to_have_text("Iniciar sesión")
    page.get_by_role("link", name="Crear una cuenta").click()
    page.get_by_label("Nombre", exact=True).fill("Bruno Compra")
    page.get_by_label("Correo electrónico").fill(people.email("bruno"))
    page.get_by_label("Contraseña").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button").click()

    expect(heading(page)).to_have_text("Envío")
    page.get_by_label("Nombre de quien recibe").fill("Bruno Compra")
    page.get_by_label("Calle y número").fill("Calle Larga 1-23")
    page.get_by_label("Ciudad").fill("Cuenca")
    page.get_by_role("radio", name="DHL").check()
    page.get_by_role("button", name="Continuar").click()
    expect(page.locator(".totals dd")).to_have_text(["1.234,50 US$", "50,00 US$", "1.284,50 US$"])
    assert_no_english(page)
    page.get_by_role("button", name="Hacer el pedido").click()
    page.get_by_role("button", name="Pagar 1.284,50 US$").click()

    expect(page.locator(".status")).to_have_text("Pagado")
    expect(page.locator("time").first).to_have_text(SPANISH_MOMENT)
    assert_no_english(page)
    page.goto("/orders/")
    expect(page.locator(".order-list li")).to_contain_text(SPANISH_DATE)
    assert_no_english(page)


def assert_no_english(page: Page) -> None:
    """No word of the shop's own English is on the page; what people wrote may be in any language."""
    text = page.get_by_role("main").inner_text()
    english = re.findall(
        r"\b(the|your|order|with|delivery|total of|copies|paid|placed|and)\b", text, re.IGNORECASE
    )
    assert english == []
