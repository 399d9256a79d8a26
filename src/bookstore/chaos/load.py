"""People at the shop at a steady rate, however it answers: they read, and they order and pay with keys.

Nothing that failed is asked twice while the load runs: it counts. Only where the shop says that it carries
the same request out at this moment, as after the end of the replica that did, is it asked again for the
answer, as the API tells. Each order that was acknowledged is remembered, and each purchase that got no
answer: once the shop is well again, its buyer repeats it with the same keys.
"""

import asyncio
import ssl
import time
import uuid
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from bookstore.chaos.visitor import Answer, Unanswered, Visitors
from bookstore.deploying.beside import Beside

# Requests in each second.
RATE = 60
BUYERS = 4
# One visit of this many is a checkout: an order and its payment, two requests that may be repeated.
CHECKOUT_EVERY = 32
COPIES = 999
SECONDS_TO_ANSWER = 30
# So many at a time at most: a machine that cannot keep up for a moment gets fewer, not a pile of them.
MOST_AT_ONCE = 64
LATE_SECONDS = 0.5
# What the shop's `Retry-After` says, and for how long a claim of a replica that is gone stands, and some.
WAIT_SECONDS, SECONDS_TO_CARRY_OUT = 2, 60
# A token lives for 300 s, and a replica's clock may be off.
TOKEN_SECONDS = 240
PASSWORD = "correct horse battery"  # noqa: S105  # of people who were made up a moment ago
# A page comes with its files; programs look whether the shop is there.
READS = (
    "/static/shop.css",
    "/api/v1/catalog/listings/{listing}",
    "/static/favicon.svg",
    "/static/shop.css",
    "/livez",
    "/static/favicon.svg",
    "/accounts/login",
    "/static/shop.css",
)
EXPECTED = {"GET": 200, "POST": 201}


@dataclass
class Buyer:
    """Somebody who is logged in."""

    email: str
    token: str
    option: int = 0
    since: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Purchase:
    """Who wants what. Repeated with the same key, it is still one purchase."""

    key: str
    buyer: Buyer
    listing: int


@dataclass(frozen=True)
class Failure:
    """A request that did not get what it was sent for. Without a status it got no answer at all."""

    method: str
    path: str
    status: int | None
    said: str
    # Seconds since the load began.
    began: float
    ended: float

    def __str__(self) -> str:
        what = self.said if self.status is None else f"{self.status} {self.said}"
        return f"{self.began:.1f} s, after {self.ended - self.began:.1f} s: {self.method} {self.path}: {what}"


@dataclass
class Load(Beside):
    """A steady load while it is open. `rate` requests are begun in each second."""

    url: str
    authority: Path | None
    rate: int = RATE
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    unfinished: dict[str, Purchase] = field(default_factory=dict)
    ordered: dict[str, str] = field(default_factory=dict)
    paid: set[str] = field(default_factory=set)
    waits: int = 0
    took: float = 0

    def __post_init__(self) -> None:
        self.trusted = ssl.create_default_context(cafile=self.authority)
        with self.client() as client:
            self.seller = _sign_up(client)
            self.listings = [_offer(client, self.seller.token, number) for number in range(3)]
            self.buyers = [_sign_up(client) for _ in range(BUYERS)]
            for buyer in self.buyers:
                options = client.get("/orders/delivery-options", params={"country": "EC"})
                buyer.option = options.raise_for_status().json()["items"][0]["id"]

    def __enter__(self) -> Self:
        self.began = time.monotonic()
        return super().__enter__()

    def now(self) -> float:
        """Seconds since the load began."""
        return time.monotonic() - self.began

    def client(self) -> httpx.Client:
        """For what is asked once, beside the load."""
        return httpx.Client(base_url=f"{self.url}/api/v1", verify=self.trusted, timeout=60)

    def summary(self) -> str:
        ordered = sorted(self.seconds) or [0.0]
        p50, p99 = (ordered[int(len(ordered) * part)] * 1000 for part in (0.5, 0.99))
        return (
            f"{self.answers.total()} requests at {self.answers.total() / self.took:.0f}/s, "
            f"{len(self.failures)} failed, {len(self.ordered)} orders, {len(self.paid)} paid; "
            f"told to wait {self.waits} times; p50 {p50:.0f} ms, p99 {p99:.0f} ms"
        )

    def repeat_unfinished(self) -> int:
        """Let each buyer who got no answer ask again with the same keys; how many purchases that finishes."""
        before = dict(self.unfinished)
        asyncio.run(self._with_visitors(self._repeat))
        return len(before) - len(self.unfinished)

    def orders_at_the_shop(self) -> dict[str, str]:
        """All orders that the shop has of our buyers, by reference, with their status."""
        found = {}
        with self.client() as client:
            for buyer in self.buyers:
                headers, cursor = {"Authorization": f"Bearer {_log_in(client, buyer.email)}"}, ""
                while cursor is not None:
                    wanted = {"limit": "100"} | ({"cursor": cursor} if cursor else {})
                    page = client.get("/orders", params=wanted, headers=headers).raise_for_status().json()
                    found.update({order["reference"]: order["status"] for order in page["items"]})
                    cursor = page["next_cursor"]
        return found

    async def _with_visitors(self, work: Any) -> None:
        url = httpx.URL(self.url)
        client = Visitors(url.host, self.trusted, SECONDS_TO_ANSWER, url.port or 443)
        try:
            await work(client)
        finally:
            client.close()

    def _go_on(self) -> None:
        asyncio.run(self._with_visitors(self._visit))
        self.took = self.now()

    async def _repeat(self, client: Visitors) -> None:
        for purchase in list(self.unfinished.values()):
            await self._buy(client, purchase)

    async def _visit(self, client: Visitors) -> None:
        running: set[asyncio.Task[None]] = set()
        number, due = 0, time.monotonic()
        while not self._over.is_set():
            # What was not asked while the machine could not keep up is not asked later instead.
            due = max(due, time.monotonic() - LATE_SECONDS)
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            is_checkout = number % CHECKOUT_EVERY == 0
            task = asyncio.create_task(self._visitor(client, number, is_checkout))
            running.add(task)
            task.add_done_callback(running.discard)
            if len(running) >= MOST_AT_ONCE:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            # A checkout is two requests.
            number += 2 if is_checkout else 1
            due += (2 if is_checkout else 1) / self.rate
        if running:
            await asyncio.wait(running)

    def _visitor(self, client: Visitors, number: int, is_checkout: bool) -> Coroutine[Any, Any, None]:
        if not is_checkout:
            return self._read(client, READS[number % len(READS)].format(listing=self.listings[0]))
        turn = number // CHECKOUT_EVERY
        buyer, listing = self.buyers[turn % len(self.buyers)], self.listings[turn % len(self.listings)]
        return self._buy(client, Purchase(uuid.uuid4().hex, buyer, listing))

    async def _read(self, client: Visitors, path: str) -> None:
        await self._ask(client, "GET", path)

    async def _buy(self, client: Visitors, purchase: Purchase) -> None:
        key, buyer = purchase.key, purchase.buyer
        self.unfinished[key] = purchase
        await self._stay_logged_in(client, buyer)
        body = order_of(purchase.listing, 1, buyer.option)
        placed = await self._ask(client, "POST", "/api/v1/orders", headers=_as(buyer, key), body=body)
        if placed is None:
            return
        reference = placed.json()["reference"]
        self.ordered[key] = reference
        payment = {"method": "card", "token": "tok_approved"}
        path = f"/api/v1/orders/{reference}/payments"
        paid = await self._ask(client, "POST", path, headers=_as(buyer, f"pay-{key}"), body=payment)
        if paid is not None and paid.json()["status"] == "captured":
            self.paid.add(reference)
            del self.unfinished[key]

    async def _stay_logged_in(self, client: Visitors, buyer: Buyer) -> None:
        if time.monotonic() - buyer.since < TOKEN_SECONDS:
            return
        buyer.since = time.monotonic()
        login = {"email": buyer.email, "password": PASSWORD}
        session = await self._ask(client, "POST", "/api/v1/accounts/sessions", body=login)
        if session is not None:
            buyer.token = session.json()["access_token"]

    async def _ask(
        self,
        client: Visitors,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: object = None,
    ) -> Answer | None:
        began = time.monotonic()
        try:
            answer = await client.ask(method, path, headers, body)
            while _says_wait(answer) and time.monotonic() - began < SECONDS_TO_CARRY_OUT:
                self.waits += 1
                await asyncio.sleep(WAIT_SECONDS)
                answer = await client.ask(method, path, headers, body)
        except Unanswered as error:
            self._note(began, method, path, None, str(error))
            return None
        self._note(began, method, path, answer.status, repr(answer.body[:150]))
        return answer if answer.status == EXPECTED[method] else None

    def _note(self, began: float, method: str, path: str, status: int | None, said: str) -> None:
        self.seconds.append(time.monotonic() - began)
        if status == EXPECTED[method]:
            self.answers[f"{method} {status}"] += 1
            return
        self.answers["failed"] += 1
        self.failures.append(Failure(method, path, status, said, began - self.began, self.now()))


def order_of(listing_id: int, quantity: int, option_id: int) -> dict[str, object]:
    """What the API is told to order copies of a listing."""
    return {
        "lines": [{"listing_id": listing_id, "quantity": quantity}],
        "delivery": {
            "option_id": option_id,
            "address": {
                "name": "Bruno Buys",
                "street": "Calle Larga 1-23",
                "city": "Cuenca",
                "region": "Azuay",
                "postal_code": "010101",
                "country": "EC",
            },
        },
    }


def _sign_up(client: httpx.Client) -> Buyer:
    email = f"{uuid.uuid4().hex}@example.com"
    person = {"name": "Somebody", "email": email, "password": PASSWORD}
    client.post("/accounts/users", json=person).raise_for_status()
    return Buyer(email, _log_in(client, email))


def _log_in(client: httpx.Client, email: str) -> str:
    session = client.post("/accounts/sessions", json={"email": email, "password": PASSWORD})
    return str(session.raise_for_status().json()["access_token"])


def _offer(client: httpx.Client, token: str, number: int) -> int:
    body = {
        "book": {"title": f"Un libro muy pedido {number}", "authors": "Autora Inventada", "language": "es"},
        "condition": "good",
        "price": {"amount": "5.00", "currency": "USD"},
        "copies": COPIES,
    }
    offered = client.post("/catalog/listings", json=body, headers={"Authorization": f"Bearer {token}"})
    return int(offered.raise_for_status().json()["id"])


def _says_wait(answer: Answer) -> bool:
    return answer.status == 409 and answer.json()["code"] == "request_in_progress"


def _as(buyer: Buyer, key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {buyer.token}", "Idempotency-Key": key}
