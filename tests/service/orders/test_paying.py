"""Paying an order by card, PayPal and bank transfer."""

from datetime import timedelta

import pytest

from bookstore.orders import payments
from bookstore.orders.order_status import CopiesStatus, OrderChanged, OrderStatus
from bookstore.orders.payment_models import (
    MAX_PAYMENTS,
    Method,
    NotPayable,
    PaymentInProgress,
    PaymentStatus,
    TooManyPayments,
)
from bookstore.orders.payments import InvalidToken, NotPending, PaymentDelayed
from bookstore.orders.ports import GatewayError, PaymentDeclined, ReservationExpired
from bookstore.shared.clock import utcnow
from bookstore.shared.errors import NotFound
from tests.deadlocks import deadlocks
from tests.service.orders.stall import Stall


@pytest.mark.parametrize("method", [Method.CARD, Method.PAYPAL])
def test_paying_takes_exactly_the_total_once_and_sells_the_copies(stall: Stall, method: Method) -> None:
    reference = stall.order((1, 2)).reference

    payment = stall.pay(reference, method=method)

    assert payment.status is PaymentStatus.CAPTURED
    assert stall.money() == (2 * 1250 + 1500, 0)
    assert stall.catalog.copies(1) == (1, 0, 2)
    order = stall.find(reference)
    assert (order.status, order.copies) == (OrderStatus.PAID, CopiesStatus.SOLD)
    assert order.paid_at is not None
    assert stall.mails() == ["order_placed to bruno@example.com", "order_paid to bruno@example.com"]
    stall.assert_sound()


def test_a_paid_order_forgets_the_token(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference

    stall.pay(reference)

    assert stall.find(reference).payments[0].token is None


def test_nobody_else_can_pay_the_order(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference

    with pytest.raises(NotFound):
        stall.pay(reference, buyer="carla")

    assert stall.find(reference).payments == []
    assert stall.money() == (0, 0)


def test_a_decline_takes_nothing_and_another_attempt_may_follow(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference

    with pytest.raises(PaymentDeclined):
        stall.pay(reference, "tok_declined", request_key="first")
    assert stall.find(reference).status is OrderStatus.AWAITING_PAYMENT
    assert stall.catalog.copies(1) == (2, 1, 0)

    stall.pay(reference, request_key="second")
    assert [payment.status for payment in stall.find(reference).payments] == [
        PaymentStatus.DECLINED,
        PaymentStatus.CAPTURED,
    ]
    assert stall.money() == (2750, 0)
    stall.assert_sound()


def test_the_same_request_gets_the_same_decline(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    for _ in range(2):
        with pytest.raises(PaymentDeclined):
            stall.pay(reference, "tok_declined", request_key="first")

    assert len(stall.find(reference).payments) == 1


def test_an_unknown_token_is_declined(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference

    with pytest.raises(PaymentDeclined):
        stall.pay(reference, "4111 1111 1111 1111")

    assert stall.money() == (0, 0)


def test_ten_declines_are_enough(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    for number in range(MAX_PAYMENTS):
        with pytest.raises(PaymentDeclined):
            stall.pay(reference, "tok_declined", request_key=f"request {number}")

    with pytest.raises(TooManyPayments):
        stall.pay(reference, request_key="one more")
    assert stall.money() == (0, 0)


def test_the_same_request_pays_once(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference

    first = stall.pay(reference, request_key="the same")
    again = stall.pay(reference, request_key="the same")

    assert again.id == first.id
    assert stall.money() == (2750, 0)


def test_a_paid_order_is_not_paid_again(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    stall.pay(reference, request_key="first")

    with pytest.raises(NotPayable):
        stall.pay(reference, request_key="second")

    assert stall.money() == (2750, 0)


@pytest.mark.parametrize("token", ["x" * 256, "tok_\x00approved", "tok\napproved"])
def test_a_token_that_cannot_be_one_is_refused(stall: Stall, token: str) -> None:
    reference = stall.order((1, 1)).reference

    with pytest.raises(InvalidToken):
        stall.pay(reference, token)

    assert stall.find(reference).payments == []


def test_when_the_gateway_is_silent_the_payment_stays_and_the_shop_tries_again(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference

    with pytest.raises(GatewayError):
        stall.pay(reference, "tok_timeout")
    order = stall.find(reference)
    assert order.status is OrderStatus.AWAITING_PAYMENT
    assert order.payments[0].status is PaymentStatus.AUTHORIZING

    assert stall.recover() == 1
    assert stall.find(reference).status is OrderStatus.PAID
    assert stall.money() == (2750, 0)
    assert len([line for line in stall.gateway.statement() if line.kind == "authorized"]) == 1
    stall.assert_sound()


def test_after_a_time_out_the_buyer_may_repeat_the_request_too(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    with pytest.raises(GatewayError):
        stall.pay(reference, "tok_timeout", request_key="the same")

    assert stall.pay(reference, "tok_timeout", request_key="the same").status is PaymentStatus.CAPTURED
    assert stall.money() == (2750, 0)


def test_while_a_payment_is_under_way_another_is_refused(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    with pytest.raises(GatewayError):
        stall.pay(reference, "tok_timeout", request_key="first")

    with pytest.raises(PaymentInProgress):
        stall.pay(reference, request_key="second")

    assert len(stall.find(reference).payments) == 1


def test_a_gateway_that_is_broken_is_given_up_and_the_order_can_still_be_paid(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    with pytest.raises(GatewayError):
        stall.pay(reference, "tok_error", request_key="first")

    assert [stall.recover() for _ in range(3)] == [1, 1, 0]
    assert stall.find(reference).payments[0].status is PaymentStatus.FAILED

    stall.pay(reference, request_key="second")
    assert stall.money() == (2750, 0)
    stall.assert_sound()


def test_a_hold_that_ran_out_is_not_paid_for(stall: Stall) -> None:
    reference = stall.order((1, 3)).reference
    stall.catalog.run_out(reference)
    stall.order((1, 3), buyer="dora")

    with pytest.raises(ReservationExpired):
        stall.pay(reference)

    order = stall.find(reference)
    assert order.status is OrderStatus.EXPIRED
    assert order.payments[0].status is PaymentStatus.VOIDED
    assert stall.money() == (0, 0)
    assert stall.catalog.copies(1) == (0, 3, 0)
    assert stall.mails()[-1] == "order_expired to bruno@example.com"
    stall.assert_sound()


def test_while_the_catalog_is_away_no_money_is_taken(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference

    with stall.catalog.outage(), pytest.raises(PaymentDelayed):
        stall.pay(reference)
    assert stall.money() == (0, 0)
    assert stall.find(reference).payments[0].status is PaymentStatus.AUTHORIZED

    stall.recover()
    assert stall.find(reference).status is OrderStatus.PAID
    assert stall.money() == (2750, 0)


def test_an_order_whose_time_has_run_out_cannot_be_paid(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    stall.make_overdue(reference)

    with pytest.raises(NotPayable):
        stall.pay(reference)

    assert stall.money() == (0, 0)


def test_a_bank_transfer_waits_for_an_admin_and_its_copies_with_it(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference

    payment = stall.pay(reference, "", method=Method.BANK_TRANSFER)

    assert payment.status is PaymentStatus.PENDING
    assert stall.money() == (0, 0)
    order = stall.find(reference)
    assert order.status is OrderStatus.AWAITING_PAYMENT
    assert order.pay_by - utcnow() > timedelta(days=2, hours=23)
    assert stall.catalog.holds[reference].expires_at > order.pay_by
    assert stall.recover() == 0

    assert stall.confirm(payment).status is PaymentStatus.CAPTURED
    assert stall.find(reference).status is OrderStatus.PAID
    assert stall.money() == (2750, 0)
    stall.assert_sound()


def test_a_transfer_is_confirmed_once(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    payment = stall.pay(reference, "", method=Method.BANK_TRANSFER)
    stall.confirm(payment)

    assert stall.confirm(payment).status is PaymentStatus.CAPTURED
    with pytest.raises(NotPending):
        stall.reject(payment)
    assert stall.money() == (2750, 0)


def test_a_transfer_is_confirmed_although_each_transaction_meets_a_deadlock(stall: Stall) -> None:
    reference = stall.order((1, 2)).reference
    payment = stall.pay(reference, "", method=Method.BANK_TRANSFER)

    with deadlocks() as server:
        confirmed = stall.confirm(payment)

    assert len(server.met) > 2
    assert confirmed.status is PaymentStatus.CAPTURED
    assert stall.find(reference).status is OrderStatus.PAID
    assert stall.money() == (2 * 1250 + 1500, 0)
    stall.assert_sound()


def test_a_transfer_that_did_not_arrive_ends_the_order(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    payment = stall.pay(reference, "", method=Method.BANK_TRANSFER)

    assert stall.reject(payment).status is PaymentStatus.VOIDED

    assert stall.find(reference).status is OrderStatus.CANCELED
    assert stall.catalog.copies(1) == (3, 0, 0)
    assert stall.mails()[-1] == "order_canceled to bruno@example.com"
    with pytest.raises(NotPending):
        stall.confirm(payment)
    stall.assert_sound()


def test_a_transfer_whose_copies_are_gone_is_not_kept(stall: Stall) -> None:
    reference = stall.order((1, 3)).reference
    stall.catalog.run_out(reference)
    stall.order((1, 3), buyer="dora")

    with pytest.raises(ReservationExpired):
        stall.pay(reference, "", method=Method.BANK_TRANSFER)

    assert stall.find(reference).status is OrderStatus.EXPIRED
    stall.assert_sound()


def test_the_transfers_to_decide_on_are_listed_oldest_first_page_by_page(stall: Stall) -> None:
    references = [stall.order((2, 1)).reference for _ in range(3)]
    for reference in references:
        stall.pay(reference, "", method=Method.BANK_TRANSFER)
    paid = stall.order((1, 1)).reference
    stall.pay(paid)

    with stall.database.reading() as session:
        first = payments.pending_transfers(session, None, 2)
        second = payments.pending_transfers(session, first.next_cursor, 2)

    assert [payment.order.reference for payment in first.items] == references[:2]
    assert [payment.order.reference for payment in second.items] == references[2:]
    assert second.next_cursor is None


def test_repeating_a_payment_of_a_canceled_order_says_that_it_changed(stall: Stall) -> None:
    reference = stall.order((1, 1)).reference
    with pytest.raises(GatewayError):
        stall.pay(reference, "tok_timeout", request_key="the same")
    stall.cancel(reference)

    with pytest.raises(OrderChanged):
        stall.pay(reference, "tok_timeout", request_key="the same")
    assert stall.money() == (0, 0)
    stall.assert_sound()
