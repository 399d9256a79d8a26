"""Something that goes on in a thread of its own while a deployment, or a test of one, does its work."""

import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Beside(ABC):
    """Goes on while it is open. Leaving it waits until the work has noticed that it is over."""

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name=type(self).__name__.lower(), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    @abstractmethod
    def _go_on(self) -> None:
        """The work, until `_over` is set."""
