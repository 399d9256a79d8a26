"""Repeating a transaction that the database has given up through no fault of the request.

A server sends one of two transactions back (a deadlock, a row locked for long), restarts, or becomes a
replica. Nothing of the transaction has happened then, so it is made again. One case is different: when the
connection breaks while the COMMIT is under way, nobody knows whether it happened. That is repeated only
where doing the work twice changes nothing. See ADR 11.
"""

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError

from bookstore.shared.mysql import READ_ONLY, error_number
from bookstore.shared.telemetry import log

TRIES = 5
FIRST_PAUSE_SECONDS = 0.05
# Whoever waits for the answer has waited long enough; a server that is silent will be silent once more.
PATIENCE_SECONDS = 10.0

DEADLOCK, LOCK_WAIT = 1213, 1205
# The server refused, or undid, the transaction; or there was no connection to begin one with.
UNDONE = frozenset({DEADLOCK, LOCK_WAIT, 2002, 2003, 2005}) | READ_ONLY
LOST = frozenset({2006, 2013, 2055})

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Work = Callable[Arguments, Result]


def retried(work: Work[Arguments, Result]) -> Work[Arguments, Result]:
    """Make a function that has one transaction, and nothing beside it that may not be done twice, try again.

    After the last try, or when it is unknown whether the COMMIT happened, the database's error is raised.
    """
    return _retried(work, was_undone)


def repeatable(work: Work[Arguments, Result]) -> Work[Arguments, Result]:
    """The same for a function that changes nothing when it is repeated, however far it came before."""
    return _retried(work, _was_undone_or_lost)


def was_undone(error: DBAPIError) -> bool:
    """Whether the transaction of this error surely changed nothing, and may succeed at the next try."""
    number = error_number(error.orig)
    # Only the COMMIT is sent without a statement; before it, a lost connection has undone everything.
    return number in UNDONE or (number in LOST and error.statement is not None)


def _was_undone_or_lost(error: DBAPIError) -> bool:
    return error_number(error.orig) in UNDONE | LOST


def _retried(
    work: Work[Arguments, Result], worth_a_try: Callable[[DBAPIError], bool]
) -> Work[Arguments, Result]:
    @functools.wraps(work)
    def repeat(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        patience = time.monotonic() + PATIENCE_SECONDS
        for failures in range(1, TRIES):
            try:
                return work(*args, **kwargs)
            except DBAPIError as error:
                if not worth_a_try(error) or time.monotonic() > patience:
                    raise
                log.warning("transaction repeated", work=work.__qualname__, error=error_number(error.orig))
            # Random, so that those who were in each other's way do not meet again.
            time.sleep(FIRST_PAUSE_SECONDS * 2**failures * random.uniform(0.5, 1))  # noqa: S311
        return work(*args, **kwargs)

    return repeat
