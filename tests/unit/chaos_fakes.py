"""A shop and a load for game days that nobody needs a cluster for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from bookstore.chaos.game_day import GameDay, Pace, Scene
from bookstore.chaos.load import Failure, Purchase
from bookstore.chaos.verdict import Limits
from bookstore.deploying.errors import CommandFailed

AT_ONCE = Pace(before=0, after=0, patience=0.05, look=0.001)


@dataclass
class FakeShop:
    """Says what is missing, one word for each look; the last one stays."""

    looks: list[str] = field(default_factory=lambda: [""])
    finding: str = ""

    def missing(self) -> str:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def audit(self) -> str:
        if self.finding:
            raise CommandFailed(command="bookstore audit", said=self.finding)
        return "copies, orders and money agree"

    def kill_replicas(self) -> list[str]:
        return ["app on node1"]


@dataclass
class FakeLoad:
    """What people asked for and got, without asking."""

    rate: int = 1
    clock: float = 0
    is_open: bool = False
    failures: list[Failure] = field(default_factory=list)
    ordered: dict[str, str] = field(default_factory=lambda: {"key 1": "BS-1"})
    paid: set[str] = field(default_factory=lambda: {"BS-1"})
    unfinished: dict[str, Purchase] = field(default_factory=dict)
    there: dict[str, str] = field(default_factory=lambda: {"BS-1": "paid"})
    finishes: bool = True

    def __enter__(self) -> Self:
        self.is_open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_open = False

    def now(self) -> float:
        self.clock += 1
        return self.clock

    def summary(self) -> str:
        return "as much as nothing"

    def repeat_unfinished(self) -> int:
        if not self.finishes:
            return 0
        finished = len(self.unfinished)
        self.unfinished.clear()
        return finished

    def orders_at_the_shop(self) -> dict[str, str]:
        return self.there


@dataclass
class Trouble:
    """Remembers whether it was made, and whether it was put right."""

    broken: bool = False
    put_right: bool = False
    fails: type[Exception] | None = None
    sees: bool = True

    @contextmanager
    def __call__(self, scene: Scene) -> Iterator[None]:
        try:
            self.broken = True
            scene.saw("it is broken", holds=self.sees)
            if self.fails is not None:
                raise self.fails
            yield
        finally:
            self.put_right = True


def day(trouble: Trouble, limits: Limits | None = None, lasts: float = 0) -> GameDay:
    return GameDay("break-it", "Nobody notices.", trouble, limits or Limits(seconds=100), lasts)


def failure(status: int | None = 500, ended: float = 1) -> Failure:
    return Failure("GET", "/books", status, "no", began=0, ended=ended)
