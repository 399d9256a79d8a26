"""Every page of the shop, and who looks at it when it shows what.

`LOOKS` names for each route that answers HTML at least one look; a test compares it with the route table, so
that a new page without a look fails.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Page

from tests.journeys.world import World

Act = Callable[[Page], None]
Address = Callable[[World], str]


@dataclass(frozen=True)
class Look:
    """Somebody opens an address, does something there, and the page is looked at as it is then."""

    route: str
    name: str
    who: str
    address: Address
    act: Act = field(default=lambda page: None)

    def __str__(self) -> str:
        return f"{self.route}-{self.name}"


def at(path: str) -> Address:
    return lambda world: path


def book(name: str) -> Address:
    return lambda world: world.books[name]


def order(name: str, page: str = "") -> Address:
    return lambda world: f"/orders/{world.orders[name]}{page}"


def listing(name: str) -> Address:
    return lambda world: f"/sell/{world.listings[name]}"


def user(name: str, page: str) -> Address:
    return lambda world: f"/accounts/admin/users/{world.users[name]}/{page}"


def press(name: str) -> Act:
    """Press the button of the page's own form, which is empty or wrong."""
    return lambda page: page.get_by_role("main").get_by_role("button", name=name).click()


def fill(**values: str) -> Act:
    """Type something into fields, by their names in the form."""

    def type_all(page: Page) -> None:
        for name, value in values.items():
            page.get_by_role("main").locator(f"[name={name}]").fill(value)

    return type_all


def unfold(selector: str) -> Act:
    return lambda page: page.locator(selector).first.click()


def both(first: Act, second: Act) -> Act:
    def act(page: Page) -> None:
        first(page)
        second(page)

    return act


def _clear_country_and_continue(page: Page) -> None:
    for name in ("name", "street", "city"):
        page.locator(f"[name={name}]").fill("")
    page.get_by_label("Country", exact=True).select_option("ES")
    page.get_by_role("radio", name="Envia").check()
    press("Continue")(page)


def _upload(csv: str) -> Act:
    def upload(page: Page) -> None:
        file = {"name": "list.csv", "mimeType": "text/csv", "buffer": csv.encode()}
        page.get_by_label("CSV file").set_input_files(file)
        press("Upload")(page)

    return upload


UPLOADED = """title,authors,condition,price,copies
Libro subido,Autora Inventada,good,4.50,1
Libro caro,Autora Inventada,splendid,-3,0
"""

LOOKS = [
    Look("catalog.home", "visitor", "visitor", at("/")),
    Look("catalog.home", "member with the menu open", "bruno", at("/"), unfold("details.menu summary")),
    Look("catalog.home", "admin with the menu open", "ada", at("/"), unfold("details.menu summary")),
    Look("catalog.browse", "all", "visitor", at("/books")),
    Look(
        "catalog.browse",
        "filtered",
        "visitor",
        at("/books?category=novel&language=es&available=1&max_price=30"),
    ),
    Look("catalog.browse", "unfolded", "carla", at("/books?sort=price_asc"), unfold(".facet-more summary")),
    Look("catalog.browse", "nothing found", "visitor", at("/books?q=zzzzzzzzzzzz")),
    Look("catalog.browse", "wrong price", "visitor", at("/books?min_price=free&max_price=-1")),
    Look("catalog.browse", "misspelled", "visitor", at("/books?q=quijjote")),
    Look("catalog.show_book", "visitor", "visitor", book("lantern")),
    Look("catalog.show_book", "long title", "bruno", book("long")),
    Look("catalog.show_book", "seller", "ana", book("lantern")),
    Look("catalog.show_book", "no offers", "visitor", book("withdrawn")),
    Look("catalog.show_book", "of the sample catalog", "carla", at("/books/2")),
    Look("catalog.my_books", "seller", "ana", at("/sell")),
    Look("catalog.my_books", "asks before withdrawing", "ana", at("/sell"), unfold("[data-confirm] button")),
    Look("catalog.my_books", "empty", "nora", at("/sell")),
    Look("catalog.new_listing", "isbn", "ana", at("/sell/new")),
    Look("catalog.new_listing", "wrong isbn", "ana", at("/sell/new?isbn=123")),
    Look("catalog.new_listing", "known book", "ana", at("/sell/new?isbn=9788420726670")),
    Look("catalog.new_listing", "described", "ana", at("/sell/new?no_isbn=1")),
    Look("catalog.new_listing", "empty form sent", "ana", at("/sell/new?no_isbn=1"), press("Put on sale")),
    Look("catalog.show_listing", "with photo", "ana", listing("lantern")),
    Look("catalog.show_listing", "withdrawn", "ana", listing("withdrawn")),
    Look(
        "catalog.show_listing",
        "wrong price",
        "ana",
        listing("lantern"),
        both(fill(price="free", copies="1"), press("Save")),
    ),
    Look("catalog.show_upload", "help", "ana", at("/sell/upload")),
    Look("catalog.show_upload", "no file", "ana", at("/sell/upload"), press("Upload")),
    Look("catalog.show_upload", "report", "nora", at("/sell/upload"), _upload(UPLOADED)),
    Look("accounts.register", "form", "visitor", at("/accounts/register")),
    Look("accounts.register", "empty form sent", "visitor", at("/accounts/register"), press("Register")),
    Look("accounts.login", "form", "visitor", at("/accounts/login")),
    Look(
        "accounts.login",
        "wrong password",
        "visitor",
        at("/accounts/login"),
        both(fill(email="nobody@example.com", password="not the password"), press("Log in")),
    ),
    Look("accounts.ask_reset", "form", "visitor", at("/accounts/reset")),
    Look("accounts.reset_asked", "sent", "visitor", at("/accounts/reset/sent")),
    Look("accounts.choose_password", "bad link", "visitor", at("/accounts/reset/new")),
    Look("accounts.choose_password", "form", "nora", lambda world: world.reset_path),
    Look("accounts.profile", "member", "bruno", at("/accounts/profile")),
    Look("accounts.password", "form", "bruno", at("/accounts/password")),
    Look(
        "accounts.password",
        "empty form sent",
        "bruno",
        at("/accounts/password"),
        press("Change the password"),
    ),
    Look("accounts.admin_users", "all", "ada", at("/accounts/admin/users")),
    Look("accounts.admin_users", "nobody found", "ada", at("/accounts/admin/users?q=zzzzzz")),
    Look("accounts.confirm_ban", "ask", "ada", user("bruno", "ban")),
    Look("accounts.confirm_unban", "ask", "ada", user("eva", "unban")),
    Look("accounts.admin_mailbox", "list", "ada", at("/accounts/admin/mailbox")),
    Look("accounts.admin_mail", "one", "ada", at("/accounts/admin/mailbox/1")),
    Look("orders.show_cart", "empty", "nora", at("/orders/cart")),
    Look("orders.show_cart", "ready", "carla", at("/orders/cart")),
    Look("orders.show_cart", "changed", "bruno", at("/orders/cart")),
    Look(
        "orders.show_cart",
        "wrong quantity",
        "carla",
        at("/orders/cart"),
        both(
            lambda page: page.locator("[name=quantity]").first.fill("0"), unfold(".cart-line-actions button")
        ),
    ),
    Look("orders.enter_delivery", "form", "carla", at("/orders/checkout")),
    Look("orders.enter_delivery", "wrong", "carla", at("/orders/checkout"), _clear_country_and_continue),
    Look("orders.review_order", "ready", "carla", at("/orders/checkout/review")),
    Look("orders.choose_payment", "form", "bruno", order("awaiting", "/pay")),
    Look("orders.list_orders", "buyer", "bruno", at("/orders/")),
    Look("orders.list_orders", "empty", "nora", at("/orders/")),
    *(Look("orders.show_order", name, "bruno", order(name)) for name in World.ORDERS),
    Look("orders.to_ship", "seller", "ana", at("/orders/sales")),
    Look("orders.to_ship", "wrong number", "ana", at("/orders/sales"), press("Mark as shipped")),
    Look("orders.to_ship", "empty", "nora", at("/orders/sales")),
    Look("orders.sales_history", "seller", "ana", at("/orders/sales/history")),
    Look("orders.sales_history", "empty", "nora", at("/orders/sales/history")),
    Look("orders.find_order", "form", "ada", at("/orders/admin/orders")),
    Look(
        "orders.inspect_order",
        "refunded",
        "ada",
        lambda world: f"/orders/admin/orders/{world.orders['refunded']}",
    ),
    Look("orders.list_transfers", "waiting", "ada", at("/orders/admin/transfers")),
    Look("orders.list_mails", "list", "ada", at("/orders/admin/mailbox")),
    Look("orders.show_mail", "one", "ada", at("/orders/admin/mailbox/1")),
    Look("status.show_status", "admin", "ada", at("/status")),
    Look("web.api_docs", "visitor", "visitor", at("/api/docs")),
    *(
        Look(
            f"{service}_api_docs.docs",
            "unfolded",
            "visitor",
            at(f"/api/v1/{service}/docs"),
            unfold(".api-op summary"),
        )
        for service in ("accounts", "catalog", "orders")
    ),
]

# What is no page: an address of it, and what is there instead.
NO_PAGES: dict[str, tuple[Address, str]] = {
    "accounts.follow_reset_link": (lambda world: world.reset_path, "redirect"),
    "accounts_keys.public_keys": (at("/.well-known/jwks.json"), "application/json"),
    "catalog.example_file": (at("/sell/upload/example.csv"), "text/csv"),
    "catalog.show_cover": (at("/covers/1.svg"), "image/svg+xml"),
    "catalog.show_photo": (lambda world: world.photo_path, "image/jpeg"),
    "static": (at("/static/shop.css"), "text/css"),
    "web.livez": (at("/livez"), "application/json"),
    # The end of pages, which nginx adds to them.
    "web.personal": (at("/-/personal"), "text/html"),
    "web.readyz": (at("/readyz"), "application/json"),
}
