"""Canceling an order, and orders that expire."""

import pytest

from bookstore.orders.order_status import CannotCancel, CopiesStatus, OrderStatus
from bookstore.orders.payment_models import Method, PaymentStatus
from bookstore.orders.ports import GatewayError
from bookstore.shared.errors import NotFound
from tests.service.orders.stall import Stall


def test_an_unpaid_order_is_canceled_and_its_copies_are_free(stall: Stall) -> None:
    reference = stall.order((1, 2)).reference

    assert stall.cancel(reference).status is OrderStatus.CANCELED

    assert stall.catalog.copies(1) == (3, 0, 0)
    assert stall.find(reference).copies is CopiesStatus.RETURNED
    assert stall.mails()[-1] == "order_canceled to bruno@example.com"
    stall.assert_sound()


def test_a_paid_order_is_refunded_in_full_and_its_copies_are_free(stall: Stall) -> None:
    reference = stall.order((1, 2)).reference
    stall.pay(reference)

    assert stall.cancel(reference).status is OrderStatus.REFUNDED

    assert stall.money() == (4000, 4000)
    assert stall.catalog.copies(1) == (3, 0, 0)
    order = stall.find(reference)
    assert [step.name for step in order.timeline] == ["placed", "paid", "canceled", "refunded"]
    assert stall.mails()[-1] == "order_refunded to bruno@example.com"
    stall.assert_sound()


def test_canceling_again_changes_nothing(stall: Stall) -> None:
    reference = stall.order((1, 2)).reference
    stall.pay(reference)
    stall.cancel(reference)

    assert stall.cancel(reference).status is OrderStatus.REFUNDED
    assert stall.money() == (4000, 4000)
    assert stall.mails().count("order_refunded to bruno@example.com") == 1


@pytest.mark.parametrize("stranger", ["carla", "ana"])
def test_nobody_else_can_cancel_the_order(stall: Stall, stranger: str) -> None:
    reference = stall.order((1, 2)).reference

    with pytest.raises(NotFound):
        stall.cancel(reference, buyer=stranger)

    assert stall.find(reference).status is OrderStatus.AWAITING_PAYMENT


def test_once_a_parcel_is_on_its_way_the_order_cannot_be_canceled(stall: Stall) -> None:
    order = stall.order((1, 1), (3, 1))
    stall.pay(order.reference)
    stall.ship(order.shipments[0], seller=order.shipments[0].seller_id)

    with pytest.raises(CannotCancel):
        stall.cancel(order.reference)

    assert stall.find(order.reference).status is OrderStatus.PAID
    assert stall.money() == (4750, 0)


def test_while_the_catalog_is_away_the_order_is_canceled_and_the_copies_follow(stall: Stall) -> None:
    reference = stall.order((1, 2)).reference
    stall.pay(reference)

    with stall.catalog.outage():
        assert stall.cancel(reference).status is OrderStatus.REFUNDED
    assert stall.catalog.copies(1) == (1, 0, 2)

    assert stall.recover() == 1
    assert stall.catalog.copies(1) == (3, 0, 0)
    stall.assert_sound()


def test_canceling_a_pending_transfer_drops_it(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    stall.pay(reference, "", method=Method.BANK_TRANSFER)

    order = stall.cancel(reference)

    assert order.status is OrderStatus.CANCELED
    assert order.payments[0].status is PaymentStatus.VOIDED
    stall.assert_sound()


def test_canceling_while_the_gateway_is_silent_drops_the_promise_that_it_made(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    with pytest.raises(GatewayError):
        stall.pay(reference, "tok_timeout")

    order = stall.cancel(reference)

    assert order.payments[0].status is PaymentStatus.VOIDED
    assert [line.kind for line in stall.gateway.statement()] == ["authorized", "voided"]
    stall.assert_sound()


def test_an_order_that_is_not_paid_in_time_expires_and_frees_its_copies(stall: Stall) -> None:
    reference = stall.order((1, 2)).reference
    stall.make_overdue(reference)

    assert stall.expire_unpaid() == 1
    assert stall.expire_unpaid() == 0

    assert stall.find(reference).status is OrderStatus.EXPIRED
    assert stall.catalog.copies(1) == (3, 0, 0)
    assert stall.mails()[-1] == "order_expired to bruno@example.com"
    with pytest.raises(CannotCancel):
        stall.cancel(reference)
    stall.assert_sound()


def test_an_order_that_is_in_time_or_paid_does_not_expire(stall: Stall) -> None:
    waiting = stall.order((1, 1)).reference
    paid = stall.order((2, 1)).reference
    stall.pay(paid)
    stall.make_overdue(paid)

    assert stall.expire_unpaid() == 0
    assert stall.find(waiting).status is OrderStatus.AWAITING_PAYMENT
    assert stall.find(paid).status is OrderStatus.PAID


def test_a_promise_without_an_answer_is_dropped_when_its_order_expires(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    with pytest.raises(GatewayError):
        stall.pay(reference, "tok_error")
    stall.make_overdue(reference)

    stall.expire_unpaid()
    while stall.recover():
        pass

    order = stall.find(reference)
    assert order.status is OrderStatus.EXPIRED
    assert order.payments[0].status is PaymentStatus.VOIDED
    assert order.payments[0].is_active is False
    stall.assert_sound()
