"""Many more people than the shop can serve, for a minute: what they are told, and how soon it is over.

The visits have no time to think, so that the rate of requests follows that of the visits at once. Most read
one page; one of twenty orders and pays, and whoever has ordered insists on paying.
"""

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from bench.books import SEED
from bench.members import Members
from bench.open_load import Asked, Driver, Load, Shop, Visit
from bench.page_map import READING, PageMap
from bench.run import Opened
from bench.scenarios import BUYS_EVERY, Scenario, get, order_and_pay
from bench.sustained import P99_MILLISECONDS, percentile

TIMES, SECONDS = 5.0, 60.0
BEFORE_SECONDS, AFTER_SECONDS = 10.0, 60.0
RECOVERED_WITHIN = 10
# Of the sustained rate: what comes before the spike and after it.
USUAL = 0.6
# People do not share connections as a load of steady rate may: almost all of a spike wait on their own.
CONNECTIONS = 4_000
# 409 says to who comes again that the first request is still being carried out.
POLITE = {f"status {status} with Retry-After" for status in (409, 429, 503)}


@dataclass
class Tills:
    """How many orders were acknowledged, and how many of them were paid for in the end."""

    placed: int = 0
    paid: int = 0


@dataclass(frozen=True)
class Spike:
    """What came of a spike. `refused` were told politely to come again, `wrong` is everything else that was
    not right; `recovered` is the first second after the spike from which on all was as usual, None if never.
    """

    rate: float
    requests: int
    refused: int
    wrong: Counter[str]
    tills: Tills
    p99_of_served: float | None
    recovered: int | None

    @property
    def is_borne(self) -> bool:
        return (
            not self.wrong
            and self.tills.paid == self.tills.placed
            and self.recovered is not None
            and self.recovered <= RECOVERED_WITHIN
        )


@dataclass
class Rush:
    """The visits of a rush; the tills count what is bought in them."""

    shop: Shop
    pages: PageMap
    members: Members
    stacks: Sequence[int]
    tills: Tills = field(default_factory=Tills)

    @property
    def scenario(self) -> Scenario:
        requests = 1 + 1 / BUYS_EVERY
        return Scenario("rush", self.visits, requests, whole=True, before=self.members.stay_logged_in)

    def visits(self) -> Iterator[Visit]:
        chance = random.Random(SEED)  # noqa: S311  # chance, not a secret
        for number, member in zip(itertools.count(1), self.members.turns(), strict=False):
            if number % BUYS_EVERY == 0:
                yield self._purchase(self.members.tokens[member], chance.choice(self.stacks))
            else:
                yield self._look(chance)

    def _look(self, chance: random.Random) -> Visit:
        yield get(self.shop, chance.choice(self.pages[chance.choice(READING)]))

    def _purchase(self, token: str, listing: int) -> Visit:
        steps = order_and_pay(self.shop, token, listing, self.members.option)
        placed = yield next(steps)
        self.tills.placed += 1
        yield replace(steps.send(placed), insists=True)
        self.tills.paid += 1


def spike(opened: Opened, sustained: float) -> Spike:
    """Let five times the sustained visits per second come for a minute, between times as usual."""
    rush = Rush(opened.running.shop, opened.pages, opened.members, opened.stacks)
    opened.members.stay_logged_in()
    driver = Driver(rush.shop, whole=True, connections=CONNECTIONS)
    usual = USUAL * sustained
    load = driver.drive_phases(
        rush.visits(),
        [(usual, BEFORE_SECONDS), (TIMES * sustained, SECONDS), (usual, AFTER_SECONDS)],
    )
    return judged(load, rush.tills, TIMES * sustained, over=BEFORE_SECONDS + SECONDS)


def judged(load: Load, tills: Tills, rate: float, *, over: float) -> Spike:
    """The figures of a load whose spike was over at that second."""
    errors = load.errors
    served = sorted(one.took for one in load.asked if not one.wrong)
    return Spike(
        rate=rate,
        requests=len(load.asked),
        refused=sum(number for what, number in errors.items() if what in POLITE),
        wrong=Counter({what: number for what, number in errors.items() if what not in POLITE}),
        tills=tills,
        p99_of_served=percentile(served, 0.99),
        recovered=recovered(load.asked, over),
    )


def recovered(asked: Sequence[Asked], over: float) -> int | None:
    """The whole seconds after that moment from which on each second has its p99 in time and no refusal."""
    seconds: dict[int, list[Asked]] = {}
    for one in asked:
        if one.due >= over:
            seconds.setdefault(int(one.due - over), []).append(one)
    bad = [second for second, some in seconds.items() if not _is_as_usual(some)]
    last_bad = max(bad, default=-1)
    return last_bad + 1 if last_bad < max(seconds, default=-1) else None


def _is_as_usual(asked: Sequence[Asked]) -> bool:
    p99 = percentile(sorted(one.took for one in asked), 0.99)
    return p99 is not None and p99 < P99_MILLISECONDS and not any(one.wrong for one in asked)


def spike_lines(one: Spike) -> Iterator[str]:
    """The figures for a terminal."""
    p99 = "–" if one.p99_of_served is None else f"{one.p99_of_served:,.0f} ms"
    yield f"{one.rate:,.0f} visits/s for {SECONDS:.0f} s, {TIMES:g} times the sustained rate"
    yield f"{one.requests:,} requests, {one.refused:,} of them told to come again; p99 of the served: {p99}"
    yield f"{one.tills.placed} orders placed, {one.tills.paid} of them paid"
    yield f"wrong: {dict(one.wrong) or 'nothing'}"
    yield "not recovered" if one.recovered is None else f"as usual again after {one.recovered} s"
    yield "the spike was borne" if one.is_borne else "the spike was NOT borne"
