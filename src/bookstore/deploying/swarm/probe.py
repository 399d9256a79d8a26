"""A visitor who asks for pages through the load balancer all the time, and remembers what failed."""

import ssl
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bookstore.deploying.beside import Beside

PATHS = ("/readyz", "/", "/books", "/api/v1/catalog/books?limit=1", "/accounts/login")
PAUSE_SECONDS = 0.1
SHOWN = 5


@dataclass
class Probe(Beside):
    """Asks while it is open. Nothing that it asks changes anything."""

    url: str
    authority: Path | None = None
    answers: Counter[str] = field(default_factory=Counter)

    @property
    def failures(self) -> Counter[str]:
        return Counter({answer: count for answer, count in self.answers.items() if answer != "200"})

    def is_answered(self) -> bool:
        """Whether somebody who comes in finds the shop open."""
        with self._client() as client:
            return self._get(client, "/readyz") == "200"

    def summary(self) -> str:
        failed = self.failures
        examples = "; ".join(f"{count}x {answer}" for answer, count in failed.most_common(SHOWN))
        return (
            f"{failed.total()} of {self.answers.total()} requests failed{': ' if examples else ''}{examples}"
        )

    def _go_on(self) -> None:
        with self._client() as client:
            while not self._over.is_set():
                for path in PATHS:
                    self.answers[self._get(client, path)] += 1
                    time.sleep(PAUSE_SECONDS)

    def _get(self, client: httpx.Client, path: str) -> str:
        try:
            status = client.get(path).status_code
        except httpx.HTTPError as error:
            return f"{type(error).__name__} {path}"
        return "200" if status == 200 else f"{status} {path}"

    def _client(self) -> httpx.Client:
        trusted = ssl.create_default_context(cafile=self.authority)
        return httpx.Client(base_url=self.url, verify=trusted, timeout=15)
