"""What people do at a shop: each scenario is an endless supply of visits, always the same ones."""

import json
import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.books import SEED
from bench.members import Members
from bench.open_load import Request, Shop, Visit
from bench.page_map import Page, PageMap
from bookstore.chaos.load import PASSWORD, order_of

# What somebody looks at in one visit, and the seconds of thinking before each further page.
TOUR = ("browse", "search", "book", "book", "browse", "book")
THINK = (0.5, 1.5)
# One visitor of so many buys at the end.
BUYS_EVERY = 20


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Scenario:
    """A kind of visits: how many requests one has on average, for how many seconds the load runs before it is
    counted, whether visits must be finished, and what is done before each load.
    """

    name: str
    visits: Callable[[], Iterator[Visit]]
    requests: float = 1.0
    lead: float = 0.5
    whole: bool = False
    before: Callable[[], None] = _nothing


def reading_scenarios(shop: Shop, pages: PageMap) -> list[Scenario]:
    """What can be done at any shop whose pages are known."""
    return [Scenario(name, reader(shop, pages[name])) for name in pages]


def mix_of_readers(shop: Shop, pages: PageMap) -> Scenario:
    """Visits of some pages with time to think; nobody buys."""
    return Scenario("mix", lambda: _tours(shop, pages), len(TOUR), lead=_seconds_of_a_tour())


def own_scenarios(shop: Shop, pages: PageMap, members: Members, stacks: Sequence[int]) -> list[Scenario]:
    """All scenarios of this shop. `stacks` are listings with more copies than will be sold."""
    stay = members.stay_logged_in
    as_member = reader(shop, pages["browse"], lambda: {"Cookie": members.cookie})
    return [
        *reading_scenarios(shop, pages),
        Scenario("browse, member", as_member, before=stay),
        Scenario("login", lambda: _logins(shop, members)),
        Scenario("checkout", lambda: _orders(shop, members, stacks), 2, whole=True, before=stay),
        mix(shop, pages, members, stacks),
    ]


def mix(shop: Shop, pages: PageMap, members: Members, stacks: Sequence[int]) -> Scenario:
    """Visits of some pages with time to think, at the end of which one of twenty logs in, orders and pays."""
    requests = len(TOUR) + 3 / BUYS_EVERY
    return Scenario(
        "mix", lambda: _shoppers(shop, pages, members, stacks), requests, lead=_seconds_of_a_tour()
    )


def get(shop: Shop, page: Page, headers: dict[str, str] | None = None, think: float = 0.0) -> Request:
    """The request of a page."""
    return Request(_content(shop, "GET", page.path, headers or {}), page.word.encode(), think=think)


def _content(shop: Shop, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    told = {"Host": shop.host, "User-Agent": "bookstore-bench", "Accept": "*/*", **headers}
    if body:
        told |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def reader(
    shop: Shop, pages: Sequence[Page], headers: Callable[[], dict[str, str]] = dict
) -> Callable[[], Iterator[Visit]]:
    """Visits of one page each, by chance one of these."""

    def visits() -> Iterator[Visit]:
        chance = random.Random(SEED)  # noqa: S311  # chance, not a secret
        requests = [get(shop, page, headers()) for page in pages]
        while True:
            yield _single(chance.choice(requests))

    return visits


def _single(request: Request) -> Visit:
    yield request


def _seconds_of_a_tour() -> float:
    return len(TOUR) * sum(THINK) / 2


def _tours(shop: Shop, pages: PageMap) -> Iterator[Visit]:
    chance = random.Random(SEED)  # noqa: S311  # chance, not a secret
    while True:
        yield _tour(shop, pages, chance)


def _tour(shop: Shop, pages: PageMap, chance: random.Random) -> Visit:
    for place, name in enumerate(TOUR):
        think = chance.uniform(*THINK) if place else 0.0
        yield get(shop, chance.choice(pages[name]), think=think)


def _shoppers(shop: Shop, pages: PageMap, members: Members, stacks: Sequence[int]) -> Iterator[Visit]:
    chance = random.Random(SEED)  # noqa: S311  # chance, not a secret
    for number, member in enumerate(members.turns()):
        buys = number % BUYS_EVERY == BUYS_EVERY - 1
        yield _shopper(shop, pages, members, member, chance, chance.choice(stacks) if buys else None)


def _shopper(
    shop: Shop, pages: PageMap, members: Members, member: int, chance: random.Random, listing: int | None
) -> Visit:
    yield from _tour(shop, pages, chance)
    if listing is not None:
        session = yield log_in(shop, members.emails[member])
        yield from order_and_pay(shop, json.loads(session.body)["access_token"], listing, members.option)


def log_in(shop: Shop, email: str) -> Request:
    """The request of a token."""
    body = json.dumps({"email": email, "password": PASSWORD}).encode()
    return Request(_content(shop, "POST", "/api/v1/accounts/sessions", {}, body), b"access_token", 201)


def _logins(shop: Shop, members: Members) -> Iterator[Visit]:
    for member in members.turns():
        yield _single(log_in(shop, members.emails[member]))


def _orders(shop: Shop, members: Members, stacks: Sequence[int]) -> Iterator[Visit]:
    chance = random.Random(SEED)  # noqa: S311  # chance, not a secret
    for member in members.turns():
        yield order_and_pay(shop, members.tokens[member], chance.choice(stacks), members.option)


def order_and_pay(shop: Shop, token: str, listing: int, option: int) -> Visit:
    """Order a copy and pay for it by card. Each request carries a key, so that it may be repeated."""
    key = uuid.uuid4().hex
    who = {"Authorization": f"Bearer {token}"}
    body = json.dumps(order_of(listing, 1, option)).encode()
    content = _content(shop, "POST", "/api/v1/orders", {**who, "Idempotency-Key": key}, body)
    placed = yield Request(content, b"reference", 201)
    path = f"/api/v1/orders/{json.loads(placed.body)['reference']}/payments"
    card = json.dumps({"method": "card", "token": "tok_approved"}).encode()
    content = _content(shop, "POST", path, {**who, "Idempotency-Key": f"pay-{key}"}, card)
    yield Request(content, b"captured", 201)
