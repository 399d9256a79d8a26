"""People who each ask for a page again as soon as they have the one before: as fast as the shop is, and no faster."""

import asyncio
import ssl
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from bookstore.chaos.visitor import Unanswered, Visitors

PAGE = "/accounts/login"
SECONDS_TO_ANSWER = 30
LOOK_SECONDS = 0.2


@dataclass
class Crowd:
    """Asks while it is open. `people` may be changed meanwhile."""

    url: str
    authority: Path
    people: int
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def rate(self, seconds: float) -> float:
        """How many pages came in each second, from now on and for so long."""
        began, before = time.monotonic(), self.answered
        time.sleep(seconds)
        return (self.answered - before) / (time.monotonic() - began)

    async def _run(self) -> None:
        trusted = ssl.create_default_context(cafile=self.authority)
        client = Visitors(httpx.URL(self.url).host, trusted, SECONDS_TO_ANSWER)
        visits: list[asyncio.Task[None]] = []
        while not self._over.is_set():
            while len(visits) < self.people:
                visits.append(asyncio.create_task(self._visit(client, len(visits))))
            visits = [visit for visit in visits if not visit.done()]
            await asyncio.sleep(LOOK_SECONDS)
        await asyncio.gather(*visits)
        client.close()

    async def _visit(self, client: Visitors, number: int) -> None:
        while number < self.people and not self._over.is_set():
            try:
                answer = await client.ask("GET", PAGE)
            except Unanswered as error:
                self.failures.append(str(error))
                continue
            self.answered += 1
            if answer.status != 200:
                self.failures.append(f"{answer.status} {answer.body[:150]!r}")
