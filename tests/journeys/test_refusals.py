"""When the shop must say no: what went wrong, what to do now, and a number to mention."""

import re

from playwright.sync_api import Page, expect

from tests.journeys.people import People, Someone
from tests.journeys.steps import choose, heading
from tests.journeys.windows import Windows

FAILURES_BEFORE_REFUSAL = 10
REQUEST_ID = re.compile(r"^[0-9a-f]{32}$")
TOO_LARGE = 9 * 1024 * 1024


def test_an_address_without_a_page(visitor: Page) -> None:
    visitor.goto("/books/no-such-book")
    assert_refused(visitor, 404, "Page not found")
    visitor.get_by_role("link", name="Browse all books").click()
    expect(heading(visitor)).to_have_text("All books")


def test_a_photo_that_is_too_large(ana: Someone) -> None:
    page = ana.page
    page.goto("/sell/new?isbn=9788420726670")
    choose(page, "Good")
    page.get_by_label("Price of one copy").fill("5.00")
    page.get_by_label("Number of copies").fill("1")
    file = {"name": "huge.jpg", "mimeType": "image/jpeg", "buffer": b"\xff\xd8" + bytes(TOO_LARGE)}
    page.get_by_label("Photo").set_input_files(file)
    page.get_by_role("button", name="Put on sale").click()

    assert_refused(page, 413, "Too large")
    page.get_by_role("link", name="Go back").click()
    expect(heading(page)).to_have_text("Sell a book")
    page.goto("/sell")
    expect(page.get_by_role("heading", name="You do not sell anything yet")).to_be_visible()


def test_a_file_that_is_no_photo(ana: Someone) -> None:
    page = ana.page
    page.goto("/sell/new?isbn=9788420726670")
    choose(page, "Good")
    page.get_by_label("Price of one copy").fill("5.00")
    page.get_by_label("Number of copies").fill("1")
    file = {"name": "evil.jpg", "mimeType": "image/jpeg", "buffer": b"<svg onload=alert(1)>"}
    page.get_by_label("Photo").set_input_files(file)
    page.get_by_role("button", name="Put on sale").click()

    expect(page.locator("#photo-error")).to_be_visible()
    expect(page.get_by_label("Price of one copy")).to_have_value("5.00")


def test_too_many_wrong_passwords(people: People, windows: Windows) -> None:
    bruno = people.register("Bruno")
    page = windows.open()
    for _ in range(FAILURES_BEFORE_REFUSAL):
        guess(page, bruno.email)
        expect(page.get_by_role("alert")).to_contain_text("The e-mail address or the password is wrong.")
    guess(page, bruno.email)
    assert_refused(page, 429, "Too many requests")


def guess(page: Page, email: str) -> None:
    page.goto("/accounts/login")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("main").get_by_role("button", name="Log in").click()


def assert_refused(page: Page, status: int, title: str) -> None:
    expect(page.locator(".error-status")).to_have_text(str(status))
    expect(heading(page)).to_have_text(title)
    expect(page.locator(".error-id code")).to_have_text(REQUEST_ID)
