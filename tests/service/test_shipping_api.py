"""Shipping over the API: the answer tells the seller the parcel and its order as they are now."""

from bookstore.chaos.load import order_of
from tests.people import Person


def test_the_seller_ships_over_the_api_and_is_told_the_order(ana: Person, bruno: Person) -> None:
    shipment = _sell(ana, bruno)

    for _ in range(2):
        shipped = ana.api("POST", f"/orders/sales/{shipment}/ship", {"tracking_number": "EC-0001"})
        assert (shipped.status_code, shipped.json["tracking_number"]) == (200, "EC-0001")
        assert (shipped.json["order_status"], shipped.json["buyer_name"]) == ("shipped", "Bruno Buys")


def test_a_stranger_cannot_ship_it(ana: Person, bruno: Person, carla: Person) -> None:
    shipment = _sell(ana, bruno)

    refused = carla.api("POST", f"/orders/sales/{shipment}/ship", {"tracking_number": "EC-0001"})

    assert (refused.status_code, refused.json["code"]) == (404, "not_found")
    (sale,) = ana.api("GET", "/orders/sales").json["items"]
    assert (sale["order_status"], sale["tracking_number"]) == ("paid", None)


def _sell(ana: Person, bruno: Person) -> int:
    """Ana's shipment of a book that Bruno has paid for."""
    book = {"title": "Huasipungo", "authors": "Jorge Icaza", "language": "es"}
    price = {"amount": "4.00", "currency": "USD"}
    offer = {"book": book, "condition": "good", "price": price, "copies": 1}
    listing = ana.api("POST", "/catalog/listings", offer).json["id"]
    option = bruno.api("GET", "/orders/delivery-options").json["items"][0]["id"]
    placed = bruno.api("POST", "/orders", order_of(listing, 1, option), Idempotency_Key="one")
    payment = {"method": "card", "token": "tok_approved"}
    paid = bruno.api("POST", f"/orders/{placed.json['reference']}/payments", payment, Idempotency_Key="one")
    assert paid.status_code == 201, paid.json
    (sale,) = ana.api("GET", "/orders/sales").json["items"]
    shipment: int = sale["id"]
    return shipment
