"""The REST API of orders: its documents, and what it refuses."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.service.orders.api_caller import ADDRESS, Caller, document
from tests.service.orders.stall import Stall

At = Callable[[str | None], Caller]


@pytest.fixture
def bruno(at_api: At) -> Caller:
    return at_api("bruno")


@pytest.fixture
def ana(at_api: At) -> Caller:
    return at_api("ana")


@pytest.fixture
def carla(at_api: At) -> Caller:
    return at_api("carla")


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, document(answer)["code"]


def test_delivery_options_are_listed_for_everyone(at_api: At) -> None:
    answer = document(at_api(None).call("GET", "/delivery-options?country=EC"))

    assert answer["items"][0] == {
        "id": 4,
        "carrier": "Servientrega",
        "coverage": "national",
        "price": {"amount": "15.00", "currency": "USD"},
        "days": 4,
    }
    assert [option["carrier"] for option in answer["items"]] == ["Servientrega", "Envia", "FedEx", "DHL"]
    abroad = document(at_api(None).call("GET", "/delivery-options?country=PE"))
    assert [option["carrier"] for option in abroad["items"]] == ["FedEx", "DHL"]


def test_an_order_says_what_it_costs_and_until_when_to_pay(bruno: Caller) -> None:
    answer = bruno.order((1, 2), (3, 1))

    order = document(answer)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/orders/{order['reference']}"
    assert order["status"] == "awaiting_payment"
    assert order["items_total"] == {"amount": "45.00", "currency": "USD"}
    assert order["delivery_price"] == {"amount": "15.00", "currency": "USD"}
    assert order["total"] == {"amount": "60.00", "currency": "USD"}
    assert [(line["title"], line["quantity"], line["total"]["amount"]) for line in order["lines"]] == [
        ("Pedro Páramo", 2, "25.00"),
        ("Sab", 1, "20.00"),
    ]
    assert order["delivery"]["address"] == ADDRESS | {"extra": "", "phone": ""}
    assert [step["name"] for step in order["timeline"]] == ["placed"]
    assert order["pay_by"] > order["placed_at"]
    assert document(bruno.call("GET", f"/{order['reference']}")) == order


def test_the_whole_purchase(bruno: Caller, ana: Caller, stall: Stall) -> None:
    reference = bruno.ordered((1, 1))

    paid = bruno.pay(reference)
    assert paid.status_code == 201
    assert {name: document(paid)[name] for name in ("status", "method", "reference", "order_status")} == {
        "status": "captured",
        "method": "card",
        "reference": reference,
        "order_status": "paid",
    }

    (sale,) = document(ana.call("GET", "/sales?to_ship=true"))["items"]
    assert sale["address"]["street"] == "Calle Larga 1-23"
    assert sale["reference"] == reference
    shipped = ana.call("POST", f"/sales/{sale['id']}/ship", {"tracking_number": "DHL 1234"})
    assert (shipped.status_code, document(shipped)["status"]) == (200, "shipped")
    received = bruno.call("POST", f"/{reference}/shipments/{sale['id']}/received")
    assert (received.status_code, document(received)["status"]) == (200, "received")

    order = document(bruno.call("GET", f"/{reference}"))
    assert order["status"] == "delivered"
    assert [step["name"] for step in order["timeline"]] == ["placed", "paid", "shipped", "delivered"]
    assert order["shipments"][0]["tracking_number"] == "DHL 1234"
    assert stall.money() == (2750, 0)


def test_no_token_ever_comes_out(bruno: Caller) -> None:
    reference = bruno.ordered((1, 1))
    bruno.pay(reference, "tok_timeout")

    text = bruno.call("GET", f"/{reference}").get_data(as_text=True)
    assert "tok_timeout" not in text
    assert "authorizing" in text


@pytest.mark.parametrize("field", ["price", "amount", "total", "delivery_price", "currency", "status"])
def test_a_price_from_the_client_is_refused(bruno: Caller, stall: Stall, field: str) -> None:
    cheap: Any = {"amount": "0.01", "currency": "USD"}

    answer = bruno.order((1, 1), **{field: cheap})

    assert answer.status_code == 422
    assert document(answer)["errors"] == [{"field": f"json.{field}", "message": "Unknown field."}]
    assert stall.catalog.copies(1) == (3, 0, 0)


@pytest.mark.parametrize("field", ["price", "seller_id", "title"])
def test_a_price_in_a_line_is_refused(bruno: Caller, stall: Stall, field: str) -> None:
    line = {"listing_id": 1, "quantity": 1, field: "0.01"}

    answer = bruno.order(lines=[line])

    assert answer.status_code == 422
    assert document(answer)["errors"][0]["field"] == f"json.lines.0.{field}"
    assert stall.catalog.copies(1) == (3, 0, 0)


@pytest.mark.parametrize("field", ["amount", "currency", "status", "price"])
def test_an_amount_in_a_payment_is_refused(bruno: Caller, stall: Stall, field: str) -> None:
    reference = bruno.ordered((1, 1))

    answer = bruno.pay(reference, **{field: "0.01"})

    assert answer.status_code == 422
    assert stall.money() == (0, 0)
    assert stall.find(reference).payments == []


@pytest.mark.parametrize(
    "quantity", [0, -1, 101, 10**12, 10**40, 1.0, 1.5, "1", "", True, None, [1], {"a": 1}]
)
def test_a_quantity_is_a_whole_number_from_1_to_100(bruno: Caller, stall: Stall, quantity: Any) -> None:
    answer = bruno.order((1, quantity))

    assert answer.status_code == 422
    assert document(answer)["errors"][0]["field"] == "json.lines.0.quantity"
    assert stall.catalog.copies(1) == (3, 0, 0)


@pytest.mark.parametrize("listing_id", [0, -1, 2**63, "1", 1.0, True, None])
def test_a_listing_id_is_a_positive_whole_number(bruno: Caller, stall: Stall, listing_id: Any) -> None:
    answer = bruno.order(lines=[{"listing_id": listing_id, "quantity": 1}])

    assert answer.status_code == 422


def test_an_unknown_listing_is_out_of_stock(bruno: Caller) -> None:
    answer = bruno.order((2**63 - 1, 1), (1, 1))

    assert code(answer) == (409, "out_of_stock")
    assert document(answer)["listing_ids"] == [2**63 - 1]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"country": "ZZ"}, "country"),
        ({"country": "Ecuador"}, "country"),
        ({"name": "  "}, "name"),
        ({"city": "a\u0000b"}, "city"),
        ({"street": "x" * 201}, "street"),
        ({"planet": "Earth"}, "planet"),
    ],
)
def test_an_address_that_cannot_be_is_refused_beside_its_field(
    bruno: Caller, stall: Stall, change: dict[str, str], field: str
) -> None:
    answer = bruno.order((1, 1), delivery={"option_id": 4, "address": ADDRESS | change})

    assert answer.status_code == 422
    assert document(answer)["errors"][0]["field"] == f"json.delivery.address.{field}"
    assert stall.catalog.copies(1) == (3, 0, 0)


def test_a_delivery_that_is_not_offered_is_refused(bruno: Caller, stall: Stall) -> None:
    for delivery in (
        {"option_id": 99, "address": ADDRESS},
        {"option_id": 4, "address": ADDRESS | {"country": "PE"}},
        {"option_id": 2**63 - 1, "address": ADDRESS},
    ):
        assert code(bruno.order((1, 1), delivery=delivery)) == (422, "delivery_not_offered")
    assert stall.catalog.copies(1) == (3, 0, 0)


def test_nobody_orders_their_own_books(ana: Caller, stall: Stall) -> None:
    assert code(ana.order((1, 1))) == (409, "own_listing")
    assert stall.catalog.copies(1) == (3, 0, 0)


def test_the_same_key_gives_the_same_answer_to_the_letter(bruno: Caller, stall: Stall) -> None:
    first = bruno.order((1, 1), key="once")
    again = bruno.order((1, 1), key="once")

    assert (again.status_code, again.data) == (201, first.data)
    assert stall.catalog.copies(1) == (2, 1, 0)
    assert code(bruno.order((1, 2), key="once")) == (422, "idempotency_key_reused")


def test_the_same_key_pays_once_and_a_decline_stays_declined(bruno: Caller, stall: Stall) -> None:
    reference = bruno.ordered((1, 1))
    assert code(bruno.pay(reference, "tok_declined", key="first")) == (402, "payment_declined")
    assert code(bruno.pay(reference, "tok_declined", key="first")) == (402, "payment_declined")

    first = bruno.pay(reference, key="second")
    assert bruno.pay(reference, key="second").data == first.data
    assert code(bruno.pay(reference, "tok_declined", key="second")) == (422, "idempotency_key_reused")
    assert code(bruno.pay(reference, key="third")) == (409, "not_payable")
    assert stall.money() == (2750, 0)


@pytest.mark.parametrize("token", ["tok_timeout", "tok_error"])
def test_a_silent_gateway_is_told_and_the_same_key_goes_on(bruno: Caller, stall: Stall, token: str) -> None:
    reference = bruno.ordered((1, 1))

    assert code(bruno.pay(reference, token, key="the key")) == (503, "gateway_error")
    again = bruno.pay(reference, token, key="the key")

    if token == "tok_timeout":
        assert (again.status_code, document(again)["status"]) == (201, "captured")
        assert stall.money() == (2750, 0)
    else:
        assert code(again) == (503, "gateway_error")
        assert stall.money() == (0, 0)


@pytest.mark.parametrize("key", [None, "", "  ", "ñandú", "x" * 256])
def test_changing_calls_need_a_key(bruno: Caller, stall: Stall, key: str | None) -> None:
    body = {
        "lines": [{"listing_id": 1, "quantity": 1}],
        "delivery": {"option_id": 4, "address": ADDRESS},
    }

    assert code(bruno.call("POST", "", body, key=key)) == (400, "idempotency_key_required")
    assert stall.catalog.copies(1) == (3, 0, 0)


def test_a_card_needs_a_token_and_a_transfer_does_not(bruno: Caller, stall: Stall) -> None:
    reference = bruno.ordered((1, 1))
    refused = bruno.call("POST", f"/{reference}/payments", {"method": "card"}, key="a")
    assert document(refused)["errors"][0]["field"] == "json.token"

    pending = bruno.call("POST", f"/{reference}/payments", {"method": "bank_transfer"}, key="b")
    assert (pending.status_code, document(pending)["status"]) == (201, "pending")
    assert stall.money() == (0, 0)


def test_an_unknown_method_is_refused(bruno: Caller, stall: Stall) -> None:
    reference = bruno.ordered((1, 1))

    assert bruno.pay(reference, method="cash").status_code == 422
    assert stall.find(reference).payments == []


def test_canceling_refunds_and_says_so(bruno: Caller, stall: Stall) -> None:
    reference = bruno.ordered((1, 1))
    bruno.pay(reference)

    answer = bruno.call("POST", f"/{reference}/cancel")

    assert (answer.status_code, document(answer)["status"]) == (200, "refunded")
    assert document(answer)["payments"][0]["status"] == "refunded"
    assert bruno.call("POST", f"/{reference}/cancel").status_code == 200
    assert stall.money() == (2750, 2750)


def test_canceling_after_shipping_is_refused(bruno: Caller, ana: Caller, stall: Stall) -> None:
    reference = bruno.ordered((1, 1))
    bruno.pay(reference)
    shipment = stall.find(reference).shipments[0].id
    ana.call("POST", f"/sales/{shipment}/ship", {"tracking_number": "DHL 1234"})

    assert code(bruno.call("POST", f"/{reference}/cancel")) == (409, "cannot_cancel")
    assert stall.money() == (2750, 0)


def test_a_stranger_finds_nothing_of_somebody_elses_order(bruno: Caller, carla: Caller, stall: Stall) -> None:
    reference = bruno.ordered((1, 1))
    bruno.pay(reference)
    shipment = stall.find(reference).shipments[0].id
    before = bruno.call("GET", f"/{reference}").data

    for answer in (
        carla.call("GET", f"/{reference}"),
        carla.pay(reference),
        carla.call("POST", f"/{reference}/cancel"),
        carla.call("POST", f"/{reference}/shipments/{shipment}/received"),
        carla.call("POST", f"/sales/{shipment}/ship", {"tracking_number": "STOLEN"}),
    ):
        assert code(answer) == (404, "not_found")
    assert document(carla.call("GET", ""))["items"] == []
    assert document(carla.call("GET", "/sales"))["items"] == []
    assert bruno.call("GET", f"/{reference}").data == before


def test_a_seller_does_not_see_the_order_nor_can_pay_or_cancel_it(
    bruno: Caller, ana: Caller, stall: Stall
) -> None:
    reference = bruno.ordered((1, 1))

    assert code(ana.call("GET", f"/{reference}")) == (404, "not_found")
    assert code(ana.pay(reference)) == (404, "not_found")
    assert code(ana.call("POST", f"/{reference}/cancel")) == (404, "not_found")
    assert document(ana.call("GET", "/sales"))["items"] == []
    assert stall.find(reference).status == "awaiting_payment"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("POST", ""),
        ("GET", "/BS-0000-0000-00"),
        ("POST", "/BS-0000-0000-00/payments"),
        ("POST", "/BS-0000-0000-00/cancel"),
        ("POST", "/BS-0000-0000-00/shipments/1/received"),
        ("GET", "/sales"),
        ("POST", "/sales/1/ship"),
    ],
)
def test_who_is_not_logged_in_is_asked_to_be(at_api: At, method: str, path: str) -> None:
    answer = at_api(None).call(method, path, {} if method == "POST" else None, key="a")

    assert code(answer) == (401, "sign_in_required")


def test_the_buyers_orders_come_newest_first_page_by_page(bruno: Caller, carla: Caller) -> None:
    references = [bruno.ordered((2, 1)) for _ in range(5)]
    carla.ordered((1, 1))

    first = document(bruno.call("GET", "?limit=3"))
    second = document(bruno.call("GET", f"?limit=3&cursor={first['next_cursor']}"))

    found = [order["reference"] for page in (first, second) for order in page["items"]]
    assert found == references[::-1]
    assert second["next_cursor"] is None


@pytest.mark.parametrize("cursor", ["nonsense", "WyJhIl0", "W3RydWVd", "WzEsMl0"])
def test_a_cursor_of_ones_own_making_is_refused(bruno: Caller, cursor: str) -> None:
    assert code(bruno.call("GET", f"?cursor={cursor}"))[0] in {400, 422}
    assert code(bruno.call("GET", f"/sales?cursor={cursor}"))[0] in {400, 422}


@pytest.mark.parametrize("shipment", ["0", "-1", str(2**63), "9999", "1.5", "x"])
def test_a_shipment_that_is_none_is_not_found(bruno: Caller, shipment: str) -> None:
    answer = bruno.call("POST", f"/sales/{shipment}/ship", {"tracking_number": "DHL 1234"})

    assert answer.status_code == 404


@pytest.mark.parametrize("number", ["", "ab", "x" * 41, "<b>bold</b>", None, 12345])
def test_a_tracking_number_is_a_short_plain_text(
    bruno: Caller, ana: Caller, stall: Stall, number: Any
) -> None:
    reference = bruno.ordered((1, 1))
    bruno.pay(reference)
    shipment = stall.find(reference).shipments[0].id

    assert ana.call("POST", f"/sales/{shipment}/ship", {"tracking_number": number}).status_code == 422
    assert stall.find(reference).shipments[0].status == "waiting"


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'"text"', b"\xff\xfe"])
def test_a_body_that_is_not_what_it_should_be_is_refused(bruno: Caller, body: bytes) -> None:
    answer = bruno.client.post(
        "/api/v1/orders",
        data=body,
        content_type="application/json",
        headers={
            "Authorization": bruno.call("GET", "").request.headers["Authorization"],
            "Idempotency-Key": "x",
        },
    )

    assert answer.status_code in {400, 422}
    assert answer.mimetype == "application/problem+json"
