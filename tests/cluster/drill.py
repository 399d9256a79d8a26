"""The drill: people buy, pay and cancel while any process may be killed; afterwards everything must add up.

Three replicas of each service behind nginx, on a real database server that writes everything to its disk.
`make drill` runs it for minutes and prints the counts; the tests run a short form.
"""

import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import click
import httpx

from bookstore.chaos.load import order_of
from tests import database_servers
from tests.cluster.live_shop import ApiClient, LiveShop, session_of
from tests.database_servers import DatabaseServer

REPLICAS = 3
SERVICES = ("accounts", "catalog", "orders")
# Unlike those of other tests, this server must lose nothing that it has acknowledged, at any kill.
DURABLE = ("--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1")
TOKENS = ["tok_approved"] * 6 + ["tok_timeout", "tok_error", "tok_declined"]
TITLES = 12
COPIES = 400
SETTLE_SECONDS = 180
PATIENCE_SECONDS = 120
CALM_ANSWERS = 30
PAID = {"paid", "shipped", "delivered", "refunded"}


@contextmanager
def running_cluster(folder: Path, product: str = "mariadb") -> Iterator["Cluster"]:
    """Three replicas of each service, three databases on one server, and nginx, ready to be used."""
    with database_servers.running(product, *DURABLE) as server:
        urls = {f"BOOKSTORE_{name.upper()}_DATABASE_URL": server.create_schema(name) for name in SERVICES}
        shop = LiveShop(folder, environ=urls, options=["--split", "--replicas", str(REPLICAS)])
        shop.run("migrate")
        shop.start()
        try:
            yield Cluster(shop, server)
        finally:
            shop.close()


@dataclass
class Cluster:
    """The shop and its database server, and the ways in which they are hurt."""

    shop: LiveShop
    server: DatabaseServer
    kills: Counter[str] = field(default_factory=Counter)

    def kill_something(self, dice: random.Random) -> None:
        """SIGKILL for a random process of the shop: a replica's, one of its children or nginx's."""
        assert self.shop.process is not None
        # The supervisor stays: it is what brings the others back, as an orchestrator would.
        victims = [pid for pid in session_of(self.shop.process.pid) if pid != self.shop.process.pid]
        if not victims:
            return
        victim = dice.choice(sorted(victims))
        what = _what(victim)
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
            self.kills[what] += 1

    def kill_database(self) -> None:
        """SIGKILL for the database server, and its start again on what it had written."""
        self.server.kill()
        self.kills["database server"] += 1
        self.server.start()


def _what(pid: int) -> str:
    """Which part of the shop a process is, from its own command line and environment."""
    with suppress(OSError):
        if b"nginx" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return "nginx"
        for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            if entry.startswith(b"BOOKSTORE_SERVICES="):
                return entry.partition(b"=")[2].decode()
    return "other"


@dataclass
class Buyer:
    """Buys, pays and sometimes cancels, and remembers each word that the shop gave."""

    client: ApiClient
    listings: list[int]
    seed: int
    said: Counter[str] = field(default_factory=Counter)
    keys: dict[str, str | None] = field(default_factory=dict)
    paid: set[str] = field(default_factory=set)
    canceled: set[str] = field(default_factory=set)

    def buy_until(self, stop: threading.Event) -> None:
        """One purchase after another. What got no answer is asked again with the same key, as one should."""
        dice = random.Random(self.seed)
        while not stop.is_set():
            key = f"{self.seed}-{len(self.keys)}"
            self.keys[key] = None
            if reference := self._order(stop, key, dice.choice(self.listings)):
                self._pay(stop, key, reference, dice.choice(TOKENS))
                if dice.random() < 0.1:
                    self._cancel(stop, reference)
            stop.wait(dice.uniform(0, 0.05))

    def _order(self, stop: threading.Event, key: str, listing: int) -> str | None:
        answer = self._ask(stop, lambda: self.client.place_order(listing, key=f"order-{key}"))
        if answer is None or answer.status_code != 201:
            return None
        reference = str(answer.json()["reference"])
        self.keys[key] = reference
        return reference

    def _pay(self, stop: threading.Event, key: str, reference: str, token: str) -> None:
        answer = self._ask(stop, lambda: self.client.pay(reference, key=f"pay-{key}", token=token))
        if answer is not None and answer.status_code == 201 and answer.json()["status"] == "captured":
            self.paid.add(reference)

    def _cancel(self, stop: threading.Event, reference: str) -> None:
        answer = self._ask(stop, lambda: self.client.http.post(f"/orders/{reference}/cancel"))
        if answer is not None and answer.status_code == 200:
            self.canceled.add(reference)

    def _ask(self, stop: threading.Event, call: Callable[[], httpx.Response]) -> httpx.Response | None:
        """The shop's word; None when the drill ended before it gave one."""
        while not stop.is_set():
            try:
                answer = call()
                if answer.status_code == 401:
                    self.client.log_in()
                elif answer.status_code < 500:
                    self.said[_word(answer)] += 1
                    return answer
                else:
                    self.said[f"{answer.status_code} (asked again)"] += 1
            except httpx.HTTPError as error:
                self.said[f"{type(error).__name__} (asked again)"] += 1
            stop.wait(0.2)
        return None


def _word(answer: httpx.Response) -> str:
    """A short form of an answer, for the counts."""
    if answer.is_success:
        return f"{answer.status_code} {answer.json().get('status', '')}".strip()
    with suppress(ValueError, AttributeError):
        return f"{answer.status_code} {answer.json().get('code', '')}"
    return str(answer.status_code)


@dataclass
class Report:
    """What happened in a drill, and what was found wrong afterwards."""

    seed: int
    seconds: float
    kills: Counter[str]
    said: Counter[str]
    acknowledged: int
    told_paid: int
    told_canceled: int
    findings: list[str]

    def __str__(self) -> str:
        lines = [f"{self.seconds:.0f} s, seed {self.seed}", "killed (SIGKILL):"]
        lines += [f"  {count:5} {what}" for what, count in sorted(self.kills.items())]
        lines += ["answers:"]
        lines += [f"  {count:5} {word}" for word, count in self.said.most_common()]
        lines += [f"orders acknowledged: {self.acknowledged}, told paid: {self.told_paid}, "]
        lines[-1] += f"told canceled: {self.told_canceled}"
        lines += self.findings or ["the audit is clean, and the shop kept each word that it gave"]
        return "\n".join(lines)


def drill(cluster: Cluster, seconds: float, buyers: int, database_kills: int, seed: int) -> Report:
    """Let people buy for so long while processes are killed every few seconds, and see whether all adds up."""
    dice = random.Random(seed)
    people = _people(cluster.shop, buyers)
    started = time.monotonic()
    stop = threading.Event()
    threads = [threading.Thread(target=buyer.buy_until, args=(stop,)) for buyer in people]
    for thread in threads:
        thread.start()
    _hurt(cluster, seconds, database_kills, dice)
    stop.set()
    for thread in threads:
        thread.join(timeout=120)
    lasted = time.monotonic() - started
    return Report(
        seed=seed,
        seconds=lasted,
        kills=cluster.kills,
        said=sum((buyer.said for buyer in people), Counter()),
        acknowledged=sum(1 for buyer in people for reference in buyer.keys.values() if reference),
        told_paid=sum(len(buyer.paid) for buyer in people),
        told_canceled=sum(len(buyer.canceled) for buyer in people),
        findings=_findings(cluster.shop, people),
    )


def _people(shop: LiveShop, count: int) -> list[Buyer]:
    ana = ApiClient(shop, "ana")
    listings = [ana.offer(f"El ave fénix {number}", "3.00", copies=COPIES) for number in range(TITLES)]
    people = [Buyer(ApiClient(shop, f"buyer{number}"), listings, number) for number in range(count)]
    for buyer in people:
        buyer.client.delivery()
    return people


def _hurt(cluster: Cluster, seconds: float, database_kills: int, dice: random.Random) -> None:
    started = time.monotonic()
    # The database's kills lie evenly within the time, none at its edges.
    database_at = [seconds * (number + 1) / (database_kills + 1) for number in range(database_kills)]
    while (now := time.monotonic() - started) < seconds:
        if database_at and now >= database_at[0]:
            database_at.pop(0)
            cluster.kill_database()
        else:
            cluster.kill_something(dice)
        time.sleep(dice.uniform(0.5, 4))
    for _ in database_at:
        cluster.kill_database()


def _findings(shop: LiveShop, people: list[Buyer]) -> list[str]:
    """Everything that the shop did not keep of what it had said; empty when all is well."""
    audit = _settle(shop)
    findings = [] if audit is None else [f"audit: {audit}"]
    _wait_until_open(people)
    for buyer in people:
        findings += _broken_words(buyer)
    return findings


def _wait_until_open(people: list[Buyer]) -> None:
    """What was killed last is still starting; whether the shop kept its word is asked when it answers steadily."""
    ends_at, calm = time.monotonic() + PATIENCE_SECONDS, 0
    while calm < CALM_ANSWERS:
        assert time.monotonic() < ends_at, "the shop does not come back"
        asked = people[calm % len(people)].client.http
        if asked.get("/orders", params={"limit": 1}).status_code == 200:
            calm += 1
        else:
            calm = 0
            time.sleep(0.2)


def _settle(shop: LiveShop) -> str | None:
    """Let the workers finish what was left half done; what the audit still says, None when it is clean."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (audit := shop.run("audit", check=False)).returncode != 0:
        if time.monotonic() > deadline:
            return audit.stdout + audit.stderr
        time.sleep(1)
    return None


def _broken_words(buyer: Buyer) -> Iterator[str]:
    orders = _orders_of(buyer)
    acknowledged = [reference for reference in buyer.keys.values() if reference]
    if len(set(acknowledged)) != len(acknowledged):
        yield f"buyer {buyer.seed}: two keys were answered with one order"
    if len(orders) > len(buyer.keys):
        yield f"buyer {buyer.seed}: {len(orders)} orders of {len(buyer.keys)} keys"
    for reference in acknowledged:
        if reference not in orders:
            yield f"{reference} was acknowledged and is lost"
    for reference in buyer.paid:
        if orders.get(reference) not in PAID | {"canceled"}:
            yield f"{reference} was told to be paid and is {orders.get(reference)}"
        if orders.get(reference) == "canceled" and reference not in buyer.canceled:
            yield f"{reference} was paid and is canceled, which nobody was told"
    for reference in buyer.canceled:
        if orders.get(reference) not in {"canceled", "refunded"}:
            yield f"{reference} was told to be canceled and is {orders.get(reference)}"


def _orders_of(buyer: Buyer) -> dict[str, str]:
    """Every order of this buyer with its status."""
    buyer.client.log_in()
    found: dict[str, str] = {}
    cursor = None
    while True:
        query = {"limit": "100", **({"cursor": cursor} if cursor else {})}
        page = buyer.client.http.get("/orders", params=query).raise_for_status().json()
        for order in page["items"]:
            assert order["reference"] not in found, "the list of orders repeats one"
            found[order["reference"]] = order["status"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def race_for_the_last_copy(cluster: Cluster, buyers: int) -> Counter[str]:
    """So many people want one copy at the same moment; how often each answer was given."""
    ana = ApiClient(cluster.shop, "ana-of-the-race")
    listing = ana.offer("El último ejemplar", "12.50", copies=1)
    # One body for all who race: who they are is what differs.
    tokens = _members(cluster.shop, buyers)
    body = order_of(listing, 1, ana.delivery())
    start = threading.Barrier(buyers)
    answers: list[str] = []
    limits = httpx.Limits(max_connections=buyers)
    with httpx.Client(base_url=f"{cluster.shop.url}/api/v1", timeout=120, limits=limits) as http:

        def buy(token: str) -> None:
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "the-last-copy"}
            start.wait()
            while (answer := http.post("/orders", json=body, headers=headers)).status_code in {502, 503, 504}:
                answers.append(f"{answer.status_code} (asked again)")
                time.sleep(0.5)
            answers.append(_word(answer))

        threads = [threading.Thread(target=buy, args=(token,)) for token in tokens]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=300)
    return Counter(answers)


def _members(shop: LiveShop, count: int) -> list[str]:
    """Access tokens of so many new members."""
    password = "correct horse battery"
    with httpx.Client(base_url=f"{shop.url}/api/v1", timeout=60) as http:

        def join(number: int) -> str:
            who = {"email": f"racer{number}@example.com", "password": password}
            http.post("/accounts/users", json={"name": f"Racer {number}", **who}).raise_for_status()
            return str(http.post("/accounts/sessions", json=who).raise_for_status().json()["access_token"])

        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(join, range(count)))


@click.command()
@click.option(
    "--seconds", default=300, show_default=True, help="How long people buy while processes are killed."
)
@click.option("--buyers", default=8, show_default=True, help="How many people buy at the same time.")
@click.option("--racers", default=500, show_default=True, help="How many people want the last copy.")
@click.option("--database", "product", default="mysql", type=click.Choice(["mysql", "mariadb"]))
@click.option(
    "--database-kills", default=2, show_default=True, help="How often the database server is killed."
)
@click.option("--seed", type=int, help="The order of the kills, to have a run again.  [default: a new one]")
def main(seconds: int, buyers: int, racers: int, product: str, database_kills: int, seed: int | None) -> None:
    """Race for the last copy, then kill any process while people buy; exit 1 when anything does not add up."""
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    with (
        tempfile.TemporaryDirectory(prefix="bookstore-drill-") as folder,
        running_cluster(Path(folder) / "shop", product) as cluster,
    ):
        click.echo(f"{racers} buyers of the last copy, {REPLICAS} replicas of each service, {product}:")
        race = race_for_the_last_copy(cluster, racers)
        for word, count in race.most_common():
            click.echo(f"  {count:5} {word}")
        click.echo(f"now people buy for {seconds} s while processes are killed")
        report = drill(cluster, seconds, buyers, database_kills, seed)
        click.echo(report)
    sold = sum(count for word, count in race.items() if word.startswith("201"))
    sys.exit(0 if sold == 1 and not report.findings else 1)


if __name__ == "__main__":
    main()
