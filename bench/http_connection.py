"""One connection of the load generator: HTTP/1.1 on a socket that never blocks, with or without TLS.

It costs little on purpose: whatever the generator takes of two cores, the shop does not get.
"""

import re
import socket
import ssl
from dataclasses import dataclass

CHUNK = 262_144
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_WITHOUT_BODY = {204, 304}


class Broken(Exception):
    """The connection ended before a whole answer was there."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `head` has the status line and the headers, as they were sent."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header, empty where there is none."""
        found = re.search(rb"\r\n" + name.encode() + rb": *([^\r]*)", self.head, re.IGNORECASE)
        return found[1].decode("latin-1") if found else ""

    @property
    def ends_connection(self) -> bool:
        return _CLOSES.search(self.head) is not None


class Connection:
    """Sends one request at a time. `is_open` once connected, with TLS once hands were shaken."""

    def __init__(self, address: tuple[str, int], name: str, tls: ssl.SSLContext | None) -> None:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.connect_ex(address)
        self._name, self._tls = name, tls
        self._received = bytearray()
        self.is_open = False
        self.answered = 0

    def fileno(self) -> int:
        return self._socket.fileno()

    def go_on_opening(self) -> None:
        """Called when the socket has something to say. Raises Broken when nobody listens."""
        if error := self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise Broken(f"error {error}")
        if self._tls is not None:
            self._shake_hands(self._tls)
        self.is_open = True

    def send(self, content: bytes) -> None:
        """Raises Broken when the other side is gone, or takes not even one request."""
        self._received.clear()
        try:
            sent = self._socket.send(content)
        except OSError as error:
            raise Broken(type(error).__name__) from error
        if sent != len(content):
            raise Broken("it takes no more")

    def receive(self) -> Answer | None:
        """The answer once it is complete. Raises Broken."""
        ended = self._take_in()
        answer = _parsed(self._received, ended)
        if answer is not None:
            self.answered += 1
            self._received.clear()
        elif ended:
            raise Broken("it was closed")
        return answer

    @property
    def has_heard_nothing(self) -> bool:
        return not self._received

    def close(self) -> None:
        self._socket.close()

    def _shake_hands(self, tls: ssl.SSLContext) -> None:
        if not isinstance(self._socket, ssl.SSLSocket):
            self._socket = tls.wrap_socket(
                self._socket, server_hostname=self._name, do_handshake_on_connect=False
            )
        try:
            self._socket.do_handshake()
        except ssl.SSLError as error:
            if isinstance(error, ssl.SSLWantReadError | ssl.SSLWantWriteError):
                raise BlockingIOError from error
            raise Broken(str(error)) from error

    def _take_in(self) -> bool:
        """Take in whatever is there; whether the other side has ended."""
        try:
            while chunk := self._socket.recv(CHUNK):
                self._received += chunk
                if self._tls is None and len(chunk) < CHUNK:
                    return False
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError as error:
            raise Broken(type(error).__name__) from error
        return True


def _parsed(received: bytearray, ended: bool) -> Answer | None:
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(received[: end + 2])
    status = int(head[9:12])
    body = _body(received, end + 4, head, status, ended)
    return None if body is None else Answer(status, head, body)


def _body(received: bytearray, start: int, head: bytes, status: int, ended: bool) -> bytes | None:
    """The body once it is complete."""
    if status in _WITHOUT_BODY:
        return b""
    if length := _LENGTH.search(head):
        is_complete = len(received) - start >= int(length[1])
        return bytes(received[start : start + int(length[1])]) if is_complete else None
    if _CHUNKED.search(head):
        return _joined(received, start) if received.endswith(b"0\r\n\r\n") else None
    return bytes(received[start:]) if ended else None


def _joined(received: bytearray, start: int) -> bytes | None:
    parts = []
    while True:
        line_end = received.find(b"\r\n", start)
        if line_end < 0:
            return None
        size = int(received[start:line_end].split(b";")[0], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(bytes(received[line_end + 2 : line_end + 2 + size]))
        start = line_end + 2 + size + 2
