"""What a game day has shown, and whether its hypothesis holds."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from bookstore.chaos.load import Failure

SHOWN = 5
Tolerance = Callable[[Failure], bool]


def nothing(failure: Failure) -> bool:
    """No failure is part of the hypothesis."""
    return False


def told_to_come_back(failure: Failure) -> bool:
    """A refusal with its reason, which says that the same may be asked again: not silence, not a defect."""
    return failure.status == 503


@dataclass(frozen=True)
class Fact:
    """Something that was seen while it happened."""

    what: str
    holds: bool = True


@dataclass(frozen=True)
class Limits:
    """What the hypothesis allows: which failures, and how many seconds until all is well again."""

    seconds: float
    tolerates: Tolerance = nothing


@dataclass(frozen=True)
class Verdict:
    """The figures of a game day. `seconds` is None when the shop was not whole again in time."""

    name: str
    hypothesis: str
    limits: Limits
    load: str
    failures: list[Failure]
    seconds: float | None
    facts: list[Fact] = field(default_factory=list)
    repeated: int = 0
    unfinished: int = 0
    # What `bookstore audit` found; empty when the books agree.
    audit: str = ""
    acknowledged: int = 0
    missing_orders: list[str] = field(default_factory=list)
    surplus_orders: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.breaches()

    def breaches(self) -> list[str]:
        """All that is not as the hypothesis says."""
        found = [fact.what for fact in self.facts if not fact.holds]
        if intolerable := [failure for failure in self.failures if not self.limits.tolerates(failure)]:
            found.append(f"{len(intolerable)} requests failed that should not")
        if self.seconds is None:
            found.append("the shop did not become whole again")
        elif self.seconds > self.limits.seconds:
            found.append(f"{self.seconds:.0f} s to recover instead of {self.limits.seconds:.0f}")
        if self.unfinished:
            found.append(f"{self.unfinished} purchases cannot be finished by asking again")
        if self.audit:
            found.append(f"the audit found: {self.audit}")
        if self.missing_orders:
            found.append(
                f"acknowledged, and not there once or not paid: {', '.join(self.missing_orders[:SHOWN])}"
            )
        if self.surplus_orders:
            found.append(f"ordered by nobody: {', '.join(self.surplus_orders[:SHOWN])}")
        return found

    def report(self) -> str:
        """All of it, for people."""
        recovery = "never" if self.seconds is None else f"{self.seconds:.0f} s"
        lines = [f"hypothesis: {self.hypothesis}", f"load: {self.load}"]
        lines += [f"seen: {fact.what}{'' if fact.holds else '  <- refutes it'}" for fact in self.facts]
        lines += [f"failed requests: {len(self.failures)}{_by_kind(self.failures)}"]
        lines += [f"  {failure}" for failure in self.failures[:SHOWN]]
        lines += [f"whole again after: {recovery} (at most {self.limits.seconds:.0f} s)"]
        lines += [f"purchases finished only by repetition: {self.repeated}; not finished: {self.unfinished}"]
        lines += [f"audit: {self.audit or 'copies, orders and money agree'}", self._orders(), self._end()]
        return "\n".join(lines)

    def _orders(self) -> str:
        missing, surplus = len(self.missing_orders), len(self.surplus_orders)
        return f"acknowledged orders: {self.acknowledged}, of which missing: {missing}; surplus: {surplus}"

    def _end(self) -> str:
        if self.holds:
            return f"VERDICT {self.name}: the hypothesis holds"
        return f"VERDICT {self.name}: refuted: {'; '.join(self.breaches())}"


def _by_kind(failures: list[Failure]) -> str:
    kinds = Counter("no answer" if failure.status is None else str(failure.status) for failure in failures)
    return "".join(f", {count}x {kind}" for kind, count in kinds.most_common())
