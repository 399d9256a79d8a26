"""A shop in full swing: offers with photos, orders in every state, carts that changed. For looking at each page."""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect
from sqlalchemy import select

from bookstore.orders.models import Order
from bookstore.shared.database import Database
from tests.cluster.live_shop import ApiClient, LiveShop
from tests.journeys.photos import photo
from tests.journeys.steps import add_to_cart, fill_delivery, log_in
from tests.journeys.windows import Windows

SETTLE_SECONDS = 30
LONG_TITLE = "Relación verdadera de los maravillosos sucesos que acaecieron en la muy noble ciudad de Cuenca"


@dataclass
class World:
    """Who is there, each with a window, and what there is to see: addresses and references by name."""

    ORDERS: ClassVar = (
        "awaiting",
        "declined",
        "under_way",
        "transfer",
        "paid",
        "shipped",
        "delivered",
        "canceled",
        "refunded",
        "expired",
    )

    pages: dict[str, Page] = field(default_factory=dict)
    books: dict[str, str] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    listings: dict[str, int] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    photo_path: str = ""
    reset_path: str = ""


def build(live: LiveShop, windows: Windows, admin_email: str) -> World:
    """Fill the shop with people, offers and orders, as they would have done it themselves."""
    world = World()
    api = {name: ApiClient(live, f"{name}-of-the-world") for name in ("ana", "bruno", "carla", "nora", "eva")}
    world.users = {name: client.http.get("/accounts/users/me").json()["id"] for name, client in api.items()}
    for name in ("ana", "bruno", "carla", "nora"):
        world.pages[name] = _window(windows, api[name].email)
    world.pages["ada"] = _window(windows, admin_email)
    world.pages["visitor"] = windows.open(reduced_motion="reduce")
    _offer_books(world, api["ana"], api["carla"])
    _place_orders(world, live, api)
    _fill_carts(world, api["ana"])
    _ban(world.pages["ada"], world.users["eva"])
    world.reset_path = _forget_password(world.pages["visitor"], world.pages["ada"], api["nora"].email)
    return world


def _window(windows: Windows, email: str) -> Page:
    page = windows.open(reduced_motion="reduce")
    log_in(page, email)
    return page


def _offer_books(world: World, ana: ApiClient, carla: ApiClient) -> None:
    world.listings = {
        "lantern": ana.offer("The Lantern of the Andes", "12.50", copies=60),
        "long": ana.offer(LONG_TITLE, "1234.50", copies=40),
        "withdrawn": ana.offer("El libro retirado", "5.00", copies=3),
        "dearer": ana.offer("La novela encarecida", "10.00", copies=9),
        "scarce": ana.offer("El penúltimo ejemplar", "8.00", copies=2),
        "carla": carla.offer("Cuentos de la otra orilla", "7.25", copies=50),
    }
    path = f"/catalog/listings/{world.listings['lantern']}/photo"
    world.photo_path = ana.http.put(path, content=photo()).raise_for_status().json()["photo_url"]
    for name, listing_id in world.listings.items():
        book_id = ana.http.get(f"/catalog/listings/{listing_id}").raise_for_status().json()["book_id"]
        book = ana.http.get(f"/catalog/books/{book_id}").raise_for_status().json()
        world.books[name] = book["url"]


def _place_orders(world: World, live: LiveShop, api: dict[str, ApiClient]) -> None:
    bruno = api["bruno"]

    def place(name: str, *listings: str) -> str:
        lines = [{"listing_id": world.listings[listing], "quantity": 2} for listing in listings]
        delivery = {"option_id": bruno.delivery(), "address": ADDRESS}
        body = {"lines": lines, "delivery": delivery}
        placed = bruno.http.post("/orders", json=body, headers={"Idempotency-Key": name}).raise_for_status()
        world.orders[name] = placed.json()["reference"]
        return world.orders[name]

    def place_and_pay(name: str, *listings: str) -> str:
        reference = place(name, *listings)
        bruno.pay(reference, name).raise_for_status()
        return reference

    place("expired", "lantern")
    _let_time_run_out(live, world.orders["expired"])
    place_and_pay("delivered", "lantern", "carla")
    _ship_all(api["ana"], api["carla"])
    for shipment in bruno.http.get(f"/orders/{world.orders['delivered']}").json()["shipments"]:
        path = f"/orders/{world.orders['delivered']}/shipments/{shipment['id']}/received"
        bruno.http.post(path).raise_for_status()
    place_and_pay("shipped", "long")
    _ship_all(api["ana"])
    place_and_pay("paid", "lantern", "carla", "long")
    place_and_pay("refunded", "carla")
    place("canceled", "withdrawn")
    api["ana"].http.delete(f"/catalog/listings/{world.listings['withdrawn']}").raise_for_status()
    for name in ("refunded", "canceled"):
        bruno.http.post(f"/orders/{world.orders[name]}/cancel").raise_for_status()
    bruno.pay(place("declined", "lantern"), "declined", "tok_declined")
    bruno.pay(place("under_way", "lantern"), "under_way", "tok_error")
    transfer = {"method": "bank_transfer", "token": "tok_approved"}
    path = f"/orders/{place('transfer', 'long')}/payments"
    bruno.http.post(path, json=transfer, headers={"Idempotency-Key": "transfer"}).raise_for_status()
    place("awaiting", "lantern", "long")
    _wait_for_status(bruno, world.orders["expired"], "expired")
    _wait_for_status(bruno, world.orders["refunded"], "refunded")


def _let_time_run_out(live: LiveShop, reference: str) -> None:
    """Half an hour passes for this order."""
    database = Database("orders", live.database_url("orders"))
    with database.writing() as session, session.begin():
        order = session.scalars(select(Order).where(Order.reference == reference)).one()
        order.pay_by -= timedelta(hours=1)
    database.close()


def _ship_all(*sellers: ApiClient) -> None:
    for seller in sellers:
        for sale in seller.http.get("/orders/sales", params={"to_ship": "true"}).json()["items"]:
            path = f"/orders/sales/{sale['id']}/ship"
            seller.http.post(path, json={"tracking_number": f"EC-{sale['id']:07}"}).raise_for_status()


def _wait_for_status(buyer: ApiClient, reference: str, status: str) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while (seen := buyer.http.get(f"/orders/{reference}").json()["status"]) != status:
        assert time.monotonic() < deadline, f"order {reference} stays {seen}"
        time.sleep(0.25)


def _fill_carts(world: World, ana: ApiClient) -> None:
    """Carla's cart is ready for the checkout; in Bruno's, each line has changed since he filled it."""
    for name, title in (("carla", "lantern"), ("carla", "long"), ("bruno", "scarce"), ("bruno", "dearer")):
        world.pages[name].goto(world.books[title])
        add_to_cart(world.pages[name], 2)
    world.pages["carla"].goto("/orders/checkout")
    fill_delivery(world.pages["carla"], "Carla Strange")
    expect(world.pages["carla"].get_by_role("button", name="Place the order")).to_be_visible()
    for title, change in (("scarce", {"copies": 1}), ("dearer", {"price": DEARER})):
        ana.http.patch(f"/catalog/listings/{world.listings[title]}", json=change).raise_for_status()


def _ban(ada: Page, user_id: str) -> None:
    ada.goto(f"/accounts/admin/users/{user_id}/ban")
    ada.get_by_role("button", name="Ban ").click()


def _forget_password(visitor: Page, ada: Page, email: str) -> str:
    """Ask for a new password; the path of the link in the mail."""
    visitor.goto("/accounts/reset")
    visitor.get_by_label("E-mail address").fill(email)
    visitor.get_by_role("button", name="Send me a link").click()
    ada.goto("/accounts/admin/mailbox")
    ada.locator(".mail-list a").first.click()
    return urlsplit(ada.locator(".mail-body a").inner_text()).path


DEARER = {"amount": "11.00", "currency": "USD"}
ADDRESS = {
    "name": "Bruno de la Cruz y Montalvo",
    "street": "Avenida de los Libertadores 1234 y Calle Larga",
    "extra": "Edificio El Vado, piso 3, departamento 12",
    "city": "Cuenca",
    "region": "Azuay",
    "postal_code": "010101",
    "country": "EC",
    "phone": "+593 99 123 4567",
}
