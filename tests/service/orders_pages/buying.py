"""What a buyer does on the pages, step by step."""

from tests.service.orders_pages.browser import Browser

ADDRESS = {
    "name": "Bruno Buys",
    "street": "Calle Larga 1-23",
    "city": "Cuenca",
    "region": "Azuay",
    "postal_code": "010101",
    "country": "EC",
}
# The delivery options of the first start.
DHL, FEDEX, ENVIA, SERVIENTREGA = "1", "2", "3", "4"


def review(browser: Browser, *lines: tuple[int, int], option: str = SERVIENTREGA, **address: str) -> None:
    """Fill the cart, enter the address, and stand before the button that places the order."""
    for listing_id, quantity in lines:
        browser.post("/orders/cart", listing_id=listing_id, quantity=quantity)
    browser.open("/orders/checkout")
    browser.fill("/orders/checkout", option_id=option, **{**ADDRESS, **address})
    assert browser.path == "/orders/checkout/review", browser.text()


def order(browser: Browser, *lines: tuple[int, int]) -> str:
    """Place an order and return its reference."""
    review(browser, *lines)
    browser.fill("/orders/checkout/place")
    reference = browser.path.split("/")[2]
    assert browser.path == f"/orders/{reference}/pay"
    return reference


def pay(browser: Browser, reference: str, token: str = "tok_approved", method: str = "card") -> None:
    """Pay on the page of the order."""
    browser.open(f"/orders/{reference}/pay")
    browser.fill(f"/orders/{reference}/pay", method=method, token=token)
