"""Whether a page of a large shop takes longer than the same page of a small one.

Each shop is asked by the same steady load, and the app itself is asked: nginx, which keeps what was read a
moment ago, would hide the difference.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.filling import DataSet
from bench.measuring import WARM_UP_SECONDS, Bench
from bench.run import Opened, opened
from bench.scenarios import reading_scenarios
from bench.sustained import Trial
from bench.usage import family, own_megabytes

# The aim: p95 of the large shop as a multiple of that of the small one.
AT_MOST = 1.5
LISTINGS_OF_A_BOOK = 3


@dataclass(frozen=True)
class Sized:
    """A shop of so many books: its pages under the load, and MB that each process which serves
    them has for itself.
    """

    books: int
    trials: Mapping[str, Trial]
    megabytes: float

    def p95(self, page: str) -> float:
        """Milliseconds; endless when the page did not come."""
        trial = self.trials[page]
        return float("inf") if trial.p95 is None or trial.errors else trial.p95


def measure_size(books: int, rate: float, seconds: float, say: Callable[[str], None]) -> Sized:
    """Start a shop of this size and ask each kind of page at this rate."""
    say(f"{books:,} books")
    with opened(DataSet(books, books * LISTINGS_OF_A_BOOK), tls=False, say=say) as shop:
        return _measured(shop, books, rate, seconds, say)


def _measured(shop: Opened, books: int, rate: float, seconds: float, say: Callable[[str], None]) -> Sized:
    app, server = shop.running.app, shop.running.programs["app"]
    bench = Bench(app, seconds, say)
    trials = {}
    for scenario in reading_scenarios(app, shop.pages):
        bench.trial(scenario, rate, WARM_UP_SECONDS)
        trials[scenario.name] = bench.trial(scenario, rate, seconds)
    return Sized(books, trials, statistics.mean(own_megabytes(worker) for worker in family(server)[1:]))


def worst_ratio(sizes: Sequence[Sized]) -> float:
    """The largest p95 of any page and size as a multiple of that of the first size."""
    first = sizes[0]
    return max(one.p95(page) / first.p95(page) for one in sizes for page in first.trials)


def flat_lines(sizes: Sequence[Sized]) -> Iterator[str]:
    """A table for a terminal; ratios are to the first size."""
    first = sizes[0]
    yield f"{'books':>10} {'page':<10}{'p50 ms':>8}{'p95 ms':>8}{'ratio':>7}"
    for one in sizes:
        for page, trial in one.trials.items():
            p50, ratio = trial.p50 or float("inf"), one.p95(page) / first.p95(page)
            yield f"{one.books:>10,} {page:<10}{p50:>8.1f}{one.p95(page):>8.1f}{ratio:>7.2f}"
        yield f"{one.books:>10,} {one.megabytes:,.0f} MB that each process of the app has for itself"
    yield f"the worst ratio is {worst_ratio(sizes):.2f}; the aim is {AT_MOST:g}"
