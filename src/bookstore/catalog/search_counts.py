"""How many books of a result have each value of a facet, and a short memory for the large results."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import NamedTuple

# A result of so many books takes the engine a millisecond to count, one of a million 50. Nobody who reads
# "412,000 in Spanish" misses the book that was listed a moment ago.
LARGE = 20_000
SECONDS_KEPT = 30.0
_MOST_KEPT = 1_000


@dataclass(frozen=True)
class PriceBucket:
    """How many books have their cheapest copy at `lowest` or more and below `below` (None: no end)."""

    lowest: int
    below: int | None
    count: int


@dataclass(frozen=True)
class FacetCounts:
    """The counts of each facet by its values, the largest first, and those of the price ranges."""

    values: dict[str, dict[str, int]]
    prices: list[PriceBucket]


class _Kept(NamedTuple):
    counts: FacetCounts
    until: float


class KeptCounts:
    """Counts of large results, true within SECONDS_KEPT whatever was listed and sold meanwhile (ADR 38).

    Those of smaller results are counted each time. Threads may share it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[Hashable, _Kept] = {}

    def of(self, asked: Hashable, total: int, count: Callable[[], FacetCounts]) -> FacetCounts:
        """The counts of what was asked and found so many books."""
        if total < LARGE:
            return count()
        known = self._kept.get(asked)
        if known is not None and self._clock() < known.until:
            return known.counts
        counts = count()
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[asked] = _Kept(counts, self._clock() + SECONDS_KEPT)
        return counts
