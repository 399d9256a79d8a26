"""Selling: from an account of one's own to a book with its photo in the shop."""

import io
import random

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from bookstore.catalog import isbn
from tests.journeys.people import People, Someone
from tests.journeys.photos import CAMERA, GPS, photo
from tests.journeys.steps import choose, fact, from_menu, heading, register, said


def test_ana_registers_and_sells_a_book_with_its_photo(visitor: Page, people: People) -> None:
    page, title, number = visitor, people.title("El vuelo del cóndor"), unknown_isbn()

    register(page, "Ana Sells", people.email("ana"))
    expect(said(page)).to_have_text("Welcome, Ana Sells.")

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Sell").click()
    page.get_by_label("ISBN", exact=True).fill(number)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text(f"We do not know the ISBN {number} yet.")).to_be_visible()
    page.get_by_label("Title", exact=True).fill(title)
    page.get_by_label("Authors").fill("Autora Inventada")
    page.get_by_role("main").get_by_label("Language").select_option(label="Spanish")
    page.get_by_label("Year of publication").fill("1987")
    choose(page, "Very good")
    page.get_by_label("Price of one copy").fill("12,50")
    page.get_by_label("Number of copies").fill("3")
    page.get_by_label("Notes").fill("Spine a little worn.")
    send_photo(page)
    page.get_by_role("button", name="Put on sale").click()

    expect(said(page)).to_have_text(f"“{title}” is on sale now.")
    expect(heading(page)).to_have_text(title)
    expect(fact(page, "ISBN")).to_have_text(number)
    expect(fact(page, "Language")).to_have_text("Spanish")
    offer = page.locator(".offers tbody tr")
    expect(offer).to_have_count(1)
    for text in ("$12.50", "Very good", "3 copies", "Ana Sells", "Spine a little worn."):
        expect(offer).to_contain_text(text)
    assert_shown_without_secrets(page, offer.get_by_role("link", name="Photo of the copy of Ana Sells"))

    from_menu(page, "My books")
    expect(heading(page)).to_have_text("My books")
    row = page.get_by_role("row", name=title)
    expect(row).to_contain_text("3 available, 0 held, 0 sold")
    expect(row).to_contain_text("Active")


def test_a_known_isbn_is_all_that_must_be_said_about_the_book(ana: Someone) -> None:
    page = ana.page
    page.goto("/sell/new")
    page.get_by_label("ISBN", exact=True).fill("84-207-2667-2")
    page.get_by_role("button", name="Continue").click()

    known = page.get_by_role("region", name="The book")
    expect(known).to_contain_text("La Celestina")
    expect(known).to_contain_text("ISBN 9788420726670")
    expect(page.get_by_label("Title", exact=True)).to_have_count(0)

    choose(page, "Good")
    page.get_by_label("Price of one copy").fill("9.90")
    page.get_by_label("Number of copies").fill("1")
    page.get_by_role("button", name="Put on sale").click()

    expect(heading(page)).to_have_text("La Celestina")
    expect(page.get_by_role("row").filter(has_text=ana.name)).to_contain_text("$9.90")


def test_what_is_wrong_is_said_beside_its_field_and_changes_nothing(ana: Someone) -> None:
    page = ana.page
    page.goto("/sell/new?isbn=9788420726671")
    expect(page.locator("#isbn-error")).to_be_visible()
    expect(page.get_by_label("ISBN", exact=True)).to_have_value("9788420726671")

    page.goto("/sell/new?isbn=9788420726670")
    page.get_by_label("Price of one copy").fill("free")
    page.get_by_label("Number of copies").fill("1.5")
    page.get_by_role("button", name="Put on sale").click()

    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.locator("#condition-error")).to_have_text("Choose the condition of your copies.")
    expect(page.locator("#price-error")).to_have_text("Write the price in digits, for example 12.50.")
    expect(page.locator("#copies-error")).to_have_text("Write a whole number, in digits.")
    expect(page.get_by_label("Price of one copy")).to_have_value("free")
    page.goto("/sell")
    expect(page.get_by_role("heading", name="You do not sell anything yet")).to_be_visible()


def test_ana_changes_her_offer_withdraws_it_and_puts_it_back(ana: Someone, people: People) -> None:
    offer = ana.offer(people.title("Los ríos profundos"), "6.00", copies=2)
    page = ana.page
    page.goto("/sell")
    page.get_by_role("link", name=f"Edit {offer.title}").click()
    page.get_by_label("Price of one copy").fill("7.25")
    page.get_by_role("button", name="Save").click()
    expect(said(page)).to_have_text("Your changes are saved.")
    expect(page.get_by_role("row", name=offer.title)).to_contain_text("$7.25")

    withdraw = page.get_by_role("button", name=f"Withdraw {offer.title}")
    withdraw.click()
    expect(page.get_by_role("dialog", name="Take this listing off sale?")).to_be_visible()
    page.get_by_role("button", name="No, go back").click()
    expect(page.get_by_role("row", name=offer.title)).to_contain_text("Active")

    withdraw.click()
    page.get_by_role("button", name="Yes, go on").click()
    expect(said(page)).to_have_text("The listing has been removed.")
    expect(page.get_by_role("heading", name="You do not sell anything yet")).to_be_visible()


def test_ana_uploads_a_list_and_reads_what_became_of_each_row(ana: Someone, people: People) -> None:
    title = people.title("Sobre héroes y tumbas")
    rows = f"title,authors,condition,price,copies\n{title},Ernesto Sabato,good,8.40,2\n,Nadie,good,1.00,1\n"
    page = ana.page
    page.goto("/sell")
    page.get_by_role("link", name="Upload a list").click()
    page.get_by_label("CSV file").set_input_files(
        {"name": "books.csv", "mimeType": "text/csv", "buffer": rows.encode()}
    )
    page.get_by_role("button", name="Upload").click()

    report = page.get_by_role("region", name="What became of your rows")
    expect(report).to_contain_text("1 new listing is on sale.")
    expect(report).to_contain_text("1 row was not accepted and changed nothing.")
    page.get_by_role("link", name="See my books").click()
    row = page.get_by_role("row", name=title)
    expect(row).to_contain_text("$8.40")
    expect(row).to_contain_text("2 available, 0 held, 0 sold")


def unknown_isbn() -> str:
    """An ISBN that no book of the shop has."""
    while True:
        number = f"97911{random.randrange(10**8):08}"
        if isbn.is_valid(number):
            return number


def send_photo(page: Page) -> None:
    file = {"name": "my-book.jpg", "mimeType": "image/jpeg", "buffer": photo()}
    page.get_by_label("Photo").set_input_files(file)


def assert_shown_without_secrets(page: Page, link: Locator) -> None:
    """The photo is on the page, and neither the camera nor the place is in it any more."""
    picture = link.get_by_role("img")
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("it => it.naturalWidth") > 0
    sent = Image.open(io.BytesIO(photo())).getexif()
    assert sent[CAMERA] == "Ana's telephone"
    assert sent.get_ifd(GPS)
    kept = Image.open(io.BytesIO(page.request.get(link.get_attribute("href") or "").body()))
    assert (kept.format, kept.size) == ("JPEG", (1200, 900))
    assert dict(kept.getexif()) == {}
