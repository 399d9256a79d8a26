"""A process dies at each dangerous moment of each use case; others must bring the order to a good end.

The moments: before and after each call to the catalog and the gateway, and before and after each commit.
"""

from collections.abc import Callable

import pytest

from bookstore.orders.order_status import OrderStatus
from bookstore.orders.payment_models import Method, PaymentStatus
from bookstore.orders.ports import GatewayError, PaymentDeclined
from tests.service.orders.crashes import run_until_crash
from tests.service.orders.stall import Stall

REFERENCE = "BS-0000-0000-00"
TOTAL = 2 * 1250 + 1500


def settle(stall: Stall) -> None:
    """The worker runs until there is nothing left to do."""
    for _ in range(20):
        if stall.recover() + stall.expire_unpaid() == 0:
            break
    stall.assert_sound()


@pytest.mark.parametrize("moment", range(1, 12))
def test_placing_an_order_can_be_cut_off_anywhere(stall: Stall, moment: int) -> None:
    def place() -> object:
        return stall.order((1, 2), reference=REFERENCE)

    crashed = run_until_crash(stall, place, moment, last=11)
    assert crashed == (moment <= 6)

    # Whoever repeats the request has one order, and one hold.
    assert stall.order((1, 2), reference=REFERENCE).reference == REFERENCE
    assert stall.catalog.copies(1) == (1, 2, 0)
    assert stall.mails() == ["order_placed to bruno@example.com"]
    settle(stall)


@pytest.mark.parametrize("moment", range(1, 8))
def test_an_order_that_nobody_places_again_holds_its_copies_for_a_while_only(
    stall: Stall, moment: int
) -> None:
    run_until_crash(stall, lambda: stall.order((1, 2), reference=REFERENCE), moment, last=7)

    if stall.catalog.state(REFERENCE) == "held":
        stall.catalog.run_out(REFERENCE)

    assert stall.catalog.copies(1) == (3, 0, 0)


@pytest.mark.parametrize("token", ["tok_approved", "tok_timeout", "tok_declined"])
@pytest.mark.parametrize("moment", range(1, 17))
def test_paying_can_be_cut_off_anywhere(stall: Stall, token: str, moment: int) -> None:
    stall.order((1, 2), reference=REFERENCE)

    run_until_crash(stall, lambda: answer_of(lambda: stall.pay(REFERENCE, token)), moment, last=16)
    settle(stall)

    order = stall.find(REFERENCE)
    if order.status is OrderStatus.PAID:
        assert stall.money() == (TOTAL, 0)
        assert stall.catalog.copies(1) == (1, 0, 2)
    else:
        # Killed before the payment was recorded, or declined: the buyer may pay now.
        assert token == "tok_declined" or order.payments == []
        assert stall.money() == (0, 0)
        stall.pay(REFERENCE, request_key="another")
        assert stall.money() == (TOTAL, 0)
    stall.assert_sound()


@pytest.mark.parametrize("moment", range(1, 17))
def test_a_payment_that_was_cut_off_may_be_repeated_by_the_buyer(stall: Stall, moment: int) -> None:
    stall.order((1, 2), reference=REFERENCE)
    run_until_crash(stall, lambda: stall.pay(REFERENCE, request_key="the same"), moment, last=16)

    assert stall.pay(REFERENCE, request_key="the same").status is PaymentStatus.CAPTURED

    assert stall.money() == (TOTAL, 0)
    assert stall.mails().count("order_paid to bruno@example.com") == 1
    settle(stall)


@pytest.mark.parametrize("moment", range(1, 13))
def test_canceling_a_paid_order_can_be_cut_off_anywhere(stall: Stall, moment: int) -> None:
    stall.order((1, 2), reference=REFERENCE)
    stall.pay(REFERENCE)

    run_until_crash(stall, lambda: stall.cancel(REFERENCE), moment, last=12)
    settle(stall)

    if moment == 1:  # before the decision was recorded: nothing has happened
        assert stall.find(REFERENCE).status is OrderStatus.PAID
        assert stall.money() == (TOTAL, 0)
    else:
        assert stall.find(REFERENCE).status is OrderStatus.REFUNDED
        assert stall.money() == (TOTAL, TOTAL)
        assert stall.catalog.copies(1) == (3, 0, 0)
        assert stall.mails().count("order_refunded to bruno@example.com") == 1


@pytest.mark.parametrize("moment", range(1, 15))
def test_canceling_while_a_payment_is_open_can_be_cut_off_anywhere(stall: Stall, moment: int) -> None:
    stall.order((1, 2), reference=REFERENCE)
    with pytest.raises(GatewayError):
        stall.pay(REFERENCE, "tok_timeout")

    run_until_crash(stall, lambda: stall.cancel(REFERENCE), moment, last=14)
    settle(stall)

    order = stall.find(REFERENCE)
    paid_after_all = moment == 1
    assert order.status is (OrderStatus.PAID if paid_after_all else OrderStatus.CANCELED)
    assert stall.money() == ((TOTAL, 0) if paid_after_all else (0, 0))


@pytest.mark.parametrize("moment", range(1, 14))
def test_an_expiry_can_be_cut_off_anywhere(stall: Stall, moment: int) -> None:
    stall.order((1, 2), reference=REFERENCE)
    with pytest.raises(GatewayError):
        stall.pay(REFERENCE, "tok_timeout")
    stall.make_overdue(REFERENCE)

    run_until_crash(stall, stall.expire_unpaid, moment, last=13)
    stall.expire_unpaid()
    settle(stall)

    assert stall.find(REFERENCE).status is OrderStatus.EXPIRED
    assert stall.money() == (0, 0)
    assert stall.catalog.copies(1) == (3, 0, 0)


@pytest.mark.parametrize("moment", range(1, 25))
def test_a_bank_transfer_can_be_cut_off_anywhere(stall: Stall, moment: int) -> None:
    stall.order((1, 2), reference=REFERENCE)

    def transfer() -> None:
        stall.confirm(stall.pay(REFERENCE, "", method=Method.BANK_TRANSFER))

    run_until_crash(stall, transfer, moment, last=24)
    settle(stall)

    order = stall.find(REFERENCE)
    if order.active_payment is None:
        assert (moment, order.payments) == (1, [])
    elif order.active_payment.status is PaymentStatus.PENDING:
        assert stall.money() == (0, 0)
        stall.confirm(order.active_payment)
    if moment > 1:
        assert stall.find(REFERENCE).status is OrderStatus.PAID
        assert stall.money() == (TOTAL, 0)
    stall.assert_sound()


@pytest.mark.parametrize("moment", range(1, 20))
def test_the_recovery_itself_can_be_cut_off_anywhere(stall: Stall, moment: int) -> None:
    stall.order((1, 2), reference=REFERENCE)
    with pytest.raises(GatewayError):
        stall.pay(REFERENCE, "tok_timeout")

    run_until_crash(stall, stall.recover, moment, last=19)
    settle(stall)

    assert stall.find(REFERENCE).status is OrderStatus.PAID
    assert stall.money() == (TOTAL, 0)


def answer_of(action: Callable[[], object]) -> object:
    """What the buyer is told, refusals included."""
    try:
        return action()
    except (GatewayError, PaymentDeclined) as refusal:
        return refusal
