"""The highest rate that a shop sustains: found by doubling until it fails, then by halving the distance."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.open_load import Load

P99_MILLISECONDS = 250.0
# So many answers may be wrong at a rate that counts as sustained, and so many may be missing.
ERRORS_AT_MOST = 0.001
DOUBLINGS, HALVINGS, BISECTIONS = 14, 4, 3
# A rate is given up when it has failed as often as this. A failure while others took more than so many
# processors from us counts half.
FAILURES = 2.0
DISTURBED_BY = 0.5
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999}


@dataclass(frozen=True)
class Trial:
    """A load at one rate of visits per second, counted for `counted_seconds`.

    `right` are right answers per second; times are in milliseconds, None without any answer; `generator` is
    the processor time of the generator in seconds per 1,000 requests; `cost` is what the shop took.
    """

    rate: float
    counted_seconds: float
    requests: int
    right: float
    errors: Mapping[str, int]
    p50: float | None
    p95: float | None
    p99: float | None
    p999: float | None
    generator: float
    body_bytes: float
    cost: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_sustained(self) -> bool:
        wrong = sum(self.errors.values())
        return (
            self.p99 is not None and self.p99 < P99_MILLISECONDS and wrong <= ERRORS_AT_MOST * self.requests
        )

    @property
    def cpu(self) -> float | None:
        """Seconds of processor time of all programs of the shop per 1,000 requests, where that is known."""
        return sum(self.cost["cpu"].values()) if self.cost else None

    @property
    def others(self) -> float:
        """Processors that were taken by what is neither the shop nor the load, as far as that is known."""
        return float(self.cost.get("others", 0.0))

    @property
    def is_disturbed(self) -> bool:
        return self.others > DISTURBED_BY


Measure = Callable[[float], Trial]


def trial_of(load: Load, rate: float, seconds: float, cost: Mapping[str, Any] | None = None) -> Trial:
    """The figures of a load that was counted for so many seconds."""
    latencies, number = load.latencies, len(load.asked)
    times = {name: percentile(latencies, part) for name, part in PERCENTILES.items()}
    wrong = load.errors
    return Trial(
        rate=rate,
        counted_seconds=seconds,
        requests=number,
        right=(number - wrong.total()) / seconds,
        errors=dict(wrong),
        generator=load.seconds_of_cpu * 1000 / max(1, load.answers),
        body_bytes=load.body_bytes / max(1, load.answers),
        cost=cost or {},
        **times,
    )


def percentile(ordered: Sequence[float], part: float) -> float | None:
    """Milliseconds within which this part of all, sorted and in seconds, has come: the nearest rank."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)] * 1000


def highest(measure: Measure, first: float, *, bisections: int = BISECTIONS) -> list[Trial]:
    """All trials, in their order. The last one that was sustained at the highest rate is `best_of` them."""
    trials: list[Trial] = []

    def holds(rate: float) -> bool:
        failures = 0.0
        while failures < FAILURES:
            trials.append(measure(rate))
            if trials[-1].is_sustained:
                return True
            failures += 0.5 if trials[-1].is_disturbed else 1.0
        return False

    low, high = _bracket(holds, first)
    for _ in range(bisections if low else 0):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return trials


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The trial at the highest sustained rate, or None if there was none."""
    return max((one for one in trials if one.is_sustained), key=lambda one: one.rate, default=None)


def _bracket(holds: Callable[[float], bool], first: float) -> tuple[float, float]:
    """A rate that holds and a higher one that does not; (0, ...) if none of those tried holds."""
    if holds(first):
        return _double(holds, first)
    for halving in range(1, HALVINGS + 1):
        if holds(first / 2**halving):
            return first / 2**halving, first / 2 ** (halving - 1)
    return 0.0, first / 2**HALVINGS


def _double(holds: Callable[[float], bool], low: float) -> tuple[float, float]:
    for _ in range(DOUBLINGS):
        if not holds(low * 2):
            break
        low *= 2
    return low, low * 2
