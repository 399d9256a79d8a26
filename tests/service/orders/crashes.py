"""Processes that die: at a chosen one of all the moments at which it would hurt."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.service.orders.stall import Stall


class SimulatedCrash(BaseException):
    """The process is gone. It is no Exception, as nothing may catch it and tidy up."""


@dataclass
class Fuse:
    """Burns down by one at each dangerous moment; at zero the process dies."""

    left: int
    moments: int = 0

    def burn(self) -> None:
        self.moments += 1
        self.left -= 1
        if self.left == 0:
            raise SimulatedCrash


class Fused:
    """A port whose every call is dangerous: before it arrives, and after, when its answer is lost."""

    def __init__(self, port: Any, fuse: Fuse) -> None:
        self._port = port
        self._fuse = fuse

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self._fuse.burn()
            answer = getattr(self._port, name)(*arguments, **named)
            self._fuse.burn()
            return answer

        return call


@contextmanager
def fused(stall: Stall, fuse: Fuse) -> Iterator[None]:
    """Make each call to the outside dangerous, and each commit, just before it and just after."""
    stall.catalog_port, stall.gateway_port = Fused(stall.catalog, fuse), Fused(stall.gateway, fuse)
    with _dangerous_commits(stall, fuse):
        yield
    stall.catalog_port, stall.gateway_port = stall.catalog, stall.gateway


@contextmanager
def _dangerous_commits(stall: Stall, fuse: Fuse) -> Iterator[None]:
    dialect = stall.database.engine.dialect
    commit = dialect.do_commit

    def dangerous(connection: Any) -> None:
        fuse.burn()
        commit(connection)
        fuse.burn()

    dialect.do_commit = dangerous  # type: ignore[method-assign]
    try:
        yield
    finally:
        dialect.do_commit = commit  # type: ignore[method-assign]


def run_until_crash(stall: Stall, action: Callable[[], object], moment: int, last: int) -> bool:
    """Do something, and die at its n-th dangerous moment. False when it had fewer of them.

    `last` is the last moment that the test tries, and must lie beyond the end: none may be left untried.
    """
    fuse = Fuse(moment)
    try:
        with fused(stall, fuse):
            action()
    except SimulatedCrash:
        stall.catalog_port, stall.gateway_port = stall.catalog, stall.gateway
        # What a dead process held open is rolled back by the database.
        stall.database.engine.dispose()
        assert moment < last, "there are more dangerous moments than this test tries"
        return True
    return False
