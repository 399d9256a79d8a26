"""The cart's page: for visitors and members, with what has changed, and against cheats."""

import pytest

from bookstore.orders import cart
from bookstore.orders.cart import CartOwner
from bookstore.shared.identity import Identity
from tests.service.orders.stall import Stall
from tests.service.orders_pages.browser import Browser

BRUNO = CartOwner(user_id="bruno")


def contents(stall: Stall, owner: CartOwner = BRUNO) -> dict[int, tuple[int, str]]:
    """Quantity and remembered price of each listing in a cart."""
    with stall.database.reading() as session:
        return {
            line.listing_id: (line.quantity, str(line.price.decimal)) for line in cart.lines(session, owner)
        }


def test_an_empty_cart_says_so_and_leads_to_the_books(visitor: Browser) -> None:
    answer = visitor.open("/orders/cart")
    assert answer.status_code == 200
    assert "Your cart is empty" in visitor.page
    assert 'href="/books"' in visitor.page
    assert visitor.cookie("bookstore_cart") is None


def test_a_visitor_gets_a_cart_that_no_script_can_read(visitor: Browser) -> None:
    answer = visitor.post("/orders/cart", listing_id=1, quantity=2)
    assert answer.status_code == 303
    assert answer.location == "/orders/cart"
    (kept,) = [c for c in answer.headers.getlist("Set-Cookie") if c.startswith("bookstore_cart=")]
    assert "HttpOnly" in kept
    assert "SameSite=Lax" in kept
    assert visitor.cookie("bookstore_cart_count") == "2"
    visitor.open("/orders/cart")
    assert "Pedro Páramo" in visitor.page
    assert "$25.00" in visitor.page


def test_two_visitors_do_not_see_each_others_carts(app, visitor: Browser) -> None:
    visitor.post("/orders/cart", listing_id=1, quantity=1)
    other = Browser(app)
    other.open("/orders/cart")
    assert "Pedro Páramo" not in other.page


def test_a_visitors_cart_is_kept_at_the_login(visitor: Browser, stall: Stall, accounts) -> None:
    visitor.post("/orders/cart", listing_id=1, quantity=1)
    visitor.post("/orders/cart", listing_id=3, quantity=2)
    who = Identity("bruno", "Bruno", "bruno@example.com", "en", "s")
    visitor.log_in(accounts.token(who))
    visitor.open("/orders/cart")
    assert contents(stall) == {1: (1, "12.50"), 3: (2, "20.00")}
    assert visitor.cookie("bookstore_cart") is None
    assert visitor.cookie("bookstore_cart_count") == "3"
    visitor.open("/orders/cart")
    assert contents(stall) == {1: (1, "12.50"), 3: (2, "20.00")}


def test_the_merged_cart_is_counted_on_pages_that_do_not_show_it(visitor: Browser, bruno: Browser) -> None:
    bruno.post("/orders/cart", listing_id=2, quantity=2)
    visitor.post("/orders/cart", listing_id=1, quantity=1)
    visitor.log_in(bruno.cookie("bookstore_token") or "")
    visitor.open("/orders/")
    assert visitor.cookie("bookstore_cart_count") == "3"


def test_quantities_change_lines_go_and_the_cart_is_emptied(bruno: Browser, stall: Stall) -> None:
    bruno.post("/orders/cart", listing_id=1, quantity=1)
    bruno.post("/orders/cart", listing_id=2, quantity=1)
    bruno.open("/orders/cart")
    bruno.fill("/orders/cart/1", quantity="3")
    assert contents(stall) == {1: (3, "12.50"), 2: (1, "8.00")}
    assert bruno.cookie("bookstore_cart_count") == "4"
    bruno.fill("/orders/cart/2/remove")
    assert contents(stall) == {1: (3, "12.50")}
    bruno.fill("/orders/cart/clear")
    assert contents(stall) == {}
    assert bruno.cookie("bookstore_cart_count") == "0"


@pytest.mark.parametrize("quantity", ["0", "-1", "1.5", "1e2", "101", "9" * 30, "", "two", "+1", "1_0"])
def test_a_wrong_quantity_is_refused_beside_the_field(bruno: Browser, stall: Stall, quantity: str) -> None:
    bruno.post("/orders/cart", listing_id=1, quantity=2)
    bruno.open("/orders/cart")
    answer = bruno.fill("/orders/cart/1", quantity=quantity)
    assert answer.status_code == 422
    assert 'aria-describedby="quantity-1-error"' in bruno.page
    assert "The quantity must be a whole number from 1 to 100." in bruno.page
    assert contents(stall) == {1: (2, "12.50")}


@pytest.mark.parametrize("quantity", ["0", "-1", "1.5", "1e2", "101", "9" * 30, "", "two"])
def test_a_wrong_quantity_is_not_added(bruno: Browser, stall: Stall, quantity: str) -> None:
    assert bruno.post("/orders/cart", listing_id=1, quantity=quantity).status_code == 422
    assert contents(stall) == {}


@pytest.mark.parametrize("listing_id", ["99", "0", "-1", "x", "", "9" * 30])
def test_what_is_not_on_sale_is_not_added(bruno: Browser, stall: Stall, listing_id: str) -> None:
    assert bruno.post("/orders/cart", listing_id=listing_id, quantity=1).status_code == 409
    assert contents(stall) == {}


def test_a_price_sent_along_is_ignored(bruno: Browser, stall: Stall) -> None:
    cheat = {"price": "0.01", "price_minor": "1", "amount": "0.01", "total": "0"}
    bruno.post("/orders/cart", listing_id=1, quantity=1, **cheat)
    assert contents(stall) == {1: (1, "12.50")}
    bruno.open("/orders/cart")
    bruno.fill("/orders/cart/1", quantity="2", **cheat)
    assert contents(stall) == {1: (2, "12.50")}
    assert "$25.00" in bruno.page


def test_more_copies_than_there_are_cannot_be_added(bruno: Browser, stall: Stall) -> None:
    bruno.post("/orders/cart", listing_id=1, quantity=2)
    answer = bruno.post("/orders/cart", listing_id=1, quantity=2)
    assert answer.status_code == 409
    assert "only 3 can be bought" in answer.text
    assert contents(stall) == {1: (2, "12.50")}


def test_sellers_cannot_buy_their_own_listing_and_are_led_to_it(ana: Browser, stall: Stall) -> None:
    answer = ana.post("/orders/cart", listing_id=1, quantity=1)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sell/1")
    assert "You cannot buy your own listing." in ana.client.get("/orders/cart").text
    assert contents(stall, CartOwner(user_id="ana")) == {}


def test_a_form_without_its_token_changes_nothing(bruno: Browser, stall: Stall) -> None:
    answer = bruno.client.post("/orders/cart", data={"listing_id": 1, "quantity": 1})
    assert answer.status_code == 400
    assert contents(stall) == {}


def test_the_form_of_a_shared_page_has_no_token_and_the_browser_says_where_it_comes_from(
    bruno: Browser, stall: Stall
) -> None:
    form = {"listing_id": 1, "quantity": 1}
    for said in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-origin"}):
        assert bruno.client.post("/orders/cart", data=form, headers=said).status_code == 400
        assert contents(stall) == {}
    answer = bruno.client.post("/orders/cart", data=form, headers={"Origin": "http://localhost"})
    assert answer.status_code == 303
    assert contents(stall) == {1: (1, "12.50")}


def test_the_form_of_any_other_page_has_both(bruno: Browser, stall: Stall) -> None:
    bruno.post("/orders/cart", listing_id=1, quantity=1)
    answer = bruno.client.post("/orders/cart/1/remove", headers={"Origin": "http://localhost"})
    assert answer.status_code == 400
    assert contents(stall) == {1: (1, "12.50")}


def test_a_line_of_somebody_else_cannot_be_changed(bruno: Browser, carla: Browser, stall: Stall) -> None:
    bruno.post("/orders/cart", listing_id=1, quantity=1)
    assert carla.post("/orders/cart/1", quantity=3).status_code == 404
    carla.post("/orders/cart/1/remove")
    carla.post("/orders/cart/clear")
    assert contents(stall) == {1: (1, "12.50")}


def test_an_address_that_no_database_can_hold_is_not_found(bruno: Browser) -> None:
    assert bruno.post(f"/orders/cart/{2**63}", quantity=1).status_code == 404
    assert bruno.post(f"/orders/cart/{2**63 - 1}", quantity=1).status_code == 404


def test_a_changed_price_and_missing_copies_are_said_and_accepted(bruno: Browser, stall: Stall) -> None:
    for listing_id, quantity in ((1, 3), (2, 1), (3, 1)):
        bruno.post("/orders/cart", listing_id=listing_id, quantity=quantity)
    stall.catalog.change(1, available=2)
    stall.catalog.change(2, price="9.00")
    stall.catalog.change(3, available=0)
    bruno.open("/orders/cart")
    assert "Only 2 copies are left." in bruno.page
    assert "The price changed from $8.00 to $9.00." in bruno.page
    assert "Sold out" in bruno.page
    assert 'href="/orders/checkout"' not in bruno.page
    bruno.fill("/orders/cart/accept")
    assert contents(stall) == {1: (2, "12.50"), 2: (1, "9.00")}
    assert 'href="/orders/checkout"' in bruno.page
    assert "$34.00" in bruno.page


def test_a_withdrawn_listing_is_said(bruno: Browser, stall: Stall) -> None:
    bruno.post("/orders/cart", listing_id=1, quantity=1)
    stall.catalog.withdraw(1)
    bruno.open("/orders/cart")
    assert "No longer for sale." in bruno.page


def test_while_the_catalog_is_away_the_cart_shows_what_it_remembers(bruno: Browser, stall: Stall) -> None:
    bruno.post("/orders/cart", listing_id=1, quantity=2)
    stall.catalog.away = True
    assert bruno.open("/orders/cart").status_code == 200
    assert "The catalog is away right now" in bruno.page
    assert "Pedro Páramo" in bruno.page
    assert "$25.00" in bruno.page
    assert 'href="/orders/checkout"' not in bruno.page
    assert bruno.post("/orders/cart", listing_id=2, quantity=1).status_code == 503
    assert contents(stall) == {1: (2, "12.50")}


def test_the_cart_speaks_spanish(bruno: Browser, stall: Stall) -> None:
    bruno.post("/orders/cart", listing_id=1, quantity=2)
    stall.catalog.change(1, price="13.00")
    bruno.client.set_cookie("bookstore_locale", "es")
    bruno.open("/orders/cart")
    assert '<html lang="es">' in bruno.page
    assert "Tu carrito" in bruno.page
    assert "El precio cambió de 12,50 US$ a 13,00 US$." in bruno.text()
