"""The checkout: address, carrier, a last look, and exactly one order at the total that was seen."""

from collections.abc import Callable
from threading import Barrier, Thread
from unittest.mock import ANY

import pytest
from sqlalchemy import select

from bookstore.orders import cart
from bookstore.orders.cart import CartOwner
from bookstore.orders.models import Order
from bookstore.orders.order_status import OrderStatus
from tests.service.orders.stall import HOME, Stall
from tests.service.orders_pages.browser import Browser
from tests.service.orders_pages.buying import ADDRESS, DHL, SERVIENTREGA, order, review


def orders(stall: Stall) -> list[Order]:
    with stall.database.reading() as session:
        return list(session.scalars(select(Order).order_by(Order.id)))


def copies_in_cart(stall: Stall, user_id: str = "bruno") -> int:
    with stall.database.reading() as session:
        return sum(line.quantity for line in cart.lines(session, CartOwner(user_id=user_id)))


def test_a_visitor_logs_in_first_and_comes_back(visitor: Browser) -> None:
    answer = visitor.client.get("/orders/checkout")
    assert answer.status_code == 302
    assert answer.location == "/accounts/login?next=/orders/checkout"


def test_an_empty_cart_cannot_be_ordered(bruno: Browser, stall: Stall) -> None:
    for path in ("/orders/checkout", "/orders/checkout/review"):
        bruno.open(path)
        assert bruno.path == "/orders/cart"
    assert bruno.post("/orders/checkout", option_id=SERVIENTREGA, **ADDRESS).status_code == 303
    assert bruno.post("/orders/checkout/place", reference="BS-X", seen="x").status_code == 303
    assert orders(stall) == []


def test_the_carriers_are_shown_with_their_prices_and_reach(bruno: Browser) -> None:
    bruno.post("/orders/cart", listing_id=1, quantity=1)
    bruno.open("/orders/checkout")
    said = bruno.text()
    for carrier, price in (
        ("DHL", "$50.00"),
        ("FedEx", "$45.00"),
        ("Envia", "$20.00"),
        ("Servientrega", "$15.00"),
    ):
        assert f"{carrier} " in said
        assert price in said
    assert "Within Ecuador only, 4 days at most" in said
    assert "To every country, 5 days at most" in said


def test_the_last_look_shows_sellers_delivery_and_total(bruno: Browser) -> None:
    review(bruno, (1, 2), (3, 1), option=DHL)
    said = bruno.text()
    assert "From Ana Sells" in said
    assert "From Carla Strange" in said
    assert "Calle Larga 1-23" in said
    assert "Ecuador" in said
    assert "DHL, within 5 days" in said
    assert "3 copies $45.00 Delivery $50.00 Total $95.00" in said


def test_a_placed_order_is_what_was_shown_and_empties_the_cart(bruno: Browser, stall: Stall) -> None:
    reference = order(bruno, (1, 2), (3, 1))
    (placed,) = orders(stall)
    assert placed.reference == reference
    assert placed.total_minor == 2 * 1250 + 2000 + 1500
    assert placed.address == HOME
    assert placed.status is OrderStatus.AWAITING_PAYMENT
    assert copies_in_cart(stall) == 0
    assert bruno.cookie("bookstore_cart_count") == "0"
    assert stall.catalog.copies(1) == (1, 2, 0)
    stall.assert_sound()


def test_the_address_of_the_last_order_is_filled_in(bruno: Browser) -> None:
    order(bruno, (1, 1))
    bruno.post("/orders/cart", listing_id=2, quantity=1)
    bruno.open("/orders/checkout")
    assert bruno.fields("/orders/checkout")["street"] == "Calle Larga 1-23"
    assert bruno.fields("/orders/checkout")["option_id"] == SERVIENTREGA


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": ""}, "Who is to receive the books?"),
        ({"street": "   "}, "Which street and number?"),
        ({"city": ""}, "Which city or town?"),
        ({"city": "x" * 121}, "At most 120 characters, please."),
        ({"street": "Calle \x07 1"}, "This contains characters that cannot be printed on a label."),
        ({"postal_code": "<script>"}, "Letters, digits, blanks and hyphens only."),
        ({"phone": "call me"}, "This is not a telephone number."),
        ({"country": "XX"}, "Choose the country of the address."),
        ({"country": ""}, "Choose the country of the address."),
        ({"option_id": "99"}, "Choose who is to bring the books."),
        ({"option_id": "x"}, "Choose who is to bring the books."),
        ({"country": "PE"}, "Servientrega delivers within Ecuador only."),
    ],
)
def test_a_wrong_address_is_said_beside_its_field(
    bruno: Browser, stall: Stall, wrong: dict[str, str], message: str
) -> None:
    bruno.post("/orders/cart", listing_id=1, quantity=1)
    bruno.open("/orders/checkout")
    answer = bruno.fill("/orders/checkout", **{**ADDRESS, "option_id": SERVIENTREGA, **wrong})
    assert answer.status_code == 422
    assert message in bruno.text()
    assert "is-invalid" in bruno.page
    with stall.database.reading() as session:
        assert cart.delivery(session, CartOwner(user_id="bruno")) is None


def test_two_clicks_on_the_button_place_one_order(bruno: Browser, stall: Stall) -> None:
    review(bruno, (1, 2))
    first, second = bruno.send("/orders/checkout/place"), bruno.send("/orders/checkout/place")
    (placed,) = orders(stall)
    assert first.location == second.location == f"/orders/{placed.reference}/pay"
    assert stall.catalog.copies(1) == (1, 2, 0)


def test_two_clicks_at_the_same_time_place_one_order(bruno: Browser, stall: Stall) -> None:
    review(bruno, (1, 2))
    fields = bruno.fields("/orders/checkout/place")
    start, answers = Barrier(4), []

    def click() -> None:
        client = bruno.app.test_client()
        for name in ("bookstore_token", "bookstore_form"):
            client.set_cookie(name, bruno.cookie(name) or "")
        start.wait()
        answers.append(client.post("/orders/checkout/place", data=fields))

    threads = [Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (placed,) = orders(stall)
    told = [(answer.status_code, answer.location) for answer in answers]
    assert told == [(303, f"/orders/{placed.reference}/pay")] * 4
    assert stall.catalog.copies(1) == (1, 2, 0)
    assert copies_in_cart(stall) == 0
    stall.assert_sound()


def test_a_second_click_does_not_take_out_what_came_into_the_cart_meanwhile(
    bruno: Browser, stall: Stall
) -> None:
    review(bruno, (2, 1))
    bruno.send("/orders/checkout/place")
    bruno.post("/orders/cart", listing_id=2, quantity=2)
    bruno.send("/orders/checkout/place")
    assert len(orders(stall)) == 1
    assert copies_in_cart(stall) == 2


def test_the_same_books_can_be_ordered_again(bruno: Browser, stall: Stall) -> None:
    assert order(bruno, (2, 1)) != order(bruno, (2, 1))
    assert len(orders(stall)) == 2


def test_a_price_that_rose_since_the_last_look_orders_nothing(bruno: Browser, stall: Stall) -> None:
    review(bruno, (1, 2))
    stall.catalog.change(1, price="15.00")
    answer = bruno.fill("/orders/checkout/place")
    assert answer.status_code == 409
    assert "The price changed from $12.50 to $15.00." in bruno.text()
    assert orders(stall) == []
    assert stall.catalog.copies(1) == (3, 0, 0)
    bruno.fill("/orders/checkout/accept")
    assert "Total $45.00" in bruno.text()
    bruno.fill("/orders/checkout/place")
    assert [placed.total_minor for placed in orders(stall)] == [4500]


def test_copies_that_ran_out_since_the_last_look_order_nothing(bruno: Browser, stall: Stall) -> None:
    review(bruno, (1, 3), (2, 1))
    stall.catalog.change(1, available=1)
    assert bruno.fill("/orders/checkout/place").status_code == 409
    assert "Only 1 copy is left." in bruno.text()
    assert orders(stall) == []
    bruno.fill("/orders/checkout/accept")
    bruno.fill("/orders/checkout/place")
    assert [placed.total_minor for placed in orders(stall)] == [1250 + 800 + 1500]


def test_a_line_added_in_another_tab_is_shown_before_it_is_ordered(bruno: Browser, stall: Stall) -> None:
    review(bruno, (1, 1))
    bruno.post("/orders/cart", listing_id=2, quantity=1)
    assert bruno.fill("/orders/checkout/place").status_code == 409
    assert orders(stall) == []
    assert "Rayuela" in bruno.page
    bruno.fill("/orders/checkout/place")
    assert [placed.total_minor for placed in orders(stall)] == [1250 + 800 + 1500]


def test_an_address_changed_in_another_tab_is_shown_before_it_is_used(bruno: Browser, stall: Stall) -> None:
    review(bruno, (1, 1))
    fields = bruno.fields("/orders/checkout/place")
    bruno.post("/orders/checkout", option_id=SERVIENTREGA, **{**ADDRESS, "street": "Gran Colombia 4"})
    assert bruno.post("/orders/checkout/place", **fields).status_code == 409
    assert orders(stall) == []


def test_a_price_that_rises_in_the_very_moment_of_the_order_orders_nothing(
    bruno: Browser, stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    review(bruno, (1, 1))
    reserve = stall.catalog.reserve

    def rival(*arguments: object) -> object:
        stall.catalog.change(1, price="99.00")
        return reserve(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(stall.catalog, "reserve", rival)
    assert bruno.fill("/orders/checkout/place").status_code == 409
    assert orders(stall) == []
    assert stall.catalog.copies(1) == (3, 0, 0)
    monkeypatch.undo()
    bruno.fill("/orders/checkout/accept")
    bruno.fill("/orders/checkout/place")
    assert [placed.total_minor for placed in orders(stall)] == [9900 + 1500]


def test_the_last_copy_bought_in_the_very_moment_of_the_order_is_said(
    bruno: Browser, stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    review(bruno, (1, 3))
    reserve = stall.catalog.reserve

    def rival(*arguments: object) -> object:
        stall.catalog.change(1, available=0)
        return reserve(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(stall.catalog, "reserve", rival)
    assert bruno.fill("/orders/checkout/place").status_code == 409
    assert "Sold out" in bruno.text()
    assert orders(stall) == []


@pytest.mark.parametrize(
    "cheat", [{"total": "0.01"}, {"price": "0"}, {"delivery_price": "0"}, {"quantity": "9"}]
)
def test_amounts_sent_along_are_ignored(bruno: Browser, stall: Stall, cheat: dict[str, str]) -> None:
    review(bruno, (1, 1))
    bruno.fill("/orders/checkout/place", **cheat)
    assert [placed.total_minor for placed in orders(stall)] == [2750]


@pytest.mark.parametrize("forged", [{"seen": "0" * 64}, {"seen": ""}, {"reference": "BS-0000-0000-00"}])
def test_a_forged_form_orders_nothing(bruno: Browser, stall: Stall, forged: dict[str, str]) -> None:
    review(bruno, (1, 1))
    assert bruno.fill("/orders/checkout/place", **forged).status_code == 409
    assert orders(stall) == []
    assert copies_in_cart(stall) == 1


def test_the_reference_of_somebody_elses_order_opens_nothing(
    bruno: Browser, carla: Browser, stall: Stall
) -> None:
    reference = order(bruno, (1, 1))
    review(carla, (2, 1))
    answer = carla.send("/orders/checkout/place", reference=reference)
    assert answer.status_code == 409
    assert [placed.buyer_id for placed in orders(stall)] == ["bruno"]
    assert copies_in_cart(stall, "carla") == 1


def test_while_the_catalog_is_away_nothing_is_ordered_and_nothing_is_lost(
    bruno: Browser, stall: Stall
) -> None:
    review(bruno, (1, 1))
    with stall.catalog.outage():
        answer = bruno.fill("/orders/checkout/place")
        assert answer.status_code == 503
        assert "The catalog is away right now." in bruno.text()
        assert "Try again" in bruno.text()
    assert orders(stall) == []
    bruno.open("/orders/checkout/review")
    bruno.fill("/orders/checkout/place")
    assert [placed.reference for placed in orders(stall)] == [ANY]


def test_ones_own_book_put_into_the_cart_as_a_visitor_cannot_be_ordered(
    visitor: Browser, ana: Browser, stall: Stall
) -> None:
    visitor.post("/orders/cart", listing_id=1, quantity=1)
    visitor.log_in(ana.cookie("bookstore_token") or "")
    visitor.open("/orders/checkout")
    assert visitor.path == "/orders/cart"
    assert "You cannot buy your own listing." in visitor.text()
    assert orders(stall) == []


def test_the_checkout_speaks_spanish(browser_of: Callable[..., Browser], stall: Stall) -> None:
    bruno = browser_of("bruno", locale="es")
    review(bruno, (1, 1))
    said = bruno.text()
    assert "Revisa y pide" in said
    assert "De Ana Sells" in said
    bruno.fill("/orders/checkout/place")
    assert [placed.locale for placed in orders(stall)] == ["es"]
