"""People at the shop at a steady rate, however it answers: they read, and they order and pay with keys.

Nothing that failed is asked twice by the client: it counts. Only where the shop says that it carries the same request
out at this moment, as after the end of the replica that did, is it asked again for the answer, as the API tells. Each
order that was acknowledged is remembered.
"""

import asyncio
import os
import ssl
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.cluster.live_shop import order_of
from tests.swarm.visitor import Answer, Unanswered, Visitors

# Requests in each second, of which a machine with two processors that has nothing else to do is capable.
RATE = int(os.environ.get("BOOKSTORE_TEST_RATE", "160"))
BUYERS = 4
# One visit of this many is a checkout: an order and its payment, two requests that may be repeated.
CHECKOUT_EVERY = 32
COPIES = 999
SECONDS_TO_ANSWER = 30
# So many are answered at a time at most. A machine that cannot keep up for a moment gets fewer, not a pile of them.
MOST_AT_ONCE = 64
LATE_SECONDS = 0.5
# What the shop's `Retry-After` says, and for how long a claim of a replica that is gone stands at most, and some.
WAIT_SECONDS, SECONDS_TO_CARRY_OUT = 2, 60
PASSWORD = "correct horse battery"
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

    token: str
    option: int


@dataclass
class Load:
    """A steady load while it is open. `rate` requests are begun in each second."""

    url: str
    authority: Path
    rate: int = RATE
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    ordered: dict[str, str] = field(default_factory=dict)
    paid: set[str] = field(default_factory=set)
    waits: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.trusted = ssl.create_default_context(cafile=self.authority)
        with httpx.Client(base_url=f"{self.url}/api/v1", verify=self.trusted, timeout=60) as client:
            seller = _sign_up(client)
            self.listings = [_offer(client, seller, number) for number in range(3)]
            self.buyers = []
            for _ in range(BUYERS):
                token = _sign_up(client)
                options = client.get("/orders/delivery-options", params={"country": "EC"})
                self.buyers.append(Buyer(token, options.raise_for_status().json()["items"][0]["id"]))

    def __enter__(self) -> Self:
        self.began = time.monotonic()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self.took = time.monotonic() - self.began

    def summary(self) -> str:
        ordered = sorted(self.seconds)
        p50, p99 = (ordered[int(len(ordered) * part)] * 1000 for part in (0.5, 0.99))
        return (
            f"{self.answers.total()} requests at {self.answers.total() / self.took:.0f}/s, "
            f"{len(self.failures)} failed, {len(self.ordered)} orders, {len(self.paid)} paid; "
            f"told to wait {self.waits} times; p50 {p50:.0f} ms, p99 {p99:.0f} ms"
        )

    async def _run(self) -> None:
        client = Visitors(httpx.URL(self.url).host, self.trusted, SECONDS_TO_ANSWER)
        running: set[asyncio.Task[None]] = set()
        number, due = 0, time.monotonic()
        while not self._over.is_set():
            # What was not asked while the machine could not keep up is not asked later instead.
            due = max(due, time.monotonic() - LATE_SECONDS)
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            is_checkout = number % CHECKOUT_EVERY == 0
            visit = self._check_out(client, number) if is_checkout else self._read(client, number)
            task = asyncio.create_task(visit)
            running.add(task)
            task.add_done_callback(running.discard)
            if len(running) >= MOST_AT_ONCE:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            # A checkout is two requests.
            number += 2 if is_checkout else 1
            due += (2 if is_checkout else 1) / self.rate
        if running:
            await asyncio.wait(running)
        client.close()

    async def _read(self, client: Visitors, number: int) -> None:
        path = READS[number % len(READS)].format(listing=self.listings[0])
        await self._ask(client, "GET", path)

    async def _check_out(self, client: Visitors, number: int) -> None:
        buyer = self.buyers[number // CHECKOUT_EVERY % len(self.buyers)]
        listing = self.listings[number // CHECKOUT_EVERY % len(self.listings)]
        key = uuid.uuid4().hex
        self.keys.add(key)
        body = order_of(listing, 1, buyer.option)
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
            self._note(began, f"{method} {path}: {error}", failed=True)
            return None
        if answer.status == EXPECTED[method]:
            self._note(began, f"{method} {answer.status}", failed=False)
            return answer
        self._note(began, f"{method} {path}: {answer.status} {answer.body[:150]!r}", failed=True)
        return None

    def _note(self, began: float, what: str, *, failed: bool) -> None:
        self.answers["failed" if failed else what] += 1
        self.seconds.append(time.monotonic() - began)
        if failed:
            self.failures.append(
                f"{began - self.began:.1f} s, after {time.monotonic() - began:.1f} s: {what}"
            )


def _sign_up(client: httpx.Client) -> str:
    email = f"{uuid.uuid4().hex}@example.com"
    person = {"name": "Somebody", "email": email, "password": PASSWORD}
    client.post("/accounts/users", json=person).raise_for_status()
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
