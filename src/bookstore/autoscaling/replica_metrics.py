"""Asking the replicas for their metrics, all at a time and with an end."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import httpx

from bookstore.autoscaling.ports import Replica
from bookstore.shared.deadline import DeadlineTransport, deadline

# A replica with much to do answers late, and then its metrics matter most.
SECONDS_TO_CONNECT, SECONDS_TO_ANSWER = 1.0, 4.0
MOST_AT_ONCE = 16


class ReplicaMetrics:
    """Asks while it is open."""

    def __init__(self) -> None:
        limits = httpx.Timeout(SECONDS_TO_ANSWER, connect=SECONDS_TO_CONNECT)
        # A replica gets no connection that would keep one of its threads.
        self._client = httpx.Client(
            transport=DeadlineTransport(), timeout=limits, headers={"Connection": "close"}
        )
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown()
        self._client.close()

    def pages(self, replicas: Sequence[Replica], port: int) -> Mapping[str, str]:
        """The page of each replica that answered, by its id."""
        answers = self._threads.map(lambda replica: self._page(replica, port), replicas)
        return {replica.id: page for replica, page in zip(replicas, answers, strict=True) if page is not None}

    def _page(self, replica: Replica, port: int) -> str | None:
        try:
            with deadline(SECONDS_TO_ANSWER):
                answer = self._client.get(f"http://{replica.address}:{port}/metrics")
        except (httpx.HTTPError, httpx.InvalidURL):
            return None
        return answer.text if answer.status_code == 200 else None
