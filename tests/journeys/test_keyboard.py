"""Without a mouse: every step with Tab, Enter, Space and typing, and one always sees where one is."""

import re

from playwright.sync_api import Page, expect

from tests.journeys.people import People, Someone
from tests.journeys.steps import heading, reload_until, said, timeline
from tests.journeys.windows import Windows
from tests.people import PASSWORD

MOST_TABS = 80
# What has the focus: whether an outline is drawn around it or its card, and whether its middle is on the screen with nothing over it.
FOCUS = """it => {
    const outlined = element => {
        const style = getComputedStyle(element);
        return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    };
    const box = it.getBoundingClientRect();
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return {
        outlined: outlined(it) || outlined(it.closest("article, label") ?? it),
        uncovered: top !== null && (it.contains(top) || top.contains(it) || it.labels?.[0]?.contains(top)),
    };
}"""


def test_the_whole_purchase_with_the_keyboard_alone(ana: Someone, people: People, windows: Windows) -> None:
    offer = ana.offer(people.title("Los detectives perdidos"), "12.00")
    bruno = people.register("Bruno")
    page = windows.open()
    page.goto("/")

    tab_to(page, "Skip to the content")
    page.keyboard.press("Enter")
    tab_to(page, "Title, author or ISBN")
    page.keyboard.type(offer.title)
    page.keyboard.press("Enter")
    # The page before may have this book among its newest.
    page.wait_for_url("**/books?q=*")
    reload_until(page, page.get_by_role("link", name=offer.title))
    tab_to(page, offer.title)
    page.keyboard.press("Enter")
    expect(heading(page)).to_have_text(offer.title)
    tab_to(page, "Add to cart")
    page.keyboard.press("Space")
    expect(heading(page)).to_have_text("Your cart")
    tab_to(page, "Go to the checkout")
    page.keyboard.press("Enter")

    expect(heading(page)).to_have_text("Log in")
    type_into(page, "E-mail address", bruno.email)
    type_into(page, "Password", PASSWORD)
    page.keyboard.press("Enter")

    expect(heading(page)).to_have_text("Delivery")
    type_into(page, "Street and number", "Calle Larga 1-23")
    type_into(page, "City", "Cuenca")
    type_into(page, "Country", "Ecuador")
    tab_to(page, "Servientrega")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Envia")).to_be_checked()
    tab_to(page, "Continue")
    page.keyboard.press("Enter")
    expect(heading(page)).to_have_text("Check and order")
    tab_to(page, "Place the order")
    page.keyboard.press("Enter")

    expect(heading(page)).to_contain_text("Pay order")
    tab_to(page, "Card")
    tab_to(page, "Approved")
    tab_to(page, "Pay $32.00")
    page.keyboard.press("Enter")
    expect(said(page)).to_have_text("Thank you! Your payment has been received.")
    assert timeline(page) == ["Placed", "Paid"]
    assert ana.stock(offer) == (0, 0, 1)


def test_the_menu_and_a_question_with_the_keyboard_alone(ana: Someone, people: People) -> None:
    offer = ana.offer(people.title("La tregua"), "4.00")
    page = ana.page
    page.goto("/")
    tab_to(page, ana.name)
    page.keyboard.press("Enter")
    tab_to(page, "My orders")
    page.keyboard.press("Escape")
    expect(page.locator(".menu-sheet")).to_be_hidden()
    assert focused(page) == f"{ana.name} Account menu"
    page.keyboard.press("Enter")
    tab_to(page, "My books")
    page.keyboard.press("Enter")

    expect(heading(page)).to_have_text("My books")
    tab_to(page, f"Withdraw {offer.title}")
    page.keyboard.press("Enter")
    tab_to(page, "No, go back")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("row", name=offer.title)).to_contain_text("Active")


def type_into(page: Page, name: str, text: str) -> None:
    """Go to a field and type what shall be in it, instead of what was there."""
    tab_to(page, name)
    if not page.locator(":focus").evaluate("it => it instanceof HTMLSelectElement"):
        page.keyboard.press("Control+A")
    page.keyboard.type(text)


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is called so has the focus; at each stop one must see where one is."""
    stops = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        stop = focused(page)
        stops.append(stop)
        if stop is None:
            continue
        assert page.locator(":focus").evaluate(FOCUS) == {"outlined": True, "uncovered": True}, stop
        if stop.startswith(name):
            return
    raise AssertionError(f"Tab never came to {name!r}, only to {stops}")


def focused(page: Page) -> str | None:
    """What a screen reader calls the element that has the focus; None between the last one and the first."""
    focus = page.locator(":focus")
    if focus.count() == 0:
        return None
    first_line = focus.aria_snapshot().partition("\n")[0]
    named = re.search(r'"((?:[^"\\]|\\.)*)"', first_line)
    return named[1] if named else " ".join(focus.inner_text().split())
