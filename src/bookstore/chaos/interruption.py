"""Ctrl-C and SIGTERM end a game day; while it puts right what it broke, they wait."""

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

from bookstore.chaos.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruptions:
    """While it is open, the first signal raises Interrupted where the program is; later ones do nothing."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._came, self._waits = False, False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._take_note) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def ending_in_any_case(self, trouble: AbstractContextManager[None]) -> Iterator[None]:
        """The trouble, whose end no signal cuts short: one that comes meanwhile is heeded after it."""
        trouble.__enter__()
        try:
            yield
        except BaseException as error:
            with self._waiting():
                trouble.__exit__(type(error), error, error.__traceback__)
            raise
        with self._waiting():
            trouble.__exit__(None, None, None)
        if self._came:
            raise Interrupted

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        self._waits = True
        try:
            yield
        finally:
            self._waits = False

    def _take_note(self, number: int, frame: FrameType | None) -> None:
        is_first, self._came = not self._came, True
        if is_first and not self._waits:
            raise Interrupted
        self._tell("putting right what was broken first, which takes a moment")
