"""Calls between services: their end, their repetition, the circuit, and what travels along."""

import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
import structlog
from flask import Flask
from prometheus_client import REGISTRY
from werkzeug.serving import make_server

from bookstore.shared import neighbor as neighbors
from bookstore.shared.circuit import Circuit, CircuitState
from bookstore.shared.neighbor import Neighbor, NeighborUnavailable, Patience
from tests.faults.fault_proxy import DOWN, LATENCY, RESET, SILENT, SLOW, Fault, FaultProxy

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SHORT = Patience(connect=0.3, answer=0.3, call=0.8, failures=1000)


class Answers:
    """A neighbor that answers in turn, the last answer for ever, and remembers what it was asked."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer, json={})

    def called(self, **patience: float) -> Neighbor:
        chosen = Patience(**{"failures": 1000, **patience})  # type: ignore[arg-type]
        return Neighbor("catalog", "http://catalog", "the token", chosen, httpx.MockTransport(self))


def test_a_lost_call_is_repeated_only_where_it_may_be() -> None:
    for lost in (httpx.ConnectError("refused"), httpx.ReadTimeout("silence"), 502, 503, 504):
        twice = Answers(lost, 200)
        assert twice.called().call("PUT", "/x", repeatable=True).status_code == 200
        assert len(twice.asked) == 2
        once = Answers(lost, 200)
        with pytest.raises(NeighborUnavailable):
            once.called().call("POST", "/x", repeatable=False)
        assert len(once.asked) == 1


def test_a_defect_is_not_asked_for_again() -> None:
    broken = Answers(500)
    with pytest.raises(NeighborUnavailable, match="catalog: it answered 500"):
        broken.called().call("PUT", "/x", repeatable=True)
    assert len(broken.asked) == 1


def test_a_refusal_is_an_answer() -> None:
    refusing = Answers(409)
    neighbor = refusing.called(failures=1)
    for _ in range(3):
        assert neighbor.call("PUT", "/x", repeatable=True).status_code == 409
    assert neighbor.health().circuit is CircuitState.CLOSED
    assert len(refusing.asked) == 3


def test_no_second_attempt_begins_when_the_time_is_over() -> None:
    lost = Answers(httpx.ReadTimeout("silence"))
    with pytest.raises(NeighborUnavailable):
        lost.called(call=0.01).call("PUT", "/x", repeatable=True)
    assert len(lost.asked) == 1


def test_after_failures_in_a_row_nobody_is_asked_until_one_probe_has_gone_well() -> None:
    answers = Answers(httpx.ConnectError("refused"))
    neighbor = answers.called(failures=2, rest=0.2)
    with pytest.raises(NeighborUnavailable):
        neighbor.call("GET", "/x", repeatable=True)
    assert neighbor.health().circuit is CircuitState.OPEN
    for _ in range(5):
        with pytest.raises(NeighborUnavailable, match="the circuit is open"):
            neighbor.call("GET", "/x", repeatable=True)
    assert len(answers.asked) == 2
    answers.answers = [200]
    time.sleep(0.25)
    assert neighbor.call("GET", "/x", repeatable=True).status_code == 200
    assert neighbor.health().circuit is CircuitState.CLOSED


def test_an_open_circuit_lets_one_probe_through_and_opens_again_when_it_fails() -> None:
    now = [100.0]
    circuit = Circuit(failures=1, rest_seconds=5, clock=lambda: now[0])
    assert circuit.admit()
    circuit.failed()
    now[0] += 4.9
    assert not circuit.admit()
    now[0] += 0.1
    assert [circuit.admit() for _ in range(3)] == [True, False, False]
    assert circuit.state is CircuitState.HALF_OPEN
    circuit.failed()
    assert (circuit.state, circuit.admit()) == (CircuitState.OPEN, False)
    circuit.succeeded()  # a call from before it opened
    assert circuit.state is CircuitState.OPEN
    now[0] += 5
    assert circuit.admit()
    circuit.succeeded()
    assert circuit.state is CircuitState.CLOSED


def test_only_failures_in_a_row_count() -> None:
    circuit = Circuit(failures=2, rest_seconds=5)
    for _ in range(5):
        circuit.failed()
        circuit.succeeded()
    assert circuit.state is CircuitState.CLOSED


def test_a_slow_neighbor_does_not_make_calls_wait_for_one_another() -> None:
    together = threading.Barrier(4)

    def meet(request: httpx.Request) -> httpx.Response:
        together.wait(timeout=10)  # passes only when four calls are under way at once
        return httpx.Response(200)

    neighbor = Neighbor("catalog", "http://catalog", "t", Patience(), httpx.MockTransport(meet))
    answers: list[int] = []

    def ask() -> None:
        answers.append(neighbor.call("GET", "/x", repeatable=False).status_code)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert answers == [200] * 4


def test_the_request_its_trace_and_the_credential_travel_along() -> None:
    answers = Answers(200)
    offered = {"traceparent": TRACE, "tracestate": "vendor=1", "Cookie": "bookstore_token=secret"}
    with (
        Flask("x").test_request_context(headers=offered),
        structlog.contextvars.bound_contextvars(request_id="request-0001"),
    ):
        answers.called().call("GET", "/x", repeatable=True)
    (asked,) = answers.asked
    assert asked.headers["Authorization"] == "Bearer the token"
    assert asked.headers["X-Request-ID"] == "request-0001"
    assert (asked.headers["traceparent"], asked.headers["tracestate"]) == (TRACE, "vendor=1")
    assert "Cookie" not in asked.headers


def test_without_a_request_no_trace_is_invented() -> None:
    structlog.contextvars.clear_contextvars()  # whatever another test has served here before
    answers = Answers(200)
    answers.called().call("GET", "/x", repeatable=True)
    assert not {"traceparent", "tracestate", "x-request-id"} & set(answers.asked[0].headers)


def test_the_status_page_learns_state_and_latency() -> None:
    neighbor = Answers(200).called()
    app = Flask("x")
    app.extensions[neighbors.EXTENSION] = {"catalog": neighbor}
    with app.app_context():
        [before] = neighbors.health()
        assert (before.name, before.circuit, before.last_outcome) == ("catalog", CircuitState.CLOSED, None)
        neighbor.call("GET", "/x", repeatable=True)
        [after] = neighbors.health()
    assert after.last_outcome == "ok"
    assert after.last_seconds is not None
    assert 0 < after.last_seconds < 5
    assert after.last_called_at is not None


def test_calls_and_the_circuit_are_measured() -> None:
    def counted(outcome: str) -> float:
        labels = {"neighbor": "measured", "outcome": outcome}
        return REGISTRY.get_sample_value("bookstore_neighbor_call_seconds_count", labels) or 0

    def level() -> float | None:
        return REGISTRY.get_sample_value("bookstore_neighbor_circuit", {"neighbor": "measured"})

    answers = Answers(200, 409, 500)
    transport = httpx.MockTransport(answers)
    neighbor = Neighbor("measured", "http://x", "t", Patience(failures=1), transport)
    for _ in range(2):
        neighbor.call("GET", "/x", repeatable=False)
    assert level() == 0
    for _ in range(2):
        with pytest.raises(NeighborUnavailable):
            neighbor.call("GET", "/x", repeatable=False)
    assert [counted(outcome) for outcome in ("ok", "refused", "error", "not_called")] == [1, 1, 1, 1]
    assert level() == 2


@pytest.fixture
def faulty() -> Iterator[tuple[FaultProxy, Callable[[Patience], Neighbor]]]:
    """A real server behind a proxy that misbehaves."""
    app = Flask("upstream")

    @app.get("/x")
    def answer() -> str:
        return "x" * 2000

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with FaultProxy(server.server_port) as proxy:
        yield proxy, lambda patience: Neighbor("x", f"http://127.0.0.1:{proxy.port}", "t", patience)
    server.shutdown()
    server.server_close()
    thread.join(timeout=10)


@pytest.mark.parametrize(
    "fault",
    [Fault(DOWN), Fault(RESET), Fault(SILENT), Fault(LATENCY, 5), Fault(SLOW, 100)],
    ids=str,
)
def test_a_call_ends_in_time_whatever_is_wrong_and_works_again_afterwards(faulty, fault: Fault) -> None:
    proxy, called = faulty
    neighbor = called(SHORT)
    assert neighbor.call("GET", "/x", repeatable=True).text == "x" * 2000
    proxy.break_with(fault)
    started = time.monotonic()
    with pytest.raises(NeighborUnavailable):
        neighbor.call("GET", "/x", repeatable=True)
    # 0.8 seconds are allowed; 100 bytes a second would take 20, and never a read time-out.
    assert time.monotonic() - started < 4
    proxy.heal()
    assert called(Patience()).call("GET", "/x", repeatable=True).text == "x" * 2000
