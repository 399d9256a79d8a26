"""What people do in the shop, by its pages and its API, whichever app stands behind them."""

import uuid
from typing import Any

from tests.people import Person

ADDRESS = {
    "name": "Bruno Buys",
    "street": "Calle Larga 1-23",
    "city": "Cuenca",
    "region": "Azuay",
    "postal_code": "010101",
    "country": "EC",
}
SERVIENTREGA = 4


def listing_of(title: str, copies: int = 3) -> dict[str, Any]:
    return {
        "book": {"title": title, "authors": "Autora Inventada", "language": "es"},
        "condition": "good",
        "price": {"amount": "12.50", "currency": "USD"},
        "copies": copies,
    }


def offer(seller: Person, title: str = "Pedro Páramo", copies: int = 3) -> int:
    """Publish a listing and return its id."""
    answer = seller.api("POST", "/catalog/listings", json=listing_of(title, copies))
    assert answer.status_code == 201, answer.text
    return int(answer.json["id"])


def place(buyer: Person, listing_id: int) -> str:
    """Place an order of one copy and return its reference."""
    body = {
        "lines": [{"listing_id": listing_id, "quantity": 1}],
        "delivery": {"option_id": SERVIENTREGA, "address": ADDRESS},
    }
    answer = buyer.api("POST", "/orders", json=body, Idempotency_Key=str(uuid.uuid4()))
    assert answer.status_code == 201, answer.text
    return str(answer.json["reference"])


def add_to_cart(buyer: Person, listing_id: int) -> Any:
    """Press the button on the book's page."""
    return send_form(buyer, "/orders/cart", {"listing_id": listing_id, "quantity": 1})


def pay_by_form(buyer: Person, reference: str, key: str | None = None) -> Any:
    """Pay on the order's page."""
    form = {"method": "card", "token": "tok_approved", "key": key or str(uuid.uuid4())}
    return send_form(buyer, f"/orders/{reference}/pay", form)


def send_form(person: Person, path: str, fields: dict[str, Any]) -> Any:
    """Send a form with the token of a page that needs nothing but its own process."""
    page = person.get("/api/docs").text
    _, _, rest = page.partition('name="csrf_token"')
    token = rest.partition('value="')[2].partition('"')[0]
    assert token, "no form token on the page"
    return person.browser.post(path, data={"csrf_token": token, **fields})


def status_of(buyer: Person, reference: str) -> str:
    answer = buyer.api("GET", f"/orders/{reference}")
    assert answer.status_code == 200, answer.text
    return str(answer.json["status"])
