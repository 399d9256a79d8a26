"""What an admin sees of an order's saga: steps with their times, tries and ends, as orders has recorded them."""

from datetime import timedelta

import pytest
import time_machine

from bookstore.orders.payment_models import Method
from bookstore.orders.ports import CatalogUnavailable, GatewayError, PaymentDeclined, ReservationExpired
from bookstore.orders.saga_timeline import SagaStep, saga_timeline
from bookstore.shared.clock import utcnow
from tests.service.orders.stall import Stall

REFERENCE = "BS-0000-0000-00"


def saga(stall: Stall) -> list[SagaStep]:
    order = stall.find(REFERENCE)
    with stall.database.reading() as session:
        return saga_timeline(session, order)


def told(stall: Stall) -> list[tuple[str, str, int]]:
    return [(str(step.name), str(step.outcome), step.tries) for step in saga(stall)]


def test_a_purchase_from_reserve_to_ship(stall: Stall) -> None:
    placed_at = utcnow()
    with time_machine.travel(placed_at, tick=False) as clock:
        order = stall.order((1, 2), reference=REFERENCE)
        clock.shift(timedelta(minutes=1))
        stall.pay(REFERENCE)
        clock.shift(timedelta(hours=5))
        stall.ship(order.shipments[0])

    assert told(stall) == [
        ("reserve", "done", 1),
        ("authorize", "done", 1),
        ("commit", "done", 1),
        ("capture", "done", 1),
        ("ship", "done", 1),
    ]
    steps = saga(stall)
    assert [step.began_at - placed_at for step in steps[:2]] == [timedelta(0), timedelta(minutes=1)]
    assert steps[-1].duration == timedelta(hours=5)
    assert [step.is_compensation for step in steps] == [False] * 5
    assert {step.trace_id for step in steps} == {None}


def test_an_unshipped_parcel_is_under_way(stall: Stall) -> None:
    stall.order((1, 1), (3, 1), reference=REFERENCE)
    stall.pay(REFERENCE)
    shipment = next(parcel for parcel in stall.find(REFERENCE).shipments if parcel.seller_id == "ana")
    stall.ship(shipment)

    ships = [step for step in saga(stall) if step.name == "ship"]

    assert [(step.note, str(step.outcome), step.tries) for step in ships] == [
        ("Ana Sells", "done", 1),
        ("Carla Strange", "running", 0),
    ]


def test_a_time_out_is_a_try_more(stall: Stall) -> None:
    stall.order((1, 1), reference=REFERENCE)
    with pytest.raises(GatewayError):
        stall.pay(REFERENCE, "tok_timeout")
    assert told(stall)[1:] == [("authorize", "running", 2)]
    assert saga(stall)[1].duration is None

    stall.recover()

    assert told(stall)[1:4] == [("authorize", "done", 2), ("commit", "done", 1), ("capture", "done", 1)]


def test_a_gateway_that_never_answers_is_given_up(stall: Stall) -> None:
    stall.order((1, 1), reference=REFERENCE)
    with pytest.raises(GatewayError):
        stall.pay(REFERENCE, "tok_error")
    for _ in range(5):
        stall.recover()

    assert told(stall)[1:] == [("authorize", "given_up", stall.policy.max_tries)]


def test_a_decline_is_a_refusal(stall: Stall) -> None:
    stall.order((1, 1), reference=REFERENCE)
    with pytest.raises(PaymentDeclined):
        stall.pay(REFERENCE, "tok_declined")
    stall.pay(REFERENCE, request_key="another")

    assert told(stall)[1:3] == [("authorize", "refused", 1), ("authorize", "done", 1)]
    assert [step.attempt for step in saga(stall)[:3]] == [0, 1, 2]


def test_canceling_a_paid_order_is_compensated(stall: Stall) -> None:
    stall.order((1, 1), reference=REFERENCE)
    stall.pay(REFERENCE)
    stall.cancel(REFERENCE)

    compensations = [step for step in saga(stall) if step.is_compensation]
    assert sorted((str(step.name), str(step.outcome)) for step in compensations) == [
        ("refund", "done"),
        ("release", "done"),
    ]
    assert ("ship", "turned_back", 0) in told(stall)


def test_copies_that_the_catalog_no_longer_holds_void_the_payment(stall: Stall) -> None:
    stall.order((1, 1), reference=REFERENCE)
    stall.catalog.run_out(REFERENCE)
    with pytest.raises(ReservationExpired):
        stall.pay(REFERENCE)

    assert ("commit", "refused", 1) in told(stall)
    assert ("void", "done", 1) in told(stall)
    assert stall.money() == (0, 0)


def test_a_release_that_gets_no_answer_is_tried_again(stall: Stall) -> None:
    class Away:
        def release(self, reference: str) -> None:
            raise CatalogUnavailable

    stall.order((1, 1), reference=REFERENCE)
    stall.catalog_port = Away()  # type: ignore[assignment]
    stall.cancel(REFERENCE)
    assert told(stall)[1:] == [("release", "running", 1)]
    assert saga(stall)[1].note == CatalogUnavailable.code

    stall.catalog_port = stall.catalog
    stall.recover()

    assert told(stall)[1:] == [("release", "done", 2)]


def test_a_bank_transfer_holds_and_waits(stall: Stall) -> None:
    stall.order((1, 1), reference=REFERENCE)
    stall.confirm(stall.pay(REFERENCE, "", method=Method.BANK_TRANSFER))

    assert [name for name, _, _ in told(stall)] == [
        "reserve",
        "authorize",
        "hold",
        "transfer",
        "commit",
        "capture",
        "ship",
    ]


def test_what_was_placed_before_there_was_a_log_has_its_payments_only(stall: Stall) -> None:
    stall.order((1, 1), reference=REFERENCE)
    stall.pay(REFERENCE)
    with stall.session() as session, session.begin():
        session.connection().exec_driver_sql("DELETE FROM order_events")

    assert [name for name, _, _ in told(stall)] == ["authorize", "commit", "capture", "ship"]
