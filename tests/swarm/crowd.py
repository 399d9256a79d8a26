"""People who each ask for a page again as soon as they have the one before: as fast as the shop is, and no faster."""

import asyncio
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bookstore.chaos.visitor import Unanswered, Visitors
from bookstore.deploying.beside import Beside

PAGE = "/accounts/login"
SECONDS_TO_ANSWER = 30
LOOK_SECONDS = 0.2


@dataclass
class Crowd(Beside):
    """Asks while it is open. `people` may be changed meanwhile."""

    url: str
    authority: Path
    people: int
    answered: int = 0
    failures: list[str] = field(default_factory=list)

    def rate(self, seconds: float) -> float:
        """How many pages came in each second, from now on and for so long."""
        began, before = time.monotonic(), self.answered
        time.sleep(seconds)
        return (self.answered - before) / (time.monotonic() - began)

    def _go_on(self) -> None:
        asyncio.run(self._run())

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
