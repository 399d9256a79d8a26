"""What people do in the shop, in the words of the pages."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.people import PASSWORD


def register(page: Page, name: str, email: str, password: str = PASSWORD) -> None:
    """Make an account through the pages and come in, in whatever language they are."""
    page.goto("/accounts/register")
    _send(page, name=name, email=email, password=password)


def log_in(page: Page, email: str, password: str = PASSWORD, welcome: str = "Welcome") -> None:
    """Come in, from the page that asks for it or from a new one, in whatever language it is."""
    if "/accounts/login" not in page.url:
        page.goto("/accounts/login")
    _send(page, email=email, password=password)
    expect(said(page)).to_contain_text(welcome)


def _send(page: Page, **values: str) -> None:
    """Fill in the only form of the page and send it."""
    form = page.get_by_role("main").locator("form")
    for name, value in values.items():
        form.locator(f"[name={name}]").fill(value)
    form.get_by_role("button").click()


def said(page: Page) -> Locator:
    """What the shop has just said at the top of the page."""
    return page.locator(".flashes")


def heading(page: Page) -> Locator:
    return page.get_by_role("heading", level=1)


def fact(page: Page, name: str) -> Locator:
    """What stands beside a name in a list of facts or totals."""
    return page.locator("dt", has_text=name).first.locator("xpath=following-sibling::dd[1]")


def choose(page: Page, name: str) -> None:
    """Choose an option; its name begins with its title."""
    page.get_by_role("radio", name=re.compile(f"^{re.escape(name)}")).check()


def search(page: Page, words: str, title: str) -> None:
    """Search until the index has the book, which takes it seconds at most, and go to its page."""
    for _ in range(40):
        page.goto("/")
        box = page.get_by_role("main").get_by_role("searchbox")
        box.fill(words)
        box.press("Enter")
        found = page.get_by_role("link", name=title, exact=True)
        if found.count():
            found.click()
            return
        page.wait_for_timeout(250)
    raise AssertionError(f"{words!r} did not find {title!r}")


def add_to_cart(page: Page, quantity: int = 1) -> None:
    """Put copies of the best offer of the book that the page shows into the cart."""
    box = page.locator(".buy-box")
    if quantity > 1:
        box.get_by_label("Quantity").fill(str(quantity))
    box.get_by_role("button", name="Add to cart").click()
    expect(said(page)).to_contain_text("Added to your cart.")


def fill_delivery(page: Page, recipient: str, carrier: str = "Envia") -> None:
    """Say where the books go and who brings them."""
    page.get_by_label("Name of the recipient").fill(recipient)
    page.get_by_label("Street and number").fill("Calle Larga 1-23")
    page.get_by_label("City").fill("Cuenca")
    page.get_by_label("Province, state or region").fill("Azuay")
    page.get_by_label("Postal code").fill("010101")
    page.get_by_label("Country", exact=True).select_option("EC")
    choose(page, carrier)
    page.get_by_role("button", name="Continue").click()


def place_order(page: Page, recipient: str) -> str:
    """From the cart to an order that waits for its payment; its reference."""
    page.goto("/orders/cart")
    page.get_by_role("link", name="Go to the checkout").click()
    fill_delivery(page, recipient)
    page.get_by_role("button", name="Place the order").click()
    expect(heading(page)).to_contain_text("Pay order")
    return heading(page).inner_text().removeprefix("Pay order ")


def pay(page: Page, method: str = "Card", answer: str = "Approved") -> None:
    """Pay as the page offers it; `answer` is what the sandbox is to say."""
    choose(page, method)
    choose(page, answer)
    page.get_by_role("button", name="Pay $").click()


def from_menu(page: Page, entry: str) -> None:
    """Choose an entry of the account menu."""
    page.get_by_role("navigation", name="Main").locator("summary").click()
    page.locator(".menu-sheet").get_by_text(entry, exact=True).click()


def timeline(page: Page) -> list[str]:
    """The steps that the order has made."""
    labels = page.locator(".timeline-step.is-done .timeline-label").all_inner_texts()
    return [label.strip() for label in labels]


def reload_until(page: Page, there: Locator, seconds: int = 30) -> None:
    """Look again and again until the worker has done its part."""
    for _ in range(seconds * 2):
        if there.count():
            return
        page.wait_for_timeout(500)
        page.reload()
    expect(there).to_be_visible()


def buy(page: Page, book_url: str, recipient: str, quantity: int = 1) -> str:
    """The whole purchase by card; the order's reference."""
    page.goto(book_url)
    add_to_cart(page, quantity)
    reference = place_order(page, recipient)
    pay(page)
    expect(said(page)).to_contain_text("Your payment has been received.")
    return reference
