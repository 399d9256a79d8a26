"""The whole benchmark: of this shop as it is deployed, or of any other by its address."""

import os
import platform
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bench.database_rate import database_rate
from bench.filling import COPIES_OF_A_STACK, DataSet
from bench.measuring import Bench, StaticLimits, measure_all
from bench.members import Members
from bench.open_load import Shop
from bench.page_map import PageMap, own_pages
from bench.production import Production, production
from bench.results import Limit, Run
from bench.scenarios import Scenario, mix_of_readers, own_scenarios, reading_scenarios
from bench.sustained import Trial
from bench.usage import Usage
from bookstore.catalog.models import Listing
from bookstore.deploying.errors import CommandFailed
from bookstore.deploying.images import commit_of
from bookstore.wiring import open_database

IDLE_SECONDS = 5.0
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Plan:
    """What is measured and how: each trial is counted for so many seconds."""

    data: DataSet = field(default_factory=DataSet)
    seconds: float = 4.0
    tls: bool = False
    only: Sequence[str] = ()
    split: bool = False

    def chosen(self, scenarios: Sequence[Scenario]) -> list[Scenario]:
        return [one for one in scenarios if not self.only or one.name in self.only]


@dataclass(frozen=True)
class Opened:
    """A shop that runs and has people, books, and copies to sell."""

    running: Production
    members: Members
    pages: PageMap
    stacks: Sequence[int]

    @property
    def scenarios(self) -> list[Scenario]:
        return own_scenarios(self.running.shop, self.pages, self.members, self.stacks)

    def usage(self) -> Usage:
        return Usage.of(self.running)


@contextmanager
def opened(data: DataSet, *, tls: bool, say: Callable[[str], None], split: bool = False) -> Iterator[Opened]:
    """Start the production set-up with this data."""
    say("starting the shop and filling it")
    with production(data.fill, tls=tls, split=split) as running:
        database = open_database(running.settings, "catalog")
        try:
            with database.reading() as session:
                deep = select(Listing.id).where(Listing.offered == COPIES_OF_A_STACK).order_by(Listing.id)
                stacks = list(session.scalars(deep))
            yield Opened(running, Members(running.shop), own_pages(database), stacks)
        finally:
            database.close()


def run_own(plan: Plan, say: Callable[[str], None]) -> Run:
    """Start this shop, measure it, and end it."""
    with opened(plan.data, tls=plan.tls, say=say, split=plan.split) as shop:
        bench = Bench(shop.running.shop, plan.seconds, say, shop.usage)
        bench.notice_idle(IDLE_SECONDS)
        static = StaticLimits(bench, shop.running.edge.static)

        def limit_of(scenario: Scenario, trials: Sequence[Trial]) -> Limit | None:
            if scenario.name == "checkout" and plan.split:
                return None  # what a C client says is recorded of one schema
            if scenario.name == "checkout":
                return _database_limit(shop, plan.seconds, say)
            return static.of_size(_size(trials))

        results = list(measure_all(bench, plan.chosen(shop.scenarios), limit_of))
    return Run(_about(plan), results, list(static.taken.values()))


def run_other(url: str, pages: PageMap, plan: Plan, say: Callable[[str], None]) -> Run:
    """Read in a shop that runs anyway; nothing is started, and no limit is known."""
    shop = Shop(url.rstrip("/"), ssl.create_default_context() if url.startswith("https:") else None)
    scenarios = plan.chosen([*reading_scenarios(shop, pages), mix_of_readers(shop, pages)])
    results = list(measure_all(Bench(shop, plan.seconds, say), scenarios, lambda *_: None))
    return Run(_about(plan) | {"url": url, "data": None}, results)


def _database_limit(shop: Opened, seconds: float, say: Callable[[str], None]) -> Limit:
    own = database_rate(shop.running, shop.members, shop.stacks, seconds)
    say(f"  the database alone, {own.clients} clients: {own.rate:,.0f} orders/s")
    name = f"database, {own.statements} statements and {own.commits} commits by a C client"
    return Limit(name, own.rate, own.cpu)


def _size(trials: Sequence[Trial]) -> int:
    """Bytes of an answer."""
    return max(64, round(trials[0].body_bytes))


def _about(plan: Plan) -> dict[str, Any]:
    catalog = plan.data.catalog
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "data": {
            "books": None if catalog else plan.data.books,
            "listings": plan.data.listings,
            "catalog": catalog.name if catalog else None,
        },
        "tls": plan.tls,
        "services": 3 if plan.split else 1,
        "seconds": plan.seconds,
        "load_average": os.getloadavg()[0],
    }


def _commit() -> str:
    try:
        return commit_of(ROOT)[:12]
    except CommandFailed:
        return "unknown"
