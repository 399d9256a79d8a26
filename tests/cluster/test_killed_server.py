"""The server is killed again and again while people buy; nothing is lost, charged twice or sold twice."""

import random
import threading
import time
from dataclasses import dataclass, field

import httpx

from tests.cluster.live_shop import ApiClient, LiveShop

KILLS = 20
TOKENS = ["tok_approved", "tok_approved", "tok_approved", "tok_timeout", "tok_declined"]


@dataclass
class Buyer:
    """Buys one copy after another until told to stop, and remembers what the shop acknowledged."""

    client: ApiClient
    listing: int
    seed: int
    tries: int = 0
    placed: list[str] = field(default_factory=list)
    captured: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def buy_until(self, stop: threading.Event) -> None:
        dice = random.Random(self.seed)
        while not stop.is_set():
            self.tries += 1
            try:
                self._buy(f"{self.seed}-{self.tries}", dice.choice(TOKENS))
            except httpx.HTTPError:
                time.sleep(0.05)  # the server is down or went down in the middle

    def _buy(self, key: str, token: str) -> None:
        placed = self.client.place_order(self.listing, key=f"order-{key}")
        if placed.status_code == 401:
            self.client.log_in()
            return
        if placed.status_code != 201:
            self.refused.append(placed.json()["code"])
            return
        reference = placed.json()["reference"]
        self.placed.append(reference)
        paid = self.client.pay(reference, key=f"pay-{key}", token=token)
        if paid.status_code == 201:
            self.captured.append(reference)


def settle(shop: LiveShop, seconds: float = 90) -> str:
    """Let the worker finish what was left half done; the audit's last words."""
    deadline = time.monotonic() + seconds
    while True:
        audit = shop.run("audit", check=False)
        if audit.returncode == 0 or time.monotonic() > deadline:
            return "clean" if audit.returncode == 0 else audit.stdout + audit.stderr
        time.sleep(1)


def wait_for_orders(buyers: list[Buyer], more: int) -> None:
    """Until the shop has taken so many more orders: a kill in an idle moment would prove nothing."""
    deadline = time.monotonic() + 60
    wanted = sum(len(buyer.placed) for buyer in buyers) + more
    while sum(len(buyer.placed) for buyer in buyers) < wanted:
        assert time.monotonic() < deadline, "the shop took no orders"
        time.sleep(0.01)


def test_twenty_kills_lose_nothing(live_shop: LiveShop) -> None:
    seed = random.SystemRandom().randrange(10**6)
    dice = random.Random(seed)
    ana = ApiClient(live_shop, "ana")
    listing = ana.offer("El ave fénix", "3.00", copies=1_000)
    buyers = [Buyer(ApiClient(live_shop, f"buyer{n}"), listing, n) for n in range(4)]
    for buyer in buyers:
        buyer.client.delivery()

    stop = threading.Event()
    threads = [threading.Thread(target=buyer.buy_until, args=(stop,)) for buyer in buyers]
    for thread in threads:
        thread.start()
    for _ in range(KILLS):
        wait_for_orders(buyers, more=2)
        time.sleep(dice.uniform(0, 0.8))
        live_shop.kill()
        live_shop.start()
    stop.set()
    for thread in threads:
        thread.join(timeout=60)

    assert settle(live_shop) == "clean", f"seed {seed}"
    placed = [(buyer, reference) for buyer in buyers for reference in buyer.placed]
    captured = {reference for buyer in buyers for reference in buyer.captured}
    for buyer, reference in placed:
        buyer.client.log_in() if reference == buyer.placed[0] else None
        order = buyer.client.http.get(f"/orders/{reference}")
        assert order.status_code == 200, f"order {reference} was acknowledged and is lost (seed {seed})"
        if reference in captured:
            assert order.json()["status"] == "paid", f"{reference} was paid (seed {seed})"


def test_a_stop_finishes_what_runs_and_loses_nothing(live_shop: LiveShop) -> None:
    ana = ApiClient(live_shop, "ana")
    bruno = ApiClient(live_shop, "bruno")
    listing = ana.offer("El orden", "7.00", copies=5)
    reference = bruno.place_order(listing, key="before-the-stop").json()["reference"]

    assert live_shop.stop() == 0
    live_shop.start()

    bruno.log_in()
    order = bruno.http.get(f"/orders/{reference}").json()
    assert order["status"] == "awaiting_payment"
    assert bruno.pay(reference, key="after-the-start").json()["status"] == "captured"
