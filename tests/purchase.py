"""A purchase by the API as every deployment of the shop must carry it out."""

from tests.cluster.live_shop import ApiClient


def buy_one_of_two(ana: ApiClient, bruno: ApiClient, listing: int) -> str:
    """Bruno orders one of the two copies that Ana offers and pays, each step twice; she sees nothing of his.

    The reference of his order.
    """
    placed = bruno.place_order(listing, "order-1")
    assert placed.status_code == 201, placed.text
    reference = placed.json()["reference"]
    assert bruno.place_order(listing, "order-1").json()["reference"] == reference
    paid = bruno.pay(reference, "pay-1")

    assert (paid.status_code, paid.json()["status"]) == (201, "captured")
    assert bruno.pay(reference, "pay-1").json() == paid.json()
    assert bruno.http.get(f"/orders/{reference}").json()["status"] == "paid"
    assert ana.http.get(f"/catalog/listings/{listing}").json()["copies_available"] == 1
    assert ana.http.get(f"/orders/{reference}").status_code == 404
    return str(reference)
