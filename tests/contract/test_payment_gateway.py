"""What every payment gateway must do; the sandbox is the first of them."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bookstore.orders.gateways.sandbox import SandboxGateway
from bookstore.orders.ports import GatewayError, PaymentDeclined
from bookstore.shared.money import Money
from tests.empty_databases import EmptyDatabases

PRICE = Money(2750, "USD")


@pytest.fixture
def books(tmp_path: Path, empty_databases: EmptyDatabases) -> Iterator[str]:
    """Where the sandbox keeps its books."""
    with empty_databases.bare(tmp_path) as url:
        yield url


@pytest.fixture
def gateway(books: str) -> Iterator[SandboxGateway]:
    gateway = SandboxGateway(books)
    yield gateway
    gateway.close()


def movements(gateway: SandboxGateway) -> list[tuple[str, int]]:
    return [(line.kind, line.amount.minor) for line in gateway.statement()]


def kept(gateway: SandboxGateway) -> int:
    """Cents that were taken and not given back."""
    signs = {"captured": 1, "refunded": -1}
    return sum(signs.get(kind, 0) * cents for kind, cents in movements(gateway))


def promise(gateway: SandboxGateway, key: str = "a-1", method: str = "card") -> str:
    return gateway.authorize(key, "BS-1", PRICE, method, "tok_approved").authorization_id


@pytest.mark.parametrize("method", ["card", "paypal"])
def test_a_promise_takes_nothing_and_a_capture_takes_it_all(gateway: SandboxGateway, method: str) -> None:
    authorization = gateway.authorize("a-1", "BS-1", PRICE, method, "tok_approved")
    assert authorization.pending is False
    assert kept(gateway) == 0

    gateway.capture("c-1", authorization.authorization_id)

    assert kept(gateway) == 2750
    assert movements(gateway) == [("authorized", 2750), ("captured", 2750)]


def test_the_same_key_gets_the_first_answer_and_acts_once(gateway: SandboxGateway) -> None:
    first = promise(gateway)

    assert promise(gateway) == first
    for _ in range(3):
        gateway.capture("c-1", first)
        gateway.refund("r-1", first, Money(1000, "USD"))
    assert movements(gateway) == [("authorized", 2750), ("captured", 2750), ("refunded", 1000)]


@pytest.mark.parametrize(
    "other",
    [
        ("BS-2", PRICE, "card", "tok_approved"),
        ("BS-1", Money(1, "USD"), "card", "tok_approved"),
        ("BS-1", Money(2750, "EUR"), "card", "tok_approved"),
        ("BS-1", PRICE, "paypal", "tok_approved"),
        ("BS-1", PRICE, "card", "tok_declined"),
    ],
)
def test_a_key_is_not_used_for_something_else(
    gateway: SandboxGateway, other: tuple[str, Money, str, str]
) -> None:
    promise(gateway, "a-1")

    with pytest.raises(GatewayError):
        gateway.authorize("a-1", *other)

    assert movements(gateway) == [("authorized", 2750)]


def test_a_key_of_one_step_does_not_serve_another(gateway: SandboxGateway) -> None:
    authorization_id = promise(gateway, "the key")

    with pytest.raises(GatewayError):
        gateway.capture("the key", authorization_id)
    assert kept(gateway) == 0


@pytest.mark.parametrize("token", ["tok_declined", "tok_unheard_of", ""])
def test_a_decline_is_final_for_its_key(gateway: SandboxGateway, token: str) -> None:
    for _ in range(2):
        with pytest.raises(PaymentDeclined):
            gateway.authorize("a-1", "BS-1", PRICE, "card", token)

    assert movements(gateway) == []


def test_after_a_time_out_the_same_key_finds_what_was_done(gateway: SandboxGateway) -> None:
    with pytest.raises(GatewayError):
        gateway.authorize("a-1", "BS-1", PRICE, "card", "tok_timeout")
    assert movements(gateway) == [("authorized", 2750)]

    again = gateway.authorize("a-1", "BS-1", PRICE, "card", "tok_timeout")
    gateway.capture("c-1", again.authorization_id)

    assert movements(gateway) == [("authorized", 2750), ("captured", 2750)]


def test_a_broken_gateway_does_nothing_however_often_it_is_asked(gateway: SandboxGateway) -> None:
    for _ in range(3):
        with pytest.raises(GatewayError):
            gateway.authorize("a-1", "BS-1", PRICE, "card", "tok_error")

    assert movements(gateway) == []


def test_a_transfer_is_pending_without_a_token_and_taken_when_it_arrived(gateway: SandboxGateway) -> None:
    authorization = gateway.authorize("a-1", "BS-1", PRICE, "bank_transfer", "")
    assert authorization.pending is True

    gateway.capture("c-1", authorization.authorization_id)
    assert kept(gateway) == 2750


def test_a_dropped_promise_takes_nothing_any_more(gateway: SandboxGateway) -> None:
    authorization_id = promise(gateway)
    gateway.void("v-1", authorization_id)
    gateway.void("v-1", authorization_id)

    with pytest.raises(GatewayError):
        gateway.capture("c-1", authorization_id)
    assert movements(gateway) == [("authorized", 2750), ("voided", 2750)]


def test_what_was_taken_can_only_be_given_back(gateway: SandboxGateway) -> None:
    authorization_id = promise(gateway)
    gateway.capture("c-1", authorization_id)

    with pytest.raises(GatewayError):
        gateway.void("v-1", authorization_id)
    with pytest.raises(GatewayError):
        gateway.capture("c-2", authorization_id)
    assert kept(gateway) == 2750


def test_refunds_never_exceed_what_was_taken(gateway: SandboxGateway) -> None:
    authorization_id = promise(gateway)
    with pytest.raises(GatewayError):
        gateway.refund("r-0", authorization_id, Money(1, "USD"))
    gateway.capture("c-1", authorization_id)

    gateway.refund("r-1", authorization_id, Money(2000, "USD"))
    for wrong in (Money(751, "USD"), Money(0, "USD"), Money(-5, "USD"), Money(750, "EUR")):
        with pytest.raises(GatewayError):
            gateway.refund(f"r-{wrong.minor}-{wrong.currency}", authorization_id, wrong)
    gateway.refund("r-2", authorization_id, Money(750, "USD"))

    assert kept(gateway) == 0


@pytest.mark.parametrize("amount", [0, -2750])
def test_nothing_is_promised_for_less_than_a_cent(gateway: SandboxGateway, amount: int) -> None:
    with pytest.raises(GatewayError):
        gateway.authorize("a-1", "BS-1", Money(amount, "USD"), "card", "tok_approved")

    assert movements(gateway) == []


def test_an_unknown_promise_is_an_error(gateway: SandboxGateway) -> None:
    with pytest.raises(GatewayError):
        gateway.capture("c-1", "auth_nobody_made")


def test_the_books_outlive_the_process(books: str) -> None:
    before = SandboxGateway(books)
    authorization_id = promise(before)
    before.capture("c-1", authorization_id)
    before.close()

    after = SandboxGateway(books)
    after.capture("c-1", authorization_id)
    assert movements(after) == [("authorized", 2750), ("captured", 2750)]
    after.close()


def test_twenty_at_once_with_one_key_get_one_promise_and_take_once(gateway: SandboxGateway) -> None:
    start = threading.Barrier(20)

    def ask(number: int) -> str:
        start.wait()
        authorization_id = promise(gateway)
        gateway.capture("c-1", authorization_id)
        return authorization_id

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(ask, range(20)))

    assert len(answers) == 1
    assert movements(gateway) == [("authorized", 2750), ("captured", 2750)]


def test_several_processes_may_open_the_same_books_at_once(books: str) -> None:
    start = threading.Barrier(8)

    def open_books(number: int) -> int:
        start.wait()
        gateway = SandboxGateway(books)
        promise(gateway, f"a-{number}")
        gateway.close()
        return number

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(open_books, range(8))) == list(range(8))
