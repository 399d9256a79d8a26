"""What engines of a Swarm say, and what it means: for who scales services, and for who deploys them."""

from collections.abc import Mapping
from datetime import datetime

# The states of an update or rollback that goes on.
UNDER_WAY = {"updating", "rollback_started"}


def moment(told: str) -> datetime:
    """A moment as engines tell it: in UTC, to the nanosecond, of which we keep whole microseconds."""
    seconds, _, fraction = told.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{seconds}.{fraction[:6]:0<6}+00:00")


def holds(constraint: str, facts: Mapping[str, str]) -> bool:
    """Whether a node with these facts is as a placement constraint asks.

    A fact is named as a constraint names it, such as `node.role` or `node.labels.zone`. A constraint on
    something that we do not know holds nowhere.
    """
    is_unequal = "!=" in constraint
    name, _, value = constraint.partition("!=" if is_unequal else "==")
    name = name.strip()
    if name not in facts and not name.startswith("node.labels."):
        return False
    return (facts.get(name) == value.strip()) is not is_unequal


def labels_as_facts(labels: Mapping[str, str] | None) -> dict[str, str]:
    """The labels of a node by the names that constraints have for them."""
    return {f"node.labels.{name}": value for name, value in (labels or {}).items()}
