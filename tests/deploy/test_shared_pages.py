"""What nginx keeps: one page for all, an end of its own for each, and nothing of one to another."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import httpx
import pytest

from tests.cluster.live_shop import ApiClient, LiveShop
from tests.people import PASSWORD

# FRESH_SECONDS and STALE_SECONDS together: no page is older.
OLDEST_SECONDS = 5


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveShop]:
    shop = LiveShop(tmp_path_factory.mktemp("shared") / "shop", {}, ["--split"])
    shop.run("migrate")
    shop.start()
    yield shop
    shop.close()


class Browser:
    """Somebody at the pages, with cookies as the shop has given them."""

    def __init__(self, shop: LiveShop, name: str) -> None:
        self.name = f"{name} {time.monotonic_ns()}"
        self.http = httpx.Client(base_url=shop.url, headers={"Accept-Language": "en"}, timeout=30)
        person = {"email": f"{self.name.replace(' ', '')}@example.com", "password": PASSWORD}
        self.http.post("/api/v1/accounts/users", json={"name": self.name, **person}).raise_for_status()
        form = self.http.get("/accounts/login").text
        token = re.findall(r'name="csrf_token" value="([^"]*)"', form)[0]
        answer = self.http.post("/accounts/login", data={"csrf_token": token, **person})
        assert answer.headers["Location"] == "/"
        self.settle()

    @property
    def token(self) -> str:
        return self.http.cookies["bookstore_token"]

    def settle(self) -> None:
        """As if the seconds were over in which one sees one's own changes."""
        self.http.cookies.delete("bookstore_changed")


@pytest.fixture(scope="module")
def ana(split: LiveShop) -> Browser:
    return Browser(split, "Ana Sells")


@pytest.fixture(scope="module")
def bruno(split: LiveShop) -> Browser:
    return Browser(split, "Bruno Buys")


@pytest.fixture(scope="module")
def seller(split: LiveShop) -> ApiClient:
    return ApiClient(split, "seller")


def cart_link(page: str) -> str:
    """What stands beside the cart."""
    found = re.search(r'href="/orders/cart">.*?</a>', page, re.S)
    assert found is not None
    return found[0]


def test_nobody_sees_anybody_else(split: LiveShop, ana: Browser, bruno: Browser) -> None:
    """One cache; each combination of what a request can say of itself, in turns, twice."""
    tokens = {"": "", ana.name: ana.token, bruno.name: bruno.token, "nobody": "nonsense"}
    cookies = list(product(tokens, ("", "0", "3"), ("", "es", "en", "xx"), ("", "1")))
    headers: list[dict[str, str]] = [
        {},
        {"Accept-Language": "es"},
        {"Accept-Language": "de, es;q=0.5"},
        {"Authorization": f"Bearer {ana.token}"},
        {"X-Shared-Page": "visitor", "X-Shop-Locale": "es"},
        {"X-Shared-Page": "member", "If-None-Match": "*"},
        {"Range": "bytes=0-10"},
    ]
    with httpx.Client(base_url=split.url) as client:
        for (who, copies, locale, changed), more, _ in product(cookies, headers, range(2)):
            said = {
                "bookstore_token": tokens[who],
                "bookstore_cart_count": copies,
                "bookstore_locale": locale,
                "bookstore_changed": changed,
            }
            cookie = "; ".join(f"{name}={value}" for name, value in said.items() if value)
            answer = client.get("/books", headers={**more, **({"Cookie": cookie} if cookie else {})})
            if "If-None-Match" in more and answer.status_code == 304:
                assert answer.text == ""
                continue
            assert answer.status_code == 200
            named = [name for name in (ana.name, bruno.name) if name in answer.text]
            assert named == ([who] if who in (ana.name, bruno.name) else [])
            assert ('<span class="cart-count">3<' in cart_link(answer.text)) is (copies == "3")
            assert answer.text.count("</html>") == 1
            if named:
                assert answer.headers["Cache-Control"] == "no-store"
                assert "ETag" not in answer.headers
            if locale in ("es", "en"):
                assert f'<html lang="{locale}">' in answer.text


def test_of_all_who_miss_a_page_one_asks_the_shop(split: LiveShop, ana: Browser, bruno: Browser) -> None:
    before = split.log_text().count("path=/books ")
    with ThreadPoolExecutor(20) as many:
        pages = list(
            many.map(
                lambda turn: (ana, bruno)[turn % 2].http.get("/books?q=nobody-asked-before").text, range(60)
            )
        )
    assert [ana.name in page for page in pages] == [True, False] * 30
    assert [bruno.name in page for page in pages] == [False, True] * 30
    # The page, and while they were answered perhaps once more anew.
    assert 1 <= split.log_text().count("path=/books ") - before <= 2


def test_a_change_is_seen_at_once_by_the_one_who_made_it_and_soon_by_all(
    split: LiveShop, seller: ApiClient, ana: Browser
) -> None:
    listing = seller.offer("El faro del cambio", "5.00", 3)
    path = f"/books/{seller.http.get(f'/catalog/listings/{listing}').json()['book_id']}-el-faro-del-cambio"
    for _ in range(3):
        assert "$5.00" in ana.http.get(path).text
    changed = seller.http.patch(f"/catalog/listings/{listing}", json={"price": money("7.00"), "version": 1})
    assert changed.status_code == 200, changed.text
    assert seller.http.get(f"/catalog/listings/{listing}").json()["price"] == money("7.00")
    assert "$7.00" in ana.http.get(path, headers={"Cookie": "bookstore_changed=1"}).text
    deadline = time.monotonic() + OLDEST_SECONDS
    while "$7.00" not in ana.http.get(path).text:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert httpx.get(f"{split.url}/api/v1/catalog/listings/{listing}").json()["price"] == money("7.00")


def money(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def test_what_was_put_into_the_cart_is_shown_on_the_next_page(
    split: LiveShop, seller: ApiClient, bruno: Browser
) -> None:
    listing = seller.offer("El faro del carro", "5.00", 3)
    page = bruno.http.get("/").text
    assert "cart-count" not in cart_link(page)
    form = {"listing_id": listing, "quantity": 2}
    assert bruno.http.post("/orders/cart", data=form).status_code == 400
    answer = bruno.http.post("/orders/cart", data=form, headers={"Origin": split.url})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/orders/cart")
    assert bruno.http.cookies["bookstore_changed"] == "1"
    for _ in range(2):
        assert '<span class="cart-count">2<' in cart_link(bruno.http.get("/").text)
        bruno.settle()


def test_a_visitor_who_has_the_page_is_told_so(split: LiveShop) -> None:
    first = httpx.get(f"{split.url}/books?q=etag")
    again = httpx.get(f"{split.url}/books?q=etag", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.text) == (304, "")
    assert first.headers["Cache-Control"] == "no-cache"
    assert first.headers["X-Request-ID"] != again.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/books/999999-nothing", 404), ("/books?min_price=x", 422), ("/books?cursor=x", 400)],
)
def test_an_error_is_a_page_of_the_one_who_made_it(bruno: Browser, path: str, status: int) -> None:
    answer = bruno.http.get(path)
    assert answer.status_code == status
    assert bruno.name in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_end_of_a_page_is_not_to_be_had_from_outside(bruno: Browser) -> None:
    answer = bruno.http.get("/-/personal")
    assert answer.status_code == 404
    assert answer.text.count("</html>") <= 1


def test_a_head_has_no_body(bruno: Browser) -> None:
    answer = bruno.http.head("/books")
    assert (answer.status_code, answer.text) == (200, "")
