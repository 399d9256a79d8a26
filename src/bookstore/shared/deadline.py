"""HTTP with an end: a call is over when its time is, however slowly the answer drips in.

The time-outs of HTTP clients bound each read, and a server that sends a byte a second never meets them. Here
each read and write of a call gets no more than what is left of the whole.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

MOST_CONNECTIONS = 100

_ends_at: ContextVar[float | None] = ContextVar("deadline_ends_at", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Whatever is asked over a `DeadlineTransport` in here ends in time, with a time-out of httpx."""
    token = _ends_at.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def seconds_left(at_most: float | None) -> float | None:
    """The time-out, shortened to what the deadline leaves; never 0, which would mean not to wait at all."""
    ends_at = _ends_at.get()
    if ends_at is None:
        return at_most
    left = max(ends_at - time.monotonic(), 0.001)
    return left if at_most is None else min(left, at_most)


class DeadlineTransport(httpx.HTTPTransport):
    """httpx's own transport over connections that know the deadline."""

    def __init__(self) -> None:
        super().__init__()
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=MOST_CONNECTIONS,
            keepalive_expiry=5,
            network_backend=_Backend(),
        )


class _Backend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        limit = seconds_left(timeout)
        return _Stream(super().connect_tcp(host, port, limit, local_address, socket_options))


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        _check()
        return self._stream.read(max_bytes, seconds_left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, seconds_left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, seconds_left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _check() -> None:
    """A read that finds bytes waiting never times out; so the end is looked at before each."""
    ends_at = _ends_at.get()
    if ends_at is not None and time.monotonic() >= ends_at:
        raise httpcore.ReadTimeout("the time of the whole call is over")
