"""A circuit breaker: whoever has failed several times in a row is left alone for a while, then tried once."""

import threading
import time
from collections.abc import Callable
from enum import StrEnum


class CircuitState(StrEnum):
    """Closed: calls go through. Open: they do not. Half open: one goes through, to see how it fares."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class Circuit:
    """Counts the failures of one neighbor in this process. Its lock is never held during a call.

    It opens after `failures` in a row, for `rest_seconds`; then a single call probes, and its outcome
    closes the circuit or opens it again.
    """

    def __init__(
        self, failures: int, rest_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = failures
        self._rest_seconds = rest_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._state = CircuitState.CLOSED
        self._failed_in_a_row = 0
        self._opened_at = 0.0

    @property
    def state(self) -> CircuitState:
        return self._state

    def admit(self) -> bool:
        """Whether a call may be made now; whoever gets leave must report how it went."""
        with self._lock:
            if self._state is CircuitState.CLOSED:
                return True
            rested = self._clock() - self._opened_at >= self._rest_seconds
            if self._state is CircuitState.HALF_OPEN or not rested:
                return False
            self._state = CircuitState.HALF_OPEN
            return True

    def succeeded(self) -> None:
        """The neighbor has answered. A call from before the circuit opened does not close it."""
        with self._lock:
            if self._state is not CircuitState.OPEN:
                self._state = CircuitState.CLOSED
                self._failed_in_a_row = 0

    def failed(self) -> None:
        """The neighbor has not answered, or only to say that it cannot."""
        with self._lock:
            self._failed_in_a_row += 1
            probing = self._state is CircuitState.HALF_OPEN
            if probing or (self._state is CircuitState.CLOSED and self._failed_in_a_row >= self._limit):
                self._state = CircuitState.OPEN
                self._opened_at = self._clock()
