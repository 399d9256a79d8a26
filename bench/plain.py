"""What our way of making pages brings: each page by the app itself, and made the plain way.

Neither is asked through nginx, so that nothing is kept. Both have the same database, machine and generator.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import httpx

from bench.measuring import Bench
from bench.open_load import Shop
from bench.page_map import READING
from bench.production import Production, start
from bench.run import IDLE_SECONDS, Opened
from bench.scenarios import reading_scenarios
from bench.sustained import best_of
from bench.usage import Usage
from bookstore.config import variable
from bookstore.serving.split import free_ports

START_SECONDS = 60
AIM = 3.0


@dataclass(frozen=True)
class Side:
    """One way of making a page: right answers per second, and what 1,000 of them take."""

    rate: float
    app_cpu: float
    database_cpu: float
    statements: float


@dataclass(frozen=True)
class Difference:
    """A kind of page, made both ways."""

    page: str
    ours: Side
    plain: Side

    @property
    def ratio(self) -> float:
        """Of the rates."""
        return self.ours.rate / self.plain.rate if self.plain.rate else float("inf")

    @property
    def is_enough(self) -> bool:
        return self.ratio >= AIM


def differences(opened: Opened, seconds: float, say: Callable[[str], None]) -> Iterator[Difference]:
    """Measure each kind of page both ways."""
    ours = replace(opened.running, shop=opened.running.app)
    with plain_beside(opened.running) as plain:
        sides = {"ours": _bench(ours, seconds, say), "plain": _bench(plain, seconds, say)}
        for page in READING:
            yield Difference(page, **{side: _side(opened, bench, page) for side, bench in sides.items()})


@contextmanager
def plain_beside(running: Production) -> Iterator[Production]:
    """The same shop with plain pages, at a port of its own on the same database."""
    [port] = free_ports(1)
    environ = running.environ | {variable("port"): str(port)}
    with ExitStack() as stack:
        process = start(stack, running.edge.folder / "plain.log", environ, "bench.plain_shop")
        shop = Shop(f"http://127.0.0.1:{port}")
        _wait(shop, process)
        programs = {"app": process.pid, "database": running.programs["database"]}
        yield replace(running, shop=shop, programs=programs)


def _wait(shop: Shop, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{shop.url}/books", trust_env=False, timeout=START_SECONDS).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError("the plain shop did not come up")


def _bench(running: Production, seconds: float, say: Callable[[str], None]) -> Bench:
    bench = Bench(running.shop, seconds, say, lambda: Usage.of(running))
    bench.notice_idle(IDLE_SECONDS)
    return bench


def _side(opened: Opened, bench: Bench, page: str) -> Side:
    [scenario] = [one for one in reading_scenarios(bench.shop, opened.pages) if one.name == page]
    best = best_of(bench.trials(scenario))
    if best is None:
        return Side(0.0, 0.0, 0.0, 0.0)
    cpu = best.cost["cpu"]
    return Side(best.right, cpu["app"], cpu["database"], best.cost["statements"])


def difference_lines(found: list[Difference]) -> Iterator[str]:
    """A table for a terminal."""
    yield f"{'page':<10}{'':<8}{'per s':>8}{'app ms':>9}{'db ms':>8}{'statements':>12}{'ratio':>8}"
    for one in found:
        for name, side in (("ours", one.ours), ("plain", one.plain)):
            ratio = f"{one.ratio:>8.1f}" if name == "ours" else ""
            yield (
                f"{one.page:<10}{name:<8}{side.rate:>8,.0f}{side.app_cpu:>9.2f}{side.database_cpu:>8.2f}"
                f"{side.statements:>12.1f}{ratio}"
            )
    yield f"cores: {len(os.sched_getaffinity(0))}; aim: a ratio of {AIM:g}"
