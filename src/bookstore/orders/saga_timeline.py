"""The saga of one order as an admin sees it: which steps were made, when, how often tried, to what end.

It is read from the logs that orders keeps of each step, so it is there with and without tracing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from bookstore.orders.models import Order, OrderEvent
from bookstore.orders.order_status import CopiesStatus, CopiesStep
from bookstore.orders.payment_models import Payment, PaymentEvent, PaymentStatus

_S = PaymentStatus
STEPS = {
    _S.AUTHORIZING: "authorize",
    _S.HOLDING: "hold",
    _S.PENDING: "transfer",
    _S.AUTHORIZED: "commit",
    _S.CAPTURING: "capture",
    _S.VOIDING: "void",
    _S.REFUNDING: "refund",
}
COMPENSATIONS = {"void", "refund", "release"}


class Outcome(StrEnum):
    """How a step ended, if it has."""

    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    TURNED_BACK = "turned_back"
    GIVEN_UP = "given_up"


@dataclass(frozen=True)
class SagaStep:
    """One step. `attempt` counts the payments of the order; zero where the step is of no payment."""

    name: str
    began_at: datetime
    ended_at: datetime | None = None
    tries: int = 1
    outcome: Outcome = Outcome.RUNNING
    note: str = ""
    attempt: int = 0
    trace_id: str | None = None

    @property
    def is_compensation(self) -> bool:
        """Whether it undoes an earlier step."""
        return self.name in COMPENSATIONS

    @property
    def duration(self) -> timedelta | None:
        """From the first try to the end, with the pauses between the tries; None while it runs."""
        return None if self.ended_at is None else self.ended_at - self.began_at


def saga_timeline(session: Session, order: Order) -> list[SagaStep]:
    """The steps of an order in the order in which they began."""
    events = session.scalars(
        select(OrderEvent).where(OrderEvent.order_id == order.id).order_by(OrderEvent.id)
    ).all()
    steps = list(_copies_steps(order, events))
    for payment in order.payments:
        steps += _payment_steps(payment, session.scalars(payment.events.select()))
    steps += _shipping_steps(order)
    return sorted(steps, key=lambda step: (step.began_at, step.is_compensation))


def _copies_steps(order: Order, events: Sequence[OrderEvent]) -> Iterable[SagaStep]:
    for name in CopiesStep:
        asked = [event for event in events if event.step is name]
        if not asked:
            continue
        last = asked[-1]
        step = SagaStep(name, asked[0].began_at, tries=len(asked), note=last.failure, trace_id=last.trace_id)
        yield step if last.failure else replace(step, ended_at=last.at, outcome=Outcome.DONE)
    never_asked = not any(event.step is CopiesStep.RELEASE for event in events)
    if order.copies is CopiesStatus.RETURNING and never_asked:
        yield SagaStep(CopiesStep.RELEASE, order.updated_at, tries=0)


def _shipping_steps(order: Order) -> Iterable[SagaStep]:
    if order.paid_at is None:
        return
    for shipment in order.shipments:
        step = SagaStep("ship", order.paid_at, note=shipment.seller_name)
        if shipment.shipped_at is not None:
            yield replace(step, ended_at=shipment.shipped_at, outcome=Outcome.DONE)
        elif order.canceled_at is not None:
            yield replace(step, ended_at=order.canceled_at, tries=0, outcome=Outcome.TURNED_BACK)
        else:
            yield replace(step, tries=0)


def _payment_steps(payment: Payment, events: Iterable[PaymentEvent]) -> list[SagaStep]:
    """Each event either says that the running step has got no answer, or ends it and begins the next."""
    steps: list[SagaStep] = []
    running: PaymentStatus | None = None
    for event in events:
        if event.status is running:
            steps[-1] = replace(steps[-1], tries=steps[-1].tries + 1, note=event.note)
            continue
        if running is not None:
            steps[-1] = _ended(steps[-1], running, event)
        running = event.status if event.status in STEPS else None
        if running is not None:
            name = STEPS[running]
            steps.append(SagaStep(name, event.at, attempt=payment.attempt, trace_id=event.trace_id))
    return steps


def _ended(step: SagaStep, was: PaymentStatus, event: PaymentEvent) -> SagaStep:
    outcome = Outcome.DONE
    if event.note.startswith("given up"):
        outcome = Outcome.GIVEN_UP
    elif event.status is PaymentStatus.DECLINED:
        outcome = Outcome.REFUSED
    elif event.status is PaymentStatus.VOIDING:
        # Canceled or expired from outside, or the catalog had the copies no more.
        outcome = Outcome.TURNED_BACK if event.note else Outcome.REFUSED
    # The last try of a step that was given up has been counted when it failed.
    tries = step.tries - 1 if outcome is Outcome.GIVEN_UP else step.tries
    trace_id = event.trace_id or step.trace_id
    return replace(
        step, ended_at=event.at, outcome=outcome, tries=tries, note=event.note or step.note, trace_id=trace_id
    )
