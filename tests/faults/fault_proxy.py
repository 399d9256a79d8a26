"""A TCP proxy that misbehaves on request, to stand between the shop and whatever it depends on."""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Self

DOWN, RESET, SILENT, SLOW, LATENCY = "down", "reset", "silent", "slow", "latency"
SLOW_CHUNK = 16


@dataclass(frozen=True)
class Fault:
    """What is wrong: `amount` is seconds of latency, or bytes in a second when slow."""

    kind: str
    amount: float = 0

    def __str__(self) -> str:
        return self.kind


class FaultProxy:
    """Listens on a free port of loopback and passes everything on to `upstream_port`, until told otherwise.

    down: nobody listens. reset: each connection is cut. silent: nothing comes back. latency: each answer is
    late. slow: answers drip.
    """

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._fault: Fault | None = None
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)
        self._thread.start()
        self.port = 0
        self._run(self._listen())

    def break_with(self, fault: Fault) -> None:
        self._run(self._set(fault))

    def heal(self) -> None:
        self._run(self._set(None))

    def close(self) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _set(self, fault: Fault | None) -> None:
        self._fault = fault
        if fault is not None and fault.kind in {DOWN, RESET}:
            self._cut_all()
        if fault is not None and fault.kind == DOWN and self._server is not None:
            self._server.close()
            self._server = None
        elif self._server is None:
            await self._listen()

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self._cut_all()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    def _cut_all(self) -> None:
        for writer in list(self._open):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._fault is not None and self._fault.kind in {DOWN, RESET}:
            _reset(writer)
            return
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        except OSError:
            _reset(writer)
            return
        both = {writer, upstream_writer}
        self._open |= both
        try:
            await asyncio.gather(
                self._pump(reader, upstream_writer, answers=False),
                self._pump(upstream_reader, writer, answers=True),
            )
        finally:
            self._open -= both

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool) -> None:
        try:
            while data := await reader.read(65536):
                await self._pass_on(data, writer, answers)
        except OSError:
            pass
        finally:
            writer.close()

    async def _pass_on(self, data: bytes, writer: asyncio.StreamWriter, answers: bool) -> None:
        fault = self._fault
        if fault is not None and fault.kind == LATENCY and answers:
            await asyncio.sleep(fault.amount)
        while self._fault is not None and self._fault.kind == SILENT:
            await asyncio.sleep(0.02)
        if fault is not None and fault.kind == SLOW and answers:
            await self._drip(data, writer, fault)
            return
        writer.write(data)
        await writer.drain()

    async def _drip(self, data: bytes, writer: asyncio.StreamWriter, fault: Fault) -> None:
        for start in range(0, len(data), SLOW_CHUNK):
            if self._fault is fault:
                await asyncio.sleep(SLOW_CHUNK / fault.amount)
            writer.write(data[start : start + SLOW_CHUNK])
            await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
