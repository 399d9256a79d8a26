"""A run of the benchmark as it is stored, and what has changed between two of them.

Absolute figures are of one machine at one hour. What can be compared is each figure's ratio to the limit
that was taken in the same run.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from bench.sustained import Trial, best_of


@dataclass(frozen=True)
class Limit:
    """The most that could be had: what it is, how often in a second, and the processor time that 1,000 of it
    take, in seconds.
    """

    name: str
    rate: float
    cpu: float | None = None
    trials: Sequence[Trial] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """One scenario: all trials, and the limit. `per_figure` requests make one of what is counted."""

    name: str
    counts: str
    per_figure: float
    trials: Sequence[Trial]
    limit: Limit | None = None

    @property
    def best(self) -> Trial | None:
        return best_of(self.trials)

    @property
    def rate(self) -> float:
        """Right answers, or orders, per second at the highest sustained rate; 0 without one."""
        return self.best.right / self.per_figure if self.best else 0.0

    @property
    def ratio(self) -> float | None:
        return self.rate / self.limit.rate if self.limit and self.limit.rate else None

    @property
    def cpu_ratio(self) -> float | None:
        """The processor time of the limit as a part of ours. A busy machine disturbs it less."""
        if self.best is None or not self.best.cpu or self.limit is None or self.limit.cpu is None:
            return None
        return self.limit.cpu / (self.best.cpu * self.per_figure)


@dataclass(frozen=True)
class Run:
    """`about` says when, of what, and how it was measured."""

    about: Mapping[str, Any]
    results: Sequence[Result]
    limits: Sequence[Limit] = field(default_factory=list)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises KeyError, TypeError or ValueError when the file is no stored run."""
        told = json.loads(path.read_text())
        results = [
            Result(
                **{
                    **one,
                    "trials": _trials(one["trials"]),
                    "limit": _limit(one["limit"]) if one["limit"] else None,
                }
            )
            for one in told["results"]
        ]
        return cls(told["about"], results, [_limit(one) for one in told["limits"]])


@dataclass(frozen=True)
class Change:
    """A ratio of a scenario to its limit in two runs, and the second as a multiple of the first."""

    name: str
    of: str
    before: float | None
    after: float | None

    @property
    def factor(self) -> float | None:
        return self.after / self.before if self.before and self.after is not None else None


def compare(before: Run, after: Run) -> list[Change]:
    """The scenarios of both runs, in the order of the second one."""
    earlier = {one.name: one for one in before.results}
    both = [(earlier[one.name], one) for one in after.results if one.name in earlier]
    rates = [Change(one.name, "rate", other.ratio, one.ratio) for other, one in both]
    return rates + [Change(one.name, "CPU", other.cpu_ratio, one.cpu_ratio) for other, one in both]


def _trials(told: Sequence[Mapping[str, Any]]) -> list[Trial]:
    return [Trial(**one) for one in told]


def _limit(told: Mapping[str, Any]) -> Limit:
    return Limit(told["name"], told["rate"], told["cpu"], _trials(told["trials"]))
