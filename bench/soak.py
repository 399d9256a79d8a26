"""A long steady load: whether memory stays flat and no connection or file stays open."""

import statistics
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.open_load import Driver
from bench.run import Opened
from bench.scenarios import mix
from bench.usage import family, files, own_megabytes
from bookstore.deploying.beside import Beside

LOOK_EVERY = 10.0
# Of the sustained rate.
PART = 0.6
# Not fitted: the caches fill, with each book that is seen for the first time a little more.
SETTLING_MINUTES = 15.0
STEEPEST = 1.0


@dataclass(frozen=True)
class Look:
    """Hours since the start; MB of its own and open files of each process that was there."""

    hours: float
    megabytes: Mapping[int, float]
    files: Mapping[int, int]


@dataclass(frozen=True)
class Soak:
    """MB per hour for each worker by the id of its process, its open files at the first look after settling
    and at the last, and its MB at each fifth of the time, from the first look to the last.
    """

    requests: int
    errors: Counter[str]
    slopes: Mapping[int, float]
    files: Mapping[int, tuple[int, int]]
    course: Mapping[int, Sequence[float]]

    @property
    def is_flat(self) -> bool:
        return bool(self.slopes) and all(slope < STEEPEST for slope in self.slopes.values())


@dataclass
class Watch(Beside):
    """Looks at the workers of a server from time to time while it is open."""

    server: int
    looks: list[Look] = field(default_factory=list)

    def _go_on(self) -> None:
        began = time.monotonic()
        while not self._over.wait(LOOK_EVERY):
            workers = family(self.server)[1:]
            hours = (time.monotonic() - began) / 3600
            self.looks.append(
                Look(
                    hours,
                    {one.pid: own_megabytes(one) for one in workers},
                    {one.pid: files(one) for one in workers},
                )
            )


def soak(
    opened: Opened, sustained: float, minutes: float, settling_minutes: float = SETTLING_MINUTES
) -> Soak:
    """Keep up a part of the sustained visits per second for so long, after the memory has settled."""
    scenario = mix(opened.running.shop, opened.pages, opened.members, opened.stacks)
    driver = Driver(opened.running.shop, lead=scenario.lead)
    with Watch(opened.running.programs["app"]) as watch:
        load = driver.drive(scenario.visits(), PART * sustained, (settling_minutes + minutes) * 60)
    return fitted(watch.looks, settling_minutes / 60, len(load.asked), load.errors)


def fitted(looks: Sequence[Look], settling_hours: float, requests: int, errors: Counter[str]) -> Soak:
    """What became of the workers that were there from the end of the settling on."""
    settled = [look for look in looks if look.hours >= settling_hours]
    lasting = set.intersection(*(set(look.megabytes) for look in settled)) if len(settled) > 1 else set()
    hours = [look.hours for look in settled]
    slopes = {
        pid: statistics.linear_regression(hours, [look.megabytes[pid] for look in settled]).slope
        for pid in sorted(lasting)
    }
    open_files = {pid: (settled[0].files[pid], settled[-1].files[pid]) for pid in sorted(lasting)}
    course = {pid: [look.megabytes.get(pid, 0.0) for look in _fifths(looks)] for pid in sorted(lasting)}
    return Soak(requests, errors, slopes, open_files, course)


def _fifths(looks: Sequence[Look]) -> list[Look]:
    return [looks[fifth * (len(looks) - 1) // 5] for fifth in range(6)]


def soak_lines(done: Soak) -> Iterator[str]:
    """The figures for a terminal."""
    yield f"{done.requests:,} requests, errors: {dict(done.errors) or 'none'}"
    for pid, slope in done.slopes.items():
        first, last = done.files[pid]
        yield f"worker {pid}: {slope:+.2f} MB per hour; open files {first}, in the end {last}"
        yield f"  MB at each fifth of the time: {', '.join(f'{one:.1f}' for one in done.course[pid])}"
    yield "memory is flat" if done.is_flat else "memory is NOT flat"
