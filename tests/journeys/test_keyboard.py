"""The whole purchase with the keyboard alone."""

from playwright.sync_api import Page, expect

from tests.journeys.people import People, Someone
from tests.journeys.steps import heading, said, timeline

MOST_TABS = 120

# What a screen reader would call the focused element, roughly: label, text or value.
FOCUSED_NAME = """() => {
    const it = document.activeElement;
    if (!it || it === document.body) return "";
    const label = it.labels && it.labels.length ? it.labels[0].innerText : "";
    return (it.getAttribute("aria-label") || label || it.innerText || it.value || "").replace(/\\s+/g, " ").trim();
}"""
FOCUS_IS_VISIBLE = """() => {
    const it = document.activeElement;
    const look = getComputedStyle(it);
    const outlined = look.outlineStyle !== "none" && parseFloat(look.outlineWidth) > 0;
    return it.matches(":focus-visible") && (outlined || look.boxShadow !== "none");
}"""


def tab_to(page: Page, name: str) -> None:
    """Press Tab until something of this name has the focus, and see that the focus shows."""
    passed = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        passed.append(page.evaluate(FOCUSED_NAME))
        if passed[-1].startswith(name):
            assert page.evaluate(FOCUS_IS_VISIBLE), f"the focus on {name!r} does not show"
            return
    raise AssertionError(f"Tab never came to {name!r}, but to {passed}")


def type_into(page: Page, name: str, text: str) -> None:
    tab_to(page, name)
    page.keyboard.press("Control+A")
    page.keyboard.type(text)


def test_a_purchase_with_the_keyboard_alone(ana: Someone, bruno: Someone, people: People) -> None:
    offer = ana.offer(people.title("Altazor"), "11.00", copies=1)
    page = bruno.page
    page.goto(offer.path)

    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED_NAME) == "Skip to the content"
    page.keyboard.press("Enter")
    tab_to(page, "Add to cart")
    page.keyboard.press("Enter")
    expect(said(page)).to_contain_text("Added to your cart.")
    tab_to(page, "Go to the checkout")
    page.keyboard.press("Enter")

    expect(heading(page)).to_have_text("Delivery")
    for label, text in {
        "Name of the recipient": "Bruno Buys",
        "Street and number": "Calle Larga 1-23",
        "City": "Cuenca",
        "Province, state or region": "Azuay",
        "Postal code": "010101",
    }.items():
        type_into(page, label, text)
    tab_to(page, "Country")
    page.keyboard.type("Ecuador")
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.type") != "radio":
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    for _ in range(10):
        if page.evaluate(FOCUSED_NAME).startswith("Envia"):
            break
        page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.checked")
    tab_to(page, "Continue")
    page.keyboard.press("Enter")

    expect(heading(page)).to_have_text("Check and order")
    tab_to(page, "Place the order")
    page.keyboard.press("Enter")
    expect(heading(page)).to_contain_text("Pay order")
    tab_to(page, "Pay $31.00")
    page.keyboard.press("Enter")

    expect(said(page)).to_contain_text("Your payment has been received.")
    assert timeline(page) == ["Placed", "Paid"]
    assert ana.stock(offer) == (0, 0, 1)
