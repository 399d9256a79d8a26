"""Measures scenarios one after the other: warms up, looks for the highest rate, and takes the limit."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.open_load import Driver, Shop
from bench.page_map import Page
from bench.results import Limit, Result
from bench.scenarios import Scenario, reader
from bench.sustained import BISECTIONS, Trial, best_of, highest, trial_of
from bench.usage import Idle, Usage, cost

FIRST_RATE, FIRST_STATIC_RATE = 8.0, 2_000.0
WARM_UP_SECONDS = 2.0
# A limit that was taken with a file of nearly the same size is good for both.
SAME_SIZE = 0.1
# First in the file, as the word of a page is soon found: to look for it must not cost the generator more.
FIRST_WORD = "the beginning"


@dataclass
class Bench:
    """Measures one shop. `seconds` is how long each trial is counted; `usage` tells what the shop's programs
    use, where they are known; `say` is told what happens.
    """

    shop: Shop
    seconds: float
    say: Callable[[str], None]
    usage: Callable[[], Usage] | None = None
    idle: Idle = field(default_factory=Idle)
    bisections: int = BISECTIONS

    def notice_idle(self, seconds: float) -> None:
        """Learn what the shop does by itself, to take it off later."""
        if self.usage is not None:
            before = self.usage()
            time.sleep(seconds)
            self.idle = Idle.between(before, self.usage(), seconds)

    def trials(self, scenario: Scenario, first: float = FIRST_RATE) -> list[Trial]:
        """Warm up, and look for the highest rate of visits that is sustained."""
        first = first / scenario.requests
        self.trial(scenario, first, WARM_UP_SECONDS)
        return highest(lambda rate: self._told(scenario, rate), first, bisections=self.bisections)

    def trial(self, scenario: Scenario, rate: float, seconds: float) -> Trial:
        """One load."""
        scenario.before()
        driver = Driver(self.shop, lead=scenario.lead, whole=scenario.whole)
        before, began = self.usage and self.usage(), time.monotonic()
        load = driver.drive(scenario.visits(), rate, seconds)
        took, after = time.monotonic() - began, self.usage and self.usage()
        if before is None or after is None:
            return trial_of(load, rate, seconds)
        taken = cost(
            before,
            after,
            self.idle,
            requests=load.answers,
            seconds=took,
            generator=load.seconds_of_cpu,
        )
        return trial_of(load, rate, seconds, asdict(taken))

    def _told(self, scenario: Scenario, rate: float) -> Trial:
        trial = self.trial(scenario, rate, self.seconds)
        p99 = "no answer" if trial.p99 is None else f"p99 {trial.p99:.0f} ms"
        wrong = "".join(f", {number} × {what}" for what, number in trial.errors.items())
        others = f", others on {trial.others:.1f} processors" if trial.is_disturbed else ""
        self.say(f"  {scenario.name} at {rate * scenario.requests:,.1f}/s: {p99}{wrong}{others}")
        return trial


@dataclass
class StaticLimits:
    """What nginx serves of files that lie in `folder` and are reached at /static/."""

    bench: Bench
    folder: Path
    taken: dict[int, Limit] = field(default_factory=dict)

    def of_size(self, size: int) -> Limit:
        """The rate for a file of about this many bytes; measured once."""
        for known, limit in self.taken.items():
            if abs(known - size) <= SAME_SIZE * size:
                return limit
        self.taken[size] = self._measure(size)
        return self.taken[size]

    def _measure(self, size: int) -> Limit:
        name = f"bench-{size}.html"
        (self.folder / name).write_text(FIRST_WORD.ljust(size, "."))
        visits = reader(self.bench.shop, [Page(f"/static/{name}", FIRST_WORD)])
        scenario = Scenario(f"static, {size:,} bytes", visits)
        trials = self.bench.trials(scenario, FIRST_STATIC_RATE)
        best = best_of(trials)
        rate, cpu = (best.right, best.cpu) if best else (0.0, None)
        return Limit(f"nginx, a file of {size:,} bytes", rate, cpu, trials)


def measure_all(
    bench: Bench, scenarios: Iterable[Scenario], limit_of: Callable[[Scenario, Sequence[Trial]], Limit | None]
) -> Iterator[Result]:
    """Each scenario with its limit, which is taken right after it."""
    for scenario in scenarios:
        trials = bench.trials(scenario)
        is_order = scenario.name == "checkout"
        yield Result(
            scenario.name,
            "orders" if is_order else "requests",
            scenario.requests if is_order else 1.0,
            trials,
            limit_of(scenario, trials),
        )
