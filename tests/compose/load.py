"""People who use a deployed shop all the time, so that somebody is there whatever happens to it."""

import threading
import time
import uuid
from collections import Counter
from typing import Self

import httpx

from tests.cluster.live_shop import ApiClient
from tests.compose.stack import Stack

READERS, BUYERS = 3, 2


class Load:
    """People who read, log in and buy all the time. Every answer counts, and every order that was acknowledged."""

    def __init__(self, stack: Stack) -> None:
        self.url, self.trusted = stack.url, stack.trusted()
        self.answers: Counter[str] = Counter()
        self.placed: list[tuple[ApiClient, str]] = []
        self.paid: list[tuple[ApiClient, str]] = []
        self._over = threading.Event()
        seller = ApiClient(stack, f"ana-{uuid.uuid4().hex}", verify=self.trusted)
        self.listing = seller.offer("La vorágine", "5.00", 999)
        names = [f"bruno-{uuid.uuid4().hex}" for _ in range(BUYERS)]
        self.buyers = [ApiClient(stack, name, verify=self.trusted) for name in names]
        for buyer in self.buyers:
            buyer.delivery()
        self._threads = [threading.Thread(target=self._read) for _ in range(READERS)]
        self._threads += [threading.Thread(target=self._buy, args=(buyer,)) for buyer in self.buyers]

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self.seconds = time.monotonic() - self._began
        print(f"{self.answers.total()} requests in {self.seconds:.0f} s, {self.failed} failed")

    @property
    def failed(self) -> int:
        return self.answers.total() - self.answers["well"]

    def statuses(self, orders: list[tuple[ApiClient, str]]) -> set[str]:
        """What the shop says of these orders now."""
        return {buyer.http.get(f"/orders/{reference}").json()["status"] for buyer, reference in orders}

    def _read(self) -> None:
        with httpx.Client(base_url=self.url, verify=self.trusted, timeout=30) as client:
            while not self._over.is_set():
                self._count(lambda: client.get("/livez"), 200)
                self._count(lambda: client.get(f"/api/v1/catalog/listings/{self.listing}"), 200)
                self._count(lambda: client.get("/static/shop.css"), 200)

    def _buy(self, buyer: ApiClient) -> None:
        while not self._over.is_set():
            self._count(lambda: self._log_in(buyer), 201)
            placed = self._count(lambda: buyer.place_order(self.listing, uuid.uuid4().hex), 201)
            if placed is not None and placed.status_code == 201:
                reference = placed.json()["reference"]
                paid = self._count(lambda reference=reference: buyer.pay(reference, uuid.uuid4().hex), 201)
                self.placed.append((buyer, reference))
                if paid is not None and paid.status_code == 201:
                    self.paid.append((buyer, reference))

    def _log_in(self, buyer: ApiClient) -> httpx.Response:
        body = {"email": buyer.email, "password": "correct horse battery"}
        answer = buyer.http.post("/accounts/sessions", json=body)
        if answer.status_code == 201:
            # On a slow machine a deployment lasts longer than the token that the buyer came with.
            buyer.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return answer

    def _count(self, ask, wanted: int) -> httpx.Response | None:
        try:
            answer = ask()
        except httpx.HTTPError as error:
            self.answers[repr(error)] += 1
            return None
        well = answer.status_code == wanted
        self.answers[
            "well" if well else f"{answer.status_code} {answer.request.url.path} {answer.text[:200]}"
        ] += 1
        return answer
