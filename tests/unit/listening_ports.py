"""Ports of this machine at which somebody listens, or nobody."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def listening(kind: socket.SocketKind, also: socket.SocketKind | None = None) -> Iterator[int]:
    """A port at which somebody listens and says nothing, by this kind of socket; by two at the same number."""
    with ExitStack() as open_ones:
        first = open_ones.enter_context(socket.socket(socket.AF_INET, kind))
        first.bind(("127.0.0.1", 0))
        port = first.getsockname()[1]
        if kind == socket.SOCK_STREAM:
            first.listen()
        if also is not None:
            second = open_ones.enter_context(socket.socket(socket.AF_INET, also))
            second.bind(("127.0.0.1", port))
        yield port


def free_port(kind: socket.SocketKind) -> int:
    """A port at which nobody listens."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
