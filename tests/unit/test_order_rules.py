"""The rules about one order and its payments, without a database: any sequence of moves keeps them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bookstore.orders.models import Address, Order, OrderLine, Shipment
from bookstore.orders.order_status import ORDER_MOVES, CopiesStatus, OrderStatus, ShipmentStatus
from bookstore.orders.payment_models import (
    ENDED,
    PAYMENT_MOVES,
    Method,
    Payment,
    PaymentStatus,
    begin_payment,
)
from bookstore.orders.saga import turn_back
from bookstore.shared.errors import ShopError

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
CLAIM = timedelta(seconds=20)


def new_order(parcels: int = 2) -> Order:
    """An order of one book at 10.00 from each of some sellers, with delivery at 15.00."""
    order = Order(
        id=1,
        reference="BS-0000-0000-00",
        buyer_id="bruno",
        buyer_name="Bruno",
        buyer_email="bruno@example.com",
        locale="en",
        _status=OrderStatus.AWAITING_PAYMENT,
        copies=CopiesStatus.HELD,
        claimed_until=START,
        placed_at=START,
        updated_at=START,
        pay_by=START + timedelta(minutes=29),
        currency="USD",
        items_minor=1000 * parcels,
        delivery_minor=1500,
        total_minor=1000 * parcels + 1500,
        delivery_option_id=4,
        delivery_carrier="Servientrega",
        delivery_days=4,
        address=Address("Bruno", "Calle Larga", "Cuenca", "EC"),
    )
    for number in range(parcels):
        shipment = Shipment(id=number, order=order, seller_id=f"seller{number}", carrier="Servientrega")
        shipment._status = ShipmentStatus.WAITING
        OrderLine(order=order, shipment=shipment, quantity=1, price_minor=1000, currency="USD")
    return order


def pay_for(order: Order) -> Payment:
    payment = begin_payment(
        order, Method.CARD, "tok_approved", f"request {len(order.payments)}", START, CLAIM
    )
    payment.move(PaymentStatus.AUTHORIZED, START)
    order.sell_copies(START)
    payment.move(PaymentStatus.CAPTURING, START)
    payment.move(PaymentStatus.CAPTURED, START)
    order.mark_paid(START)
    return payment


def test_nobody_assigns_a_status_from_outside() -> None:
    order = new_order()
    payment = pay_for(order)

    with pytest.raises(AttributeError):
        order.status = OrderStatus.DELIVERED  # type: ignore[misc]
    with pytest.raises(AttributeError):
        payment.status = PaymentStatus.REFUNDED  # type: ignore[misc]
    with pytest.raises(AttributeError):
        order.shipments[0].status = ShipmentStatus.RECEIVED  # type: ignore[misc]


@pytest.mark.parametrize("status", list(OrderStatus))
def test_an_order_makes_only_the_moves_of_the_table(status: OrderStatus) -> None:
    allowed = set()
    for name, move in {
        OrderStatus.PAID: Order.mark_paid,
        OrderStatus.CANCELED: Order.cancel,
        OrderStatus.EXPIRED: Order.expire,
        OrderStatus.REFUNDED: Order.mark_refunded,
    }.items():
        order = new_order()
        order._status = status
        try:
            move(order, START)
        except ShopError:
            assert order.status is status
        else:
            assert order.status is name
            allowed.add(name)

    assert allowed == ORDER_MOVES[status] - {OrderStatus.SHIPPED, OrderStatus.DELIVERED}


@pytest.mark.parametrize("before", list(PaymentStatus))
@pytest.mark.parametrize("after", list(PaymentStatus))
def test_a_payment_makes_only_the_moves_of_the_table(before: PaymentStatus, after: PaymentStatus) -> None:
    payment = begin_payment(new_order(), Method.CARD, "tok_approved", "request", START, CLAIM)
    payment._status = before

    if after in PAYMENT_MOVES[before]:
        payment.move(after, START)
        assert payment.status is after
        assert (payment.active_order_id is None) == (after in ENDED)
    else:
        with pytest.raises(ShopError):
            payment.move(after, START)
        assert payment.status is before


def test_money_that_was_taken_leaves_only_as_a_refund() -> None:
    reachable, frontier = set(), {PaymentStatus.CAPTURING}
    while frontier:
        status = frontier.pop()
        reachable.add(status)
        frontier |= PAYMENT_MOVES[status] - reachable

    assert reachable == {
        PaymentStatus.CAPTURING,
        PaymentStatus.CAPTURED,
        PaymentStatus.REFUNDING,
        PaymentStatus.REFUNDED,
    }


def test_a_payment_is_for_the_whole_order_always() -> None:
    payment = pay_for(new_order(parcels=3))

    assert (payment.amount_minor, payment.currency) == (4500, "USD")
    assert payment.key("capture") == "BS-0000-0000-00-1-capture"


def test_every_move_counts_as_a_change_of_the_order() -> None:
    order = new_order()
    later = START + timedelta(seconds=5)

    order.mark_paid(later)

    assert order.updated_at == later
    assert order.paid_at == later


class OrderLife(RuleBasedStateMachine):
    """Everything that anybody may try with an order, in any sequence; refusals change nothing."""

    @initialize(parcels=st.integers(1, 3))
    def place(self, parcels: int) -> None:
        self.order = new_order(parcels)
        self.now = START
        self.captured = self.refunded = 0

    @rule(minutes=st.integers(0, 40))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def begin_payment(self) -> None:
        active = self.order.active_payment
        payable = self.order.is_open and active is None and self.now < self.order.pay_by
        request = f"request {len(self.order.payments)}"
        try:
            begin_payment(self.order, Method.CARD, "tok_approved", request, self.now, CLAIM)
        except ShopError:
            assert not payable or len(self.order.payments) >= 10
            assert self.order.active_payment is active
        else:
            assert payable

    @precondition(lambda self: self.order.active_payment is not None)
    @rule(data=st.data())
    def next_step(self, data: st.DataObject) -> None:
        """What the saga does with the payment under way."""
        payment = self.order.active_payment
        steps = {
            PaymentStatus.AUTHORIZING: [
                PaymentStatus.AUTHORIZED,
                PaymentStatus.DECLINED,
                PaymentStatus.FAILED,
            ],
            PaymentStatus.AUTHORIZED: [PaymentStatus.CAPTURING],
            PaymentStatus.CAPTURING: [PaymentStatus.CAPTURED],
            PaymentStatus.VOIDING: [PaymentStatus.VOIDED],
            PaymentStatus.REFUNDING: [PaymentStatus.REFUNDED],
        }.get(payment.status)
        if steps is None:
            return
        to = data.draw(st.sampled_from(steps))
        payment.move(to, self.now)
        if to is PaymentStatus.CAPTURING:
            self.order.sell_copies(self.now)
        elif to is PaymentStatus.CAPTURED:
            self.captured += payment.amount_minor
            self.order.mark_paid(self.now)
        elif to is PaymentStatus.REFUNDED:
            self.refunded += payment.amount_minor
            self.order.mark_refunded(self.now)

    @rule()
    def cancel(self) -> None:
        self._try(lambda: (self.order.cancel(self.now), turn_back(self.order, self.now)))

    @rule()
    def expire(self) -> None:
        self._try(lambda: (self.order.expire(self.now), turn_back(self.order, self.now)))

    @rule(data=st.data())
    def ship(self, data: st.DataObject) -> None:
        parcel = data.draw(st.sampled_from(self.order.shipments))
        self._try(lambda: self.order.ship(parcel, "DHL 1234", self.now))

    @rule(data=st.data())
    def receive(self, data: st.DataObject) -> None:
        parcel = data.draw(st.sampled_from(self.order.shipments))
        self._try(lambda: self.order.receive(parcel, self.now))

    @precondition(lambda self: self.order.copies is CopiesStatus.RETURNING)
    @rule()
    def copies_come_back(self) -> None:
        self.order.copies_are_back(self.now)

    def _try(self, action: object) -> None:
        before = (self.order.status, self.order.copies, [parcel.status for parcel in self.order.shipments])
        try:
            action()  # type: ignore[operator]
        except ShopError:
            after = (self.order.status, self.order.copies, [parcel.status for parcel in self.order.shipments])
            assert after == before

    @invariant()
    def money_and_copies_agree(self) -> None:
        order = self.order
        taken = self.captured - self.refunded
        if order.status in {OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED}:
            assert taken == order.total_minor
            assert order.copies is CopiesStatus.SOLD
        elif order.status in {OrderStatus.REFUNDED, OrderStatus.EXPIRED, OrderStatus.AWAITING_PAYMENT}:
            assert taken == 0
        assert taken in {0, order.total_minor}

    @invariant()
    def at_most_one_payment_is_active(self) -> None:
        active = [payment for payment in self.order.payments if payment.is_active]
        assert len(active) <= 1
        assert [payment.active_order_id for payment in active] == [1] * len(active)

    @invariant()
    def nothing_leaves_unpaid(self) -> None:
        sent = [parcel for parcel in self.order.shipments if parcel.status is not ShipmentStatus.WAITING]
        if sent:
            assert self.order.paid_at is not None
            assert self.order.canceled_at is None

    @invariant()
    def an_order_that_ended_early_keeps_no_copies(self) -> None:
        ended = {OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REFUNDED}
        back = {CopiesStatus.RETURNING, CopiesStatus.RETURNED}
        assert (self.order.status in ended) == (self.order.copies in back)


OrderLife.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestOrderLife = OrderLife.TestCase
