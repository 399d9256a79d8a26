"""Several at once: the database decides, and exactly one wins."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from bookstore.orders.lookup import changing, changing_known
from bookstore.orders.models import Order
from bookstore.orders.order_status import CannotCancel, OrderStatus
from bookstore.orders.payment_models import Payment, PaymentStatus
from bookstore.orders.ports import GatewayError
from bookstore.shared.clock import utcnow
from bookstore.shared.database import Database
from bookstore.shared.errors import ShopError
from tests.service.orders.stall import PATIENCE, Stall


def at_once(actions: Sequence[Callable[[], object]]) -> list[object]:
    """Start all of them at the same moment; what they gave, refusals included."""
    start = threading.Barrier(len(actions))

    def run(action: Callable[[], object]) -> object:
        start.wait()
        try:
            return action()
        except ShopError as refusal:
            return refusal.code

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


@contextmanager
def counted_statements(database: Database) -> Iterator[list[str]]:
    """What is said to the database in here, without the beginning of a transaction."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            said.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def test_the_last_copy_is_sold_once(stall: Stall) -> None:
    stall.catalog.change(1, available=1)

    def buy(number: int) -> str:
        order = stall.order((1, 1), buyer=f"buyer{number}")
        stall.pay(order.reference, buyer=f"buyer{number}", request_key=f"pay {number}")
        return "bought"

    answers = at_once([lambda number=number: buy(number) for number in range(12)])

    assert Counter(answers) == {"bought": 1, "out_of_stock": 11}
    assert stall.catalog.copies(1) == (0, 0, 1)
    assert stall.money() == (2750, 0)


def test_one_order_that_is_paid_ten_times_at_once_is_charged_once(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    stall.policy = replace(PATIENCE, claim=timedelta(seconds=20))

    def pay(number: int) -> str:
        return stall.pay(reference, request_key=f"request {number}").status

    answers = at_once([lambda number=number: pay(number) for number in range(10)])

    assert Counter(answers)[PaymentStatus.CAPTURED] == 1
    assert set(answers) <= {PaymentStatus.CAPTURED, "payment_in_progress", "not_payable"}
    assert stall.money() == (2750, 0)
    stall.assert_sound()


def test_the_same_payment_sent_ten_times_at_once_is_charged_once(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference

    answers = at_once([lambda: stall.pay(reference, request_key="the same").id] * 10)

    assert len(set(answers)) == 1
    assert stall.money() == (2750, 0)
    stall.assert_sound()


def test_the_same_order_placed_ten_times_at_once_is_one_order(stall: Stall) -> None:
    place = lambda: stall.order((1, 2), reference="BS-0000-0000-00").id  # noqa: E731

    assert len(set(at_once([place] * 10))) == 1
    assert stall.catalog.copies(1) == (1, 2, 0)
    assert stall.mails() == ["order_placed to bruno@example.com"]


@pytest.mark.parametrize("attempt", range(5))
def test_canceling_and_shipping_at_once_never_both(stall: Stall, attempt: int) -> None:
    order = stall.order((1, 1))
    stall.pay(order.reference)

    canceled, shipped = at_once(
        [lambda: stall.cancel(order.reference).status, lambda: stall.ship(order.shipments[0]).status]
    )

    if canceled == OrderStatus.REFUNDED:
        assert shipped == "cannot_ship"
        assert stall.money() == (2750, 2750)
    else:
        assert (canceled, shipped) == ("cannot_cancel", "shipped")
        assert stall.money() == (2750, 0)
    stall.assert_sound()


@pytest.mark.parametrize("attempt", range(5))
def test_canceling_and_paying_at_once_ends_paid_or_free_of_charge(stall: Stall, attempt: int) -> None:
    reference = stall.order((1, 1)).reference

    at_once([lambda: stall.pay(reference).status, lambda: stall.cancel(reference).status])
    while stall.recover():
        pass

    order = stall.find(reference)
    captured, refunded = stall.money()
    if order.status is OrderStatus.PAID:
        assert (captured, refunded) == (2750, 0)
    else:
        assert order.status in {OrderStatus.CANCELED, OrderStatus.REFUNDED}
        assert captured == refunded
        assert stall.catalog.copies(1) == (3, 0, 0)
    stall.assert_sound()


def test_expiring_and_paying_at_once_ends_paid_or_free_of_charge(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    with pytest.raises(GatewayError):
        stall.pay(reference, "tok_timeout")
    stall.make_overdue(reference)

    at_once([stall.recover, stall.expire_unpaid, stall.recover, stall.expire_unpaid])
    while stall.recover():
        pass

    captured = 2750 if stall.find(reference).status is OrderStatus.PAID else 0
    assert stall.money() == (captured, 0)
    stall.assert_sound()


def test_of_many_workers_one_carries_a_payment_on(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    with pytest.raises(GatewayError):
        stall.pay(reference, "tok_timeout")
    stall.policy = replace(PATIENCE, claim=timedelta(seconds=20))

    answers = at_once([stall.recover] * 6)

    assert sorted(answers) == [0, 0, 0, 0, 0, 1]
    assert stall.find(reference).status is OrderStatus.PAID


def test_of_two_who_decide_on_the_same_version_one_loses(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    with stall.database.reading() as before:
        stale = before.scalars(select(Order).where(Order.reference == reference)).one()
    stall.pay(reference)

    stale.cancel(utcnow())
    with pytest.raises(StaleDataError), stall.session() as session, session.begin():
        session.add(stale)

    assert stall.find(reference).status is OrderStatus.PAID


def test_what_changed_elsewhere_is_read_anew_before_it_is_decided_on(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    with pytest.raises(GatewayError):
        stall.pay(reference, "tok_error")
    with stall.session() as session:
        with changing(session, Order.reference == reference) as order:
            payment = order.payments[0]
        assert payment.tries == 1
        with pytest.raises(GatewayError):
            stall.pay(reference, "tok_error")
        with changing_known(session, order):
            assert payment.tries == 2

        stall.cancel(reference)
        with changing_known(session, order):
            assert order.status is OrderStatus.CANCELED
            assert payment.status is not PaymentStatus.AUTHORIZING


def test_what_nobody_changed_is_not_read_again(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    with stall.session() as session:
        with changing(session, Order.reference == reference) as order:
            pass
        with counted_statements(stall.database) as asked, changing_known(session, order):
            order.touch(utcnow())
    assert [statement.split()[0] for statement in asked] == ["SELECT", "UPDATE"]


def _cancel_twice(session: Session, order: Order) -> None:
    with changing_known(session, order):
        order.cancel(utcnow())
        order.cancel(utcnow())


def test_an_order_is_read_anew_after_its_transaction_was_undone(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    with stall.session() as session:
        with changing(session, Order.reference == reference) as order:
            pass
        with pytest.raises(CannotCancel):
            _cancel_twice(session, order)
        with changing_known(session, order):
            assert order.status is OrderStatus.AWAITING_PAYMENT
            assert [line.listing_id for line in order.lines] == [1]
    assert stall.find(reference).status is OrderStatus.AWAITING_PAYMENT


def test_the_database_itself_refuses_a_second_payment_under_way(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    with pytest.raises(GatewayError):
        stall.pay(reference, "tok_error")
    first = stall.find(reference).payments[0]
    now = utcnow()
    second = Payment(
        order_id=first.order_id,
        attempt=2,
        request_key="second",
        active_order_id=first.order_id,
        _status=PaymentStatus.AUTHORIZING,
        method=first.method,
        token="tok_approved",
        amount_minor=first.amount_minor,
        currency="USD",
        claimed_until=now,
        started_at=now,
        updated_at=now,
    )

    with pytest.raises(IntegrityError), stall.session() as session, session.begin():
        session.add(second)
    assert len(stall.find(reference).payments) == 1
