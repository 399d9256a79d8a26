"""A game day: people buy, something is broken, it is put right again, and the promises are checked."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from bookstore.chaos.errors import ShopNotWhole, TroubleFailed
from bookstore.chaos.interruption import Interruptions
from bookstore.chaos.load import Load
from bookstore.chaos.verdict import Fact, Limits, Verdict
from bookstore.deploying.errors import CommandFailed

Tell = Callable[[str], None]


class Shop(Protocol):
    """The shop that is hurt, as far as every game day needs it."""

    def missing(self) -> str:
        """What is not as it should be, in words; empty when all is."""
        ...

    def audit(self) -> str:
        """What the audit says. Raises CommandFailed when it finds something."""
        ...

    def kill_replicas(self) -> list[str]:
        """End a replica of each service that answers people, as by `kill -9`; which ones."""
        ...


@dataclass(frozen=True)
class Pace:
    """Seconds: of load before and after, until what must come about has, and between two looks."""

    before: float = 5
    after: float = 10
    patience: float = 240
    look: float = 0.5


@dataclass
class Scene:
    """What a trouble has before it: the shop, the load on it, and a sheet for what it sees."""

    shop: Shop
    load: Load
    pace: Pace
    tell: Tell
    facts: list[Fact] = field(default_factory=list)

    def saw(self, what: str, *, holds: bool = True) -> None:
        self.facts.append(Fact(what, holds))
        self.tell(what)

    def wait_until(self, is_so: Callable[[], bool], what: str, seconds: float | None = None) -> float:
        """Seconds until it came about. Raises TroubleFailed when it does not in time."""
        limit = self.pace.patience if seconds is None else seconds
        began = time.monotonic()
        while not is_so():
            if time.monotonic() - began > limit:
                raise TroubleFailed(seconds=round(limit), what=what)
            time.sleep(self.pace.look)
        return time.monotonic() - began


Trouble = Callable[[Scene], AbstractContextManager[None]]


@dataclass(frozen=True)
class GameDay:
    """What is broken, and what is promised about it.

    `trouble` breaks it when it is entered and puts it right when it is left, also when its entry fails. What
    `lasts` stands for so many seconds, and the shop is to be well after it; what does not stand for any time
    is what the shop has to become well in spite of.
    """

    name: str
    hypothesis: str
    trouble: Trouble
    limits: Limits
    lasts: float = 0
    needs_lab: bool = True


def hold(day: GameDay, shop: Shop, load: Load, tell: Tell, pace: Pace | None = None) -> Verdict:
    """Hold a game day. Whatever ends it, what was broken is put right.

    Raises ShopNotWhole, TroubleFailed, Interrupted.
    """
    pace = pace or Pace()
    scene = Scene(shop, load, pace, tell)
    if missing := shop.missing():
        raise ShopNotWhole(missing=missing)
    tell(f"{load.rate} requests/s, and in {pace.before:.0f} s: {day.name}")
    with Interruptions(tell) as signals, load:
        time.sleep(pace.before)
        since, seconds = _happen(day, scene, signals)
        time.sleep(pace.after)
    return _judge(day, scene, _recovery(load, since, seconds))


def _happen(day: GameDay, scene: Scene, signals: Interruptions) -> tuple[float, float | None]:
    """Since when the shop had to become well, in seconds of the load, and how long it took."""
    since = scene.load.now()
    with signals.ending_in_any_case(day.trouble(scene)):
        if not day.lasts:
            seconds = _seconds_until_whole(scene, since)
        else:
            time.sleep(day.lasts)
    if day.lasts:
        since = scene.load.now()
        seconds = _seconds_until_whole(scene, since)
    return since, seconds


def _seconds_until_whole(scene: Scene, since: float) -> float | None:
    try:
        scene.wait_until(lambda: not scene.shop.missing(), "the shop is whole again")
    except TroubleFailed:
        return None
    return scene.load.now() - since


def _recovery(load: Load, since: float, seconds: float | None) -> float | None:
    """A shop that is whole and still refuses people has not recovered: the last failure counts."""
    if seconds is None:
        return None
    return max([seconds, *(failure.ended - since for failure in load.failures)])


def _judge(day: GameDay, scene: Scene, seconds: float | None) -> Verdict:
    load, shop = scene.load, scene.shop
    summary, failures = load.summary(), list(load.failures)
    repeated = _finish(load, scene.pace)
    orders = load.orders_at_the_shop()
    acknowledged = set(load.ordered.values())
    shared = {reference for reference, keys in Counter(load.ordered.values()).items() if keys > 1}
    unpaid = {reference for reference in load.paid if orders.get(reference) != "paid"}
    return Verdict(
        name=day.name,
        hypothesis=day.hypothesis,
        limits=day.limits,
        load=summary,
        failures=failures,
        seconds=seconds,
        facts=scene.facts,
        repeated=repeated,
        unfinished=len(load.unfinished),
        audit=_findings(shop),
        acknowledged=len(load.ordered),
        missing_orders=sorted((acknowledged - set(orders)) | unpaid | shared),
        surplus_orders=sorted(set(orders) - acknowledged),
    )


def _finish(load: Load, pace: Pace) -> int:
    """Purchases that buyers finish by asking again. What the shop goes on with by itself it may put off."""
    finished, ends_at = 0, time.monotonic() + pace.patience
    while load.unfinished and time.monotonic() < ends_at:
        finished += load.repeat_unfinished()
        time.sleep(pace.look)
    return finished


def _findings(shop: Shop) -> str:
    try:
        shop.audit()
    except CommandFailed as error:
        return str(error)
    return ""
