"""The audit finds each thing that must not be, and nothing in a sound shop."""

from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import insert, select, text

from bookstore.orders.audit import Finding, audit_orders, expected_reservations
from bookstore.orders.models import Order
from bookstore.orders.payment_models import Method
from bookstore.orders.payments import PaymentDelayed
from bookstore.orders.ports import GatewayError
from bookstore.shared.clock import utcnow
from bookstore.shared.money import Money
from tests.service.orders.stall import Stall


def audit(stall: Stall) -> list[Finding]:
    with stall.database.reading() as session:
        return audit_orders(session, stall.gateway, stall.policy)


def rules(stall: Stall) -> set[str]:
    return {finding.rule for finding in audit(stall)}


def tamper(stall: Stall, statement: str) -> None:
    with stall.session() as session, session.begin():
        session.execute(text(statement))


def paid_order(stall: Stall) -> str:
    reference = stall.order((1, 1)).reference
    stall.pay(reference)
    return reference


def test_a_shop_in_which_everything_happened_is_sound(stall: Stall) -> None:
    stall.order((1, 1))
    paid_order(stall)
    stall.cancel(paid_order(stall))
    stall.cancel(stall.order((2, 1)).reference)
    transfer = stall.order((2, 1)).reference
    stall.pay(transfer, "", method=Method.BANK_TRANSFER)
    overdue = stall.order((2, 1)).reference
    stall.make_overdue(overdue)
    stall.expire_unpaid()

    stall.assert_sound()


def test_money_without_an_order_is_found(stall: Stall) -> None:
    paid_order(stall)
    lonely = stall.gateway.authorize("lonely", "BS-LOST", Money(999, "USD"), "card", "tok_approved")
    stall.gateway.capture("lonely capture", lonely.authorization_id)

    findings = audit(stall)

    assert Finding("no payment without an order", "BS-LOST", "captured 9.99 USD") in findings
    assert (
        Finding("money in = money out", "USD", "gateway keeps 3749, paid orders cost 2750 (minor units)")
        in findings
    )


def test_a_refund_that_orders_knows_nothing_of_is_found(stall: Stall) -> None:
    paid_order(stall)
    (authorized, _) = stall.gateway.statement()
    stall.gateway.refund("somebody else", authorized.authorization_id, Money(1, "USD"))

    assert rules(stall) == {"money given back is recorded", "money in = money out"}


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("UPDATE orders SET status = 'awaiting_payment'", "one capture per paid order"),
        ("UPDATE payments SET status = 'declined'", "one capture per paid order"),
        ("UPDATE payments SET status = 'voided'", "money taken is recorded"),
        ("UPDATE payments SET authorization_id = NULL", "no payment without an order"),
        ("UPDATE payments SET amount_minor = 1", "captured once, in full"),
        ("UPDATE order_lines SET quantity = 2", "totals add up"),
        ("UPDATE orders SET status = 'canceled'", "captured payments have a paid order"),
    ],
)
def test_a_tampered_row_is_found(stall: Stall, statement: str, rule: str) -> None:
    paid_order(stall)

    tamper(stall, statement)

    assert rule in rules(stall)


def test_what_is_stuck_is_found_after_half_an_hour(stall: Stall) -> None:
    silent = stall.order((1, 1)).reference
    with pytest.raises(GatewayError):
        stall.pay(silent, "tok_error")
    kept = stall.order((2, 1)).reference
    with stall.catalog.outage():
        stall.cancel(kept)
    assert audit(stall) == []

    with time_machine.travel(utcnow() + timedelta(minutes=31)):
        found = {(finding.rule, finding.subject) for finding in audit(stall)}
    assert found == {
        ("no payment past its deadline", silent),
        ("no order past its deadline", kept),
    }
    with time_machine.travel(utcnow() + timedelta(minutes=61)):
        assert ("no order past its deadline", silent) in {(f.rule, f.subject) for f in audit(stall)}


def test_a_step_that_is_just_being_made_is_no_finding(stall: Stall) -> None:
    """Between the two looks of the audit the payment goes on."""
    reference = stall.order((1, 1)).reference
    with stall.catalog.outage(), pytest.raises(PaymentDelayed):
        stall.pay(reference)
    statement = stall.gateway.statement

    class BusyBooks:
        def statement(self) -> object:
            stall.recover()
            return statement()

    with stall.database.reading() as session:
        assert audit_orders(session, BusyBooks(), stall.policy) == []  # type: ignore[arg-type]
    assert stall.find(reference).status == "paid"


def test_what_the_catalog_should_hold_follows_the_order(stall: Stall) -> None:
    def states(reference: str) -> frozenset[str]:
        with stall.database.reading() as session:
            expected = expected_reservations(session)[reference]
        assert expected.lines == {1: 1}
        return expected.states

    held = stall.order((1, 1)).reference
    assert states(held) == {"held"}
    stall.make_overdue(held)
    assert states(held) == {"held", "gone"}
    stall.expire_unpaid()
    assert states(held) == {"gone"}

    sold = paid_order(stall)
    assert states(sold) == {"sold"}
    with stall.catalog.outage():
        stall.cancel(sold)
    assert states(sold) == {"held", "sold", "gone"}
    stall.recover()
    assert states(sold) == {"gone"}


def test_patience_is_a_policy(stall: Stall) -> None:
    with pytest.raises(GatewayError):
        stall.pay(stall.order((1, 1)).reference, "tok_error")
    stall.policy = replace(stall.policy, stuck_after=timedelta(0))

    assert rules(stall) == {"no payment past its deadline"}


def test_more_orders_than_are_fetched_at_once_are_all_looked_at(stall: Stall) -> None:
    stall.order((1, 1))
    table = Order.__table__
    with stall.session() as session, session.begin():
        row = session.execute(select(table)).mappings().one()
        copies = [{**row, "id": row["id"] + n, "reference": f"BS-COPY-{n}"} for n in range(1, 1002)]
        session.execute(insert(table), copies)

    # Their lines were not copied, so none of them adds up.
    unsound = [finding for finding in audit(stall) if finding.rule == "totals add up"]
    assert len(unsound) == 1001
