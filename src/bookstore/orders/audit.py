"""The invariants of orders and money, checked against the gateway's own statement.

A running shop is between two steps somewhere at any moment: what a second look no longer finds was such a
step and not a finding.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from bookstore.orders.models import Order
from bookstore.orders.order_status import CopiesStatus, OrderStatus
from bookstore.orders.payment_models import Payment, PaymentStatus
from bookstore.orders.policy import Policy
from bookstore.shared.clock import utcnow
from bookstore.shared.money import Money

_S = PaymentStatus
PAID = {OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED}
TAKEN = {_S.CAPTURED, _S.REFUNDING, _S.REFUNDED}


@dataclass(frozen=True)
class Finding:
    """Something that must not be: which rule, of what, and what was found."""

    rule: str
    subject: str
    detail: str


class Movement(Protocol):
    """A line of a gateway's statement; `kind` is authorized, captured, voided or refunded."""

    @property
    def authorization_id(self) -> str: ...
    @property
    def reference(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def amount(self) -> Money: ...


class Books(Protocol):
    """A gateway that shows its books."""

    def statement(self) -> Sequence[Movement]: ...


@dataclass(frozen=True)
class ExpectedReservation:
    """What the catalog should say of a reference: one of these states, with these copies.

    States are `held`, `sold` and `gone` (released or expired).
    """

    states: frozenset[str]
    lines: Mapping[int, int]


@dataclass
class _Account:
    """What the gateway has done with one promise."""

    reference: str
    captures: list[Money]
    refunds: list[Money]
    voided: bool = False


def audit_orders(
    session: Session, gateway: Books, policy: Policy, at: datetime | None = None
) -> list[Finding]:
    """What does not hold, and still does not hold on a second look; deadlines as of `at`, by default now."""
    first = set(_look(session, gateway, policy, at))
    if not first:
        return []
    return [finding for finding in _look(session, gateway, policy, at) if finding in first]


def expected_reservations(session: Session, at: datetime | None = None) -> dict[str, ExpectedReservation]:
    """For each order, what the catalog should have done with its copies until `at`, by default now."""
    with session.begin():
        return {order.reference: _expectation(order, at or utcnow()) for order in _orders(session)}


def _expectation(order: Order, now: datetime) -> ExpectedReservation:
    states = {
        CopiesStatus.HELD: {"held"},
        CopiesStatus.SOLD: {"sold"},
        CopiesStatus.RETURNING: {"held", "sold", "gone"},
        CopiesStatus.RETURNED: {"gone"},
    }[order.copies]
    payment = order.active_payment
    if order.copies is CopiesStatus.HELD and payment and payment.status is PaymentStatus.AUTHORIZED:
        states = states | {"sold"}
    if order.copies is CopiesStatus.HELD and order.pay_by <= now:
        states = states | {"gone"}
    return ExpectedReservation(frozenset(states), {line.listing_id: line.quantity for line in order.lines})


def _look(session: Session, gateway: Books, policy: Policy, at: datetime | None) -> Iterator[Finding]:
    with session.begin():
        session.expire_all()
        orders = _orders(session)
    accounts = _accounts(gateway.statement())
    payments = {
        payment.authorization_id: payment
        for order in orders
        for payment in order.payments
        if payment.authorization_id is not None
    }
    for order in orders:
        yield from _check_order(order, policy, at or utcnow())
        for payment in order.payments:
            yield from _check_payment(payment, accounts)
    for authorization_id, account in accounts.items():
        yield from _check_account(authorization_id, account, payments)
    yield from _check_balance(orders, accounts)


def _orders(session: Session) -> Sequence[Order]:
    # Not piece by piece: MySQL answers no question about lines while it still sends orders.
    return session.scalars(select(Order).order_by(Order.id)).all()


def _accounts(statement: Sequence[Movement]) -> dict[str, _Account]:
    accounts: dict[str, _Account] = {}
    for line in statement:
        account = accounts.setdefault(line.authorization_id, _Account(line.reference, [], []))
        if line.kind == "captured":
            account.captures.append(line.amount)
        elif line.kind == "refunded":
            account.refunds.append(line.amount)
        elif line.kind == "voided":
            account.voided = True
    return accounts


def _check_order(order: Order, policy: Policy, now: datetime) -> Iterator[Finding]:
    def finding(rule: str, detail: str) -> Finding:
        return Finding(rule, order.reference, detail)

    taken = [payment for payment in order.payments if payment.status in TAKEN]
    wanted = 1 if order.status in PAID | {OrderStatus.REFUNDED} else 0
    being_refunded = order.status is OrderStatus.CANCELED and len(taken) == 1
    if len(taken) != wanted and not being_refunded:
        yield finding("one capture per paid order", f"{order.status} with {len(taken)} captured payments")
    if sum((line.total.minor for line in order.lines), order.delivery_minor) != order.total_minor:
        yield finding("totals add up", f"lines and delivery do not make {_wire([order.total])}")
    late = now - policy.stuck_after
    if order.is_open and order.pay_by < late:
        yield finding("no order past its deadline", f"unpaid, was due {order.pay_by.isoformat()}")
    if order.copies is CopiesStatus.RETURNING and order.updated_at < late:
        yield finding("no order past its deadline", "its copies were not given back")
    for payment in order.payments:
        if payment.is_moving and payment.updated_at < late:
            yield finding("no payment past its deadline", f"attempt {payment.attempt} is {payment.status}")


def _check_payment(payment: Payment, accounts: Mapping[str, _Account]) -> Iterator[Finding]:
    order = payment.order
    if payment.status is _S.CAPTURED and order.status not in PAID:
        yield Finding("captured payments have a paid order", order.reference, f"order is {order.status}")
    account = accounts.get(payment.authorization_id or "")
    if payment.is_adopted:
        yield from _check_adopted(payment, account)
        return
    captured, refunded = (account.captures, account.refunds) if account else ([], [])
    if payment.status in TAKEN and captured != [payment.amount]:
        yield Finding("captured once, in full", order.reference, f"captured {_wire(captured)}")
    if payment.status is _S.REFUNDED and refunded != [payment.amount]:
        yield Finding("refunded once, in full", order.reference, f"refunded {_wire(refunded)}")
    if payment.status is _S.VOIDED and account and not account.voided:
        yield Finding("dropped promises are void", order.reference, f"attempt {payment.attempt}")


def _check_adopted(payment: Payment, account: _Account | None) -> Iterator[Finding]:
    """Money taken in the original shop: it pays the whole order, and our gateway knows nothing of it."""
    order = payment.order
    if payment.status is not _S.CAPTURED:
        yield Finding("adopted payments rest", order.reference, f"payment is {payment.status}")
    if payment.amount != order.total:
        amounts = f"{_wire([payment.amount])} of {_wire([order.total])}"
        yield Finding("adopted payments cover the order", order.reference, amounts)
    if account is not None:
        yield Finding("adopted payments are not the gateway's", account.reference, order.reference)


def _check_account(
    authorization_id: str, account: _Account, payments: Mapping[str, Payment]
) -> Iterator[Finding]:
    payment = payments.get(authorization_id)
    if account.captures and payment is None:
        yield Finding("no payment without an order", account.reference, f"captured {_wire(account.captures)}")
        return
    if payment is None:
        return
    if payment.order.reference != account.reference:
        yield Finding("a payment belongs to one order", account.reference, payment.order.reference)
    if account.captures and payment.status not in TAKEN | {_S.CAPTURING}:
        yield Finding("money taken is recorded", account.reference, f"payment is {payment.status}")
    if account.refunds and payment.status not in {_S.REFUNDING, _S.REFUNDED}:
        yield Finding("money given back is recorded", account.reference, f"payment is {payment.status}")
    if sum(amount.minor for amount in account.refunds) > sum(amount.minor for amount in account.captures):
        yield Finding("refunds within captures", account.reference, f"refunded {_wire(account.refunds)}")


def _check_balance(orders: Sequence[Order], accounts: Mapping[str, _Account]) -> Iterator[Finding]:
    """Money in = money out: what the gateway keeps is what orders paid to it cost, if no step is open."""
    kept: dict[str, int] = defaultdict(int)
    for account in accounts.values():
        for amount in account.captures:
            kept[amount.currency] += amount.minor
        for amount in account.refunds:
            kept[amount.currency] -= amount.minor
    under_way = {_S.CAPTURING, _S.REFUNDING}
    if any(payment.status in under_way for order in orders for payment in order.payments):
        return
    owed: dict[str, int] = defaultdict(int)
    for order in orders:
        adopted = order.active_payment is not None and order.active_payment.is_adopted
        if order.status in PAID and not adopted:
            owed[order.currency] += order.total_minor
    for currency in sorted(kept.keys() | owed.keys()):
        if kept[currency] != owed[currency]:
            detail = f"gateway keeps {kept[currency]}, paid orders cost {owed[currency]} (minor units)"
            yield Finding("money in = money out", currency, detail)


def _wire(amounts: Sequence[Money]) -> str:
    return " + ".join(f"{amount.decimal} {amount.currency}" for amount in amounts) or "nothing"
