"""The labels of a service, read as what they ask for."""

from collections.abc import Mapping
from typing import TypeVar

from bookstore.autoscaling.policy import Aim
from bookstore.autoscaling.ports import MAXIMUM, MINIMUM, P95, PORT, TARGET

Number = TypeVar("Number", int, float)
DEFAULTS = {MINIMUM: "1", TARGET: "4", PORT: "8000"}


class LabelWrong(Exception):
    """The message names the label and what it must be."""


def aim_of(labels: Mapping[str, str]) -> Aim:
    """Raises LabelWrong."""
    minimum, maximum = _number(labels, MINIMUM, int), _number(labels, MAXIMUM, int)
    if minimum > maximum:
        raise LabelWrong(f"{MINIMUM} is {minimum}, which is more than {MAXIMUM}, {maximum}")
    return Aim(
        minimum=minimum,
        maximum=maximum,
        target=_number(labels, TARGET, float),
        p95_seconds=_number(labels, P95, float) if labels.get(P95) else None,
    )


def port_of(labels: Mapping[str, str]) -> int:
    """Raises LabelWrong."""
    return _number(labels, PORT, int)


def _number(labels: Mapping[str, str], name: str, kind: type[Number]) -> Number:
    said = labels.get(name) or DEFAULTS.get(name, "")
    try:
        number = kind(said)
    except ValueError:
        number = kind(0)
    # What is not a number is not greater than 0 either.
    if not 0 < number < float("inf"):
        raise LabelWrong(f"{name} is {said!r} and must be a number greater than 0")
    return number
