"""A day of a fleet, second by second: when its scaling policies act, how long people wait, what it costs.

    python deploy/aws/simulation.py [FOLDER]

writes the plots of docs/scaling.md. The policies are those of `fleet.py`, and act as AWS says of target
tracking: they grow after three minutes above the target, shrink after fifteen below nine tenths of it, and
shrink only when all of them would. What one instance can do was measured (`MEASURED`).
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

import engine  # noqa: F401  # before the CDK, which starts it
from fleet import CPU_PERCENT
from pricing import TABLE

DAY = 24 * 3600
MINUTE = 60
# Of target tracking: minutes above the target, and below this part of it.
MINUTES_UP, MINUTES_DOWN, PART_DOWN = 3, 15, 0.9
# One in twenty waits three times the mean and longer, where waits are spread as in a queue of chance.
P95_OF_MEAN = math.log(20)
Curve = Callable[[int], float]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one instance can do."""

    # Requests in a second, of the mix of a day.
    capacity: float
    # From a request to its answer when nobody else asks.
    answer_seconds: float
    # From the start of a machine until it serves.
    boot_seconds: int
    # Requests that an instance lets wait before it says 503 at once.
    most_waiting: float


# `bench pages` gives 5 ms of a processor for the mean of the pages that people read and 31 ms for a purchase,
# one visit of 32: 6 ms. A t3.small is taken for one and a third of the processors on which that was measured.
# The boot is that of tests/instances, where three start at one moment on two processors.
MEASURED = Measured(capacity=220, answer_seconds=0.006, boot_seconds=54, most_waiting=100)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The bounds of a group, and what it aims at."""

    fewest: int
    most: int
    requests_per_minute: float
    cpu_percent: float = CPU_PERCENT
    warm_up_seconds: int = 120


@dataclass(kw_only=True)
class Minute:
    """What was seen in one minute of the day."""

    rate: float
    instances: int
    cpu: float
    p95: float
    refused: int


@dataclass
class Day:
    """A day that is over. `dollars` are those of the instances alone."""

    minutes: list[Minute] = field(default_factory=list)

    @property
    def instance_hours(self) -> float:
        return sum(one.instances for one in self.minutes) / 60

    @property
    def requests(self) -> float:
        return sum(one.rate * MINUTE for one in self.minutes)

    @property
    def refused(self) -> int:
        return sum(one.refused for one in self.minutes)

    @property
    def slow_minutes(self) -> int:
        """Minutes in which one in twenty waited for longer than a second."""
        return sum(one.p95 > 1 for one in self.minutes)

    @property
    def changes(self) -> list[tuple[int, int]]:
        """The minutes at which the number of instances changed, with the number from then on."""
        pairs = enumerate(zip(self.minutes, self.minutes[1:], strict=False), start=1)
        return [(minute, new.instances) for minute, (old, new) in pairs if old.instances != new.instances]

    def dollars(self, instance_type: str) -> float:
        prices = yaml.safe_load(TABLE.read_text())["instance"]
        return self.instance_hours * float(prices[instance_type])


def big_day(average: float) -> Curve:
    """Requests in a second: a peak in the evening, and a newsletter at noon that many open at once."""

    def rate(second: int) -> float:
        hour = second / 3600
        evening = math.exp(-(((hour - 20.5) / 2.2) ** 2))
        morning = 0.6 * math.exp(-(((hour - 11) / 2.5) ** 2))
        letter = 2.5 * math.exp(-(hour - 12) / 0.15) if hour >= 12 else 0.0
        return average * (0.25 + 1.9 * evening + 1.5 * morning + letter)

    return rate


class Fleet:
    """The group at one moment: instances that serve, those that boot, and what waits."""

    def __init__(self, policy: Policy, measured: Measured) -> None:
        self._policy, self._measured = policy, measured
        self.serving = policy.fewest
        self._coming: list[int] = []
        self._waiting = 0.0
        self._above = self._below = self._warm_at = 0

    def second(self, now: int, rate: float) -> tuple[float, float]:
        """Let a second pass: how long one in twenty waits for an answer, and how many are refused."""
        self.serving += sum(ready <= now for ready in self._coming)
        self._coming = [ready for ready in self._coming if ready > now]
        capacity = self.serving * self._measured.capacity
        most = self.serving * self._measured.most_waiting
        waiting = max(self._waiting + rate - capacity, 0)
        refused, self._waiting = max(waiting - most, 0), min(waiting, most)
        answer = self._measured.answer_seconds / (1 - min(rate / capacity, 0.99))
        return self._waiting / capacity + P95_OF_MEAN * answer, refused

    def decide(self, now: int, requests: float, cpu: float) -> None:
        """At the end of a minute, with what CloudWatch has of it. Until new instances are warm, nothing."""
        per_instance = requests / self.serving
        most = max(per_instance / self._policy.requests_per_minute, cpu / self._policy.cpu_percent)
        self._above = self._above + 1 if most > 1 else 0
        self._below = self._below + 1 if most < PART_DOWN else 0
        if now < self._warm_at:
            return
        if self._above >= MINUTES_UP:
            self._grow(now, min(math.ceil(self.serving * most), self._policy.most) - self.serving)
        elif self._below >= MINUTES_DOWN:
            self.serving = max(math.ceil(self.serving * most / PART_DOWN), self._policy.fewest)
            self._below = 0

    def _grow(self, now: int, more: int) -> None:
        self._coming += [now + self._measured.boot_seconds] * more
        self._warm_at = now + max(self._measured.boot_seconds, self._policy.warm_up_seconds)
        self._above = 0


def simulate(curve: Curve, policy: Policy, measured: Measured = MEASURED) -> Day:
    fleet, day = Fleet(policy, measured), Day()
    for start in range(0, DAY, MINUTE):
        rates = [curve(now) for now in range(start, start + MINUTE)]
        passed = [fleet.second(now, rate) for now, rate in enumerate(rates, start)]
        requests = sum(rates)
        cpu = min(100 * requests / MINUTE / (fleet.serving * measured.capacity), 100)
        day.minutes.append(
            Minute(
                rate=requests / MINUTE,
                instances=fleet.serving,
                cpu=cpu,
                p95=sum(wait for wait, _ in passed) / MINUTE,
                refused=round(sum(refused for _, refused in passed)),
            )
        )
        fleet.decide(start + MINUTE, requests, cpu)
    return day


if __name__ == "__main__":
    from plotting import plot

    plot(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/plots"))
