"""The audit of the whole shop: copies, orders and money, and whether they tell the same story.

It looks at databases of several services, which no service may; so it stands beside the composition root.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bookstore.app import orders_policy
from bookstore.catalog.audit import ReservationState, audit_copies, reservation_states
from bookstore.config import Settings
from bookstore.orders.audit import ExpectedReservation, audit_orders, expected_reservations
from bookstore.shared.database import Database
from bookstore.wiring import choose_gateway


@dataclass(frozen=True)
class Disagreement:
    """Orders and the catalog tell different stories of the same copies."""

    rule: str
    subject: str
    detail: str


class Finding(Protocol):
    """Something that must not be: which rule, of what, and what was found."""

    @property
    def rule(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def detail(self) -> str: ...


def audit_shop(
    settings: Settings, databases: dict[str, Database], at: datetime | None = None
) -> list[Finding]:
    """Everything that does not hold over all databases; an empty list is the promise kept.

    `at` is the moment by which deadlines are judged, if not now: a copy of the shop has stood still since
    it was made, and is not unsound because time has passed.
    """
    with databases["catalog"].reading() as session:
        findings: list[Finding] = [*audit_copies(session, at)]
    with closing(choose_gateway(settings)) as gateway, databases["orders"].reading() as session:
        findings += audit_orders(session, gateway, orders_policy(settings), at)
    return findings + _twice(databases, at)


def _twice(databases: dict[str, Database], at: datetime | None) -> list[Finding]:
    """Two databases cannot be read at one moment: what a second look no longer finds was under way."""
    first = set(_compare(databases, at))
    return [finding for finding in _compare(databases, at) if finding in first] if first else []


def _compare(databases: dict[str, Database], at: datetime | None) -> Iterator[Disagreement]:
    with databases["orders"].reading() as session:
        expected = expected_reservations(session, at)
    with databases["catalog"].reading() as session:
        actual = reservation_states(session)
    for reference, wanted in expected.items():
        yield from _disagreements(reference, wanted, actual.get(reference))
    for reference, found in actual.items():
        # Copies held for an order that was never recorded come back by themselves; sold ones would not.
        if reference not in expected and found.state == "sold":
            yield Disagreement("sold copies have an order", reference, _copies(found))


def _disagreements(
    reference: str, wanted: ExpectedReservation, found: ReservationState | None
) -> Iterator[Disagreement]:
    rule = "the catalog agrees with the order"
    if found is None:
        yield Disagreement(rule, reference, f"no reservation, should be {_states(wanted)}")
    elif found.state not in wanted.states:
        yield Disagreement(rule, reference, f"copies are {found.state}, should be {_states(wanted)}")
    elif dict(found.lines) != dict(wanted.lines):
        yield Disagreement(rule, reference, f"reserved {_copies(found)}, ordered {dict(wanted.lines)}")


def _states(wanted: ExpectedReservation) -> str:
    return " or ".join(sorted(wanted.states))


def _copies(found: ReservationState) -> str:
    return str(dict(found.lines))
