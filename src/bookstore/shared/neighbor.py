"""How services call one another over HTTP: each call has an end, and a neighbor's absence costs little.

A call that was lost is sent again only where its caller says that it may be. After several failures in a row
the neighbor is left alone for a while (`shared.circuit`), so that its silence does not use up our threads.
The request's id and its trace context travel along, and the service credential.
"""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx
import structlog
from flask import current_app, has_request_context, request
from prometheus_client import Gauge, Histogram

from bookstore.shared.circuit import Circuit, CircuitState
from bookstore.shared.clock import utcnow
from bookstore.shared.deadline import DeadlineTransport, deadline
from bookstore.shared.telemetry import log

if TYPE_CHECKING:
    from bookstore.shared.tracing import Tracing

EXTENSION = "bookstore.neighbors"
ATTEMPTS = 2
# Seconds before the second attempt, drawn at random so that many callers do not come back at one moment.
PAUSE = (0.05, 0.25)
TRACE_HEADERS = ("traceparent", "tracestate")
# Answers of one that cannot just now; 500 is a defect, which asking again does not mend.
PASSING = {502, 503, 504}

CALLS = Histogram(
    "bookstore_neighbor_call_seconds",
    "Time that attempts to call another service took, by how they ended",
    ["neighbor", "outcome"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
CIRCUIT = Gauge(
    "bookstore_neighbor_circuit",
    "Whether another service is called: 0 closed (it is), 1 half open (a probe is), 2 open (it is not)",
    ["neighbor"],
    multiprocess_mode="livemax",
)
CIRCUIT_LEVELS = {CircuitState.CLOSED: 0, CircuitState.HALF_OPEN: 1, CircuitState.OPEN: 2}


class NeighborUnavailable(Exception):
    """The neighbor does not answer, not in time, or cannot just now. What it did is unknown."""

    def __init__(self, neighbor: str, reason: str, passing: bool) -> None:
        super().__init__(f"{neighbor}: {reason}")
        self.reason = reason
        self.passing = passing


@dataclass(frozen=True)
class Patience:
    """How long to wait for a neighbor, in seconds, and when to leave it alone.

    `call` bounds the whole call with its repetition, `answer` each silence, `connect` finding the neighbor.
    After `failures` in a row it is not called for `rest`.
    """

    connect: float = 1.0
    answer: float = 3.0
    call: float = 5.0
    failures: int = 5
    rest: float = 5.0


@dataclass(frozen=True)
class Health:
    """A neighbor as this process has seen it last; None where it was not called yet."""

    name: str
    circuit: CircuitState
    last_outcome: str | None
    last_seconds: float | None
    last_called_at: datetime | None


class Neighbor:
    """Another service, called over HTTP."""

    def __init__(
        self,
        name: str,
        base_url: str,
        service_token: str,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.name = name
        self.patience = patience or Patience()
        self.circuit = Circuit(self.patience.failures, self.patience.rest)
        self._last: Health | None = None
        self._client = httpx.Client(
            base_url=base_url,
            timeout=httpx.Timeout(self.patience.answer, connect=self.patience.connect),
            headers={"Authorization": f"Bearer {service_token}"},
            transport=transport or DeadlineTransport(),
            trust_env=False,
        )

    def call(self, method: str, path: str, *, repeatable: bool, json: Any = None) -> httpx.Response:
        """The neighbor's answer, which may be a refusal (4xx). Raises NeighborUnavailable.

        `repeatable` says that the neighbor may get the call twice without doing anything twice.
        """
        ends_at = time.monotonic() + self.patience.call
        with deadline(self.patience.call):
            for attempts_left in reversed(range(ATTEMPTS if repeatable else 1)):
                pause = random.uniform(*PAUSE)  # noqa: S311  # spreads load, keeps no secret
                try:
                    return self._attempt(method, path, json)
                except NeighborUnavailable as error:
                    log.warning(
                        "neighbor does not answer", neighbor=self.name, path=path, reason=error.reason
                    )
                    too_late = time.monotonic() + pause >= ends_at
                    if not attempts_left or not error.passing or too_late:
                        raise
                time.sleep(pause)
        raise AssertionError("the loop returns or raises")

    def health(self) -> Health:
        """The state of the circuit and how the last call fared."""
        last = self._last or Health(self.name, self.circuit.state, None, None, None)
        return Health(
            self.name, self.circuit.state, last.last_outcome, last.last_seconds, last.last_called_at
        )

    def trace_with(self, tracing: "Tracing") -> None:
        """Show the calls in these traces. Their own trace context then travels, not that of the request."""
        tracing.follow(self._client)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _attempt(self, method: str, path: str, json: Any) -> httpx.Response:
        if not self.circuit.admit():
            CALLS.labels(self.name, "not_called").observe(0)
            raise NeighborUnavailable(self.name, "the circuit is open", passing=False)
        started, outcome = time.perf_counter(), "error"
        try:
            answer = self._client.request(method, path, json=json, headers=_passed_on())
            outcome = _outcome(answer)
        except httpx.TimeoutException as error:
            outcome = "timeout"
            raise NeighborUnavailable(self.name, type(error).__name__, passing=True) from error
        except httpx.HTTPError as error:
            outcome = "unreachable"
            raise NeighborUnavailable(self.name, type(error).__name__, passing=True) from error
        finally:
            self._record(outcome, time.perf_counter() - started)
        if answer.is_server_error:
            passing = answer.status_code in PASSING
            raise NeighborUnavailable(self.name, f"it answered {answer.status_code}", passing)
        return answer

    def _record(self, outcome: str, seconds: float) -> None:
        if outcome in {"ok", "refused"}:
            self.circuit.succeeded()
        else:
            self.circuit.failed()
        CALLS.labels(self.name, outcome).observe(seconds)
        CIRCUIT.labels(self.name).set(CIRCUIT_LEVELS[self.circuit.state])
        self._last = Health(self.name, self.circuit.state, outcome, seconds, utcnow())


def health() -> list[Health]:
    """The neighbors of the app that serves this request, as this process has seen them last."""
    neighbors: Mapping[str, Neighbor] = current_app.extensions.get(EXTENSION, {})
    return [neighbor.health() for neighbor in neighbors.values()]


def _outcome(answer: httpx.Response) -> str:
    if answer.is_server_error:
        return "error"
    return "ok" if answer.is_success else "refused"


def _passed_on() -> dict[str, str]:
    """What the neighbor must know of the request in whose name it is called."""
    headers = {}
    if request_id := structlog.contextvars.get_contextvars().get("request_id"):
        headers["X-Request-ID"] = request_id
    if has_request_context():
        headers |= {name: request.headers[name] for name in TRACE_HEADERS if name in request.headers}
    return headers
