"""What the neighbors say about themselves, and how they look from here."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

# Somebody waits for the page; a neighbor that needs longer is said not to answer.
PATIENCE_SECONDS = 1.0


@dataclass(frozen=True)
class Neighbors:
    """The addresses of the services that run elsewhere (empty when not set), and how to ask them."""

    urls: Mapping[str, str]
    service_token: str
    timeout_seconds: float = PATIENCE_SECONDS
    transport: httpx.BaseTransport | None = None

    def look(self) -> list[dict[str, Any]]:
        """Ask all neighbors at once: for each its health and latency as seen from here, and its own part."""
        if not self.urls:
            return []
        with ThreadPoolExecutor(max_workers=len(self.urls)) as pool:
            return list(pool.map(self._look_at, self.urls))

    def _look_at(self, service: str) -> dict[str, Any]:
        url = self.urls[service]
        seen = {"service": service, "url": url, "answers": False, "latency_ms": None, "part": None}
        if not url:
            return seen | {"error": f"BOOKSTORE_{service.upper()}_URL is missing"}
        bearer = {"Authorization": f"Bearer {self.service_token}"}
        options = {"base_url": url, "headers": bearer, "timeout": min(self.timeout_seconds, PATIENCE_SECONDS)}
        try:
            with httpx.Client(**options, transport=self.transport) as client:  # type: ignore[arg-type]
                began = time.perf_counter()
                client.get("/livez").raise_for_status()
                seen |= {"answers": True, "latency_ms": round((time.perf_counter() - began) * 1000, 1)}
                told = client.get("/internal/status").raise_for_status().json()
            return seen | {"part": next(part for part in told["services"] if part["service"] == service)}
        except (httpx.HTTPError, ValueError, KeyError, TypeError, StopIteration) as error:
            return seen | {"error": _reason(error)}


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"answered {error.response.status_code}"
    return type(error).__name__
