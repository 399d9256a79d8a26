"""How many replicas there should be: a pure function of what is seen, wanted, and was seen before.

Three things keep it calm. Up and down have thresholds of their own, with a band between them in which nothing
happens. A change must have been asked for by every look of a whole period, and a change begins the period
anew, so that it is a cool-down as well. And a step has a largest size.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

# With fewer requests between two looks, one slow page would be the p95.
FEWEST_REQUESTS = 20
# Nothing goes down while the p95 is above this part of its limit: with fewer replicas it would be over it.
CALM_PART = 0.7


class Action(StrEnum):
    """What comes of a look."""

    HOLD = "hold"
    UP = "up"
    DOWN = "down"
    REBALANCE = "rebalance"
    REFUSE = "refuse"


@dataclass(frozen=True, kw_only=True)
class Aim:
    """What the labels of a service ask for."""

    minimum: int
    maximum: int
    # Requests in flight in each replica.
    target: float
    # Without a limit the time of answers does not matter.
    p95_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast it goes."""

    up_seconds: float = 15
    down_seconds: float = 180
    step_up: int = 2
    step_down: int = 1
    # The part of the target by which the load must be over or under it.
    tolerance: float = 0.1
    rebalance_seconds: float = 60


@dataclass(frozen=True, kw_only=True)
class Load:
    """What all replicas together had to do between two looks. Without a request there is no p95."""

    in_flight: float
    requests: float
    p95_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One service at one moment."""

    at: float
    # How many replicas there should be, run, and have answered when they were asked for their metrics.
    replicas: int
    running: int
    answering: int
    # Without a load, `unknown` says why there is none.
    load: Load | None
    unknown: str = ""
    # The update or rollback that is under way, or has just ended; empty when there is none.
    changing: str = ""
    # The replicas on each node that may run them.
    spread: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """`why` is one word for the kind of reason, and `reason` the sentence with its figures."""

    action: Action
    replicas: int
    why: str
    reason: str


@dataclass(frozen=True)
class Wish:
    """The number of replicas that one look asked for."""

    at: float
    replicas: int


@dataclass(frozen=True)
class Memory:
    """What is known from looks before this one."""

    wishes: tuple[Wish, ...] = ()
    # The nodes of the look before; None before the first one.
    nodes: frozenset[str] | None = None
    # Nodes that came (back) while we looked, and when.
    newcomers: Mapping[str, float] = field(default_factory=dict)


def decide(sight: Sight, aim: Aim, pace: Pace, memory: Memory) -> tuple[Decision, Memory]:
    """What to do, and what to remember for the next look."""
    memory = _notice_nodes(sight, memory)
    if refusal := _refuse(sight):
        return refusal, memory
    if outside := _into_bounds(sight, aim):
        return outside, replace(memory, wishes=())
    wish = wanted(sight, aim, pace.tolerance)
    memory = _remember(sight, wish, pace, memory)
    change = _up(sight, pace, memory) or _down(sight, pace, memory)
    if change is not None:
        return change, replace(memory, wishes=())
    if rebalance := _rebalance(sight, pace, memory):
        return rebalance, replace(memory, newcomers={})
    return _hold(sight, wish), memory


def wanted(sight: Sight, aim: Aim, tolerance: float) -> int:
    """The number of replicas that the load of this look asks for, within the bounds."""
    load = sight.load
    if load is None:
        return sight.replicas
    wish = _by_requests(load.in_flight, sight.replicas, aim.target, tolerance)
    if aim.p95_seconds is not None and load.p95_seconds is not None and load.requests >= FEWEST_REQUESTS:
        if load.p95_seconds > aim.p95_seconds:
            wish = max(wish, sight.replicas + 1)
        elif load.p95_seconds > CALM_PART * aim.p95_seconds:
            wish = max(wish, sight.replicas)
    return _clamp(wish, aim)


def _by_requests(in_flight: float, replicas: int, target: float, tolerance: float) -> int:
    if in_flight > replicas * target * (1 + tolerance):
        return math.ceil(in_flight / target)
    # So many would have room to spare; what lies between stays as it is.
    return min(replicas, math.ceil(in_flight / (target * (1 - tolerance))))


def _refuse(sight: Sight) -> Decision | None:
    """Why nothing can be decided. The order is that in which an operator would look."""
    if sight.replicas == 0:
        return _refusal(sight, "stopped", "somebody has scaled it to 0")
    if sight.changing:
        return _refusal(sight, "changing", sight.changing)
    if sight.running < sight.replicas:
        return _refusal(sight, "not_running", f"only {sight.running} of {sight.replicas} replicas run")
    if sight.answering < sight.running:
        told = f"only {sight.answering} of {sight.running} replicas tell their metrics"
        return _refusal(sight, "silent", told)
    if sight.load is None:
        return _refusal(sight, "no_load", sight.unknown)
    return None


def _refusal(sight: Sight, why: str, reason: str) -> Decision:
    return Decision(Action.REFUSE, sight.replicas, why, reason)


def _into_bounds(sight: Sight, aim: Aim) -> Decision | None:
    bound = _clamp(sight.replicas, aim)
    if bound == sight.replicas:
        return None
    action = Action.UP if bound > sight.replicas else Action.DOWN
    reason = f"{sight.replicas} is not between {aim.minimum} and {aim.maximum}"
    return Decision(action, bound, "bounds", reason)


def _up(sight: Sight, pace: Pace, memory: Memory) -> Decision | None:
    wishes = _wishes_of(pace.up_seconds, sight.at, memory)
    least = min(wishes, default=sight.replicas)
    if least <= sight.replicas:
        return None
    replicas = min(least, sight.replicas + pace.step_up)
    reason = f"for {pace.up_seconds:g} s it has asked for {least} or more: {_told(sight)}"
    return Decision(Action.UP, replicas, "load", reason)


def _down(sight: Sight, pace: Pace, memory: Memory) -> Decision | None:
    wishes = _wishes_of(pace.down_seconds, sight.at, memory)
    most = max(wishes, default=sight.replicas)
    if most >= sight.replicas:
        return None
    replicas = max(most, sight.replicas - pace.step_down)
    reason = f"for {pace.down_seconds:g} s it has asked for {most} or fewer: {_told(sight)}"
    return Decision(Action.DOWN, replicas, "load", reason)


def _rebalance(sight: Sight, pace: Pace, memory: Memory) -> Decision | None:
    """A node that came back gets nothing by itself."""
    for node, since in sorted(memory.newcomers.items()):
        if sight.at - since >= pace.rebalance_seconds:
            most = max(sight.spread.values())
            reason = f"{node} came back and has {sight.spread[node]}, while another node has {most}"
            return Decision(Action.REBALANCE, sight.replicas, "newcomer", reason)
    return None


def _hold(sight: Sight, wish: int) -> Decision:
    if wish == sight.replicas:
        return Decision(Action.HOLD, sight.replicas, "enough", _told(sight))
    why = "more_soon" if wish > sight.replicas else "fewer_soon"
    return Decision(Action.HOLD, sight.replicas, why, f"if it goes on asking for {wish}: {_told(sight)}")


def _told(sight: Sight) -> str:
    if sight.load is None:
        return sight.unknown
    p95 = sight.load.p95_seconds
    time = "no answers" if p95 is None else f"p95 {p95 * 1000:.0f} ms"
    return f"{sight.load.in_flight:.1f} requests in flight in {sight.replicas} replicas, {time}"


def _remember(sight: Sight, wish: int, pace: Pace, memory: Memory) -> Memory:
    """The wishes as far back as a period reaches, and the one before, which shows that a period is whole."""
    wishes = memory.wishes
    if wishes and sight.at - wishes[-1].at > pace.up_seconds:
        # Nobody knows what was asked for meanwhile.
        wishes = ()
    longest = max(pace.up_seconds, pace.down_seconds)
    # The very comparison of `_wishes_of`: another form may differ by a rounding, and no period be whole.
    while len(wishes) > 1 and sight.at - wishes[1].at >= longest:
        wishes = wishes[1:]
    return replace(memory, wishes=(*wishes, Wish(sight.at, wish)))


def _wishes_of(seconds: float, at: float, memory: Memory) -> list[int]:
    """What was asked for in the latest period; nothing while it is not over yet."""
    if at - memory.wishes[0].at < seconds:
        return []
    return [wish.replicas for wish in memory.wishes if wish.at >= at - seconds]


def _notice_nodes(sight: Sight, memory: Memory) -> Memory:
    """Who came while we looked and has less than others. On the first look all nodes are there already."""
    nodes = frozenset(sight.spread)
    before = nodes if memory.nodes is None else memory.nodes
    came = {**dict.fromkeys(nodes - before, sight.at), **memory.newcomers}
    newcomers = {node: since for node, since in came.items() if node in nodes and _has_less(node, sight)}
    return replace(memory, nodes=nodes, newcomers=newcomers)


def _has_less(node: str, sight: Sight) -> bool:
    """Whether a replica could move there without the two nodes changing places."""
    return max(sight.spread.values()) - sight.spread[node] >= 2


def _clamp(replicas: int, aim: Aim) -> int:
    return max(aim.minimum, min(replicas, aim.maximum))
