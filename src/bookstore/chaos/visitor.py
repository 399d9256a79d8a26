"""A client that costs little, so that hundreds of requests each second leave the machine to the shop.

It speaks the HTTP/1.1 that a load balancer speaks to a browser, keeps connections, asks nothing twice by
itself.
"""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

IDLE_SECONDS = 20


class Unanswered(Exception):
    """The connection ended, or the time was over, before a whole answer was there."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used_at: float = 0.0


@dataclass
class Visitors:
    """Many people behind one address, with a pool of connections."""

    host: str
    trusted: ssl.SSLContext
    seconds: float
    port: int = 443
    _idle: list[_Connection] = field(default_factory=list)

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: object = None
    ) -> Answer:
        """Raises Unanswered."""
        try:
            async with asyncio.timeout(self.seconds):
                connection = await self._connection()
                return await self._exchange(connection, _request(self.host, method, path, headers, body))
        except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError) as error:
            raise Unanswered(type(error).__name__) from error

    def close(self) -> None:
        for connection in self._idle:
            connection.writer.close()

    async def _connection(self) -> _Connection:
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            # A browser too leaves a connection alone that the other side may be about to close.
            if now - connection.used_at < IDLE_SECONDS and not connection.reader.at_eof():
                return connection
            connection.writer.close()
        return _Connection(*await asyncio.open_connection(self.host, self.port, ssl=self.trusted))

    async def _exchange(self, connection: _Connection, request: bytes) -> Answer:
        connection.writer.write(request)
        await connection.writer.drain()
        head = (await connection.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, *lines = head.split("\r\n")
        told = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await _body(connection.reader, told)
        if told.get("connection", "").lower() == "close":
            connection.writer.close()
        else:
            connection.used_at = asyncio.get_running_loop().time()
            self._idle.append(connection)
        return Answer(int(status.split(" ")[1]), body)


def _request(host: str, method: str, path: str, headers: Mapping[str, str] | None, body: object) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    told = {"Host": host, "User-Agent": "bookstore-load", **(headers or {})}
    if body is not None:
        told |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + content


async def _body(reader: asyncio.StreamReader, told: Mapping[str, str]) -> bytes:
    if "content-length" in told:
        return await reader.readexactly(int(told["content-length"]))
    if told.get("transfer-encoding", "").lower() != "chunked":
        return await reader.read()
    parts = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readuntil(b"\r\n")
    return b"".join(parts)
