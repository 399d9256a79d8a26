"""Limits on how often something may be tried, counted in the database so that they hold across replicas.

An attempt is counted before it is made, and given back when it was a good one: whoever makes a hundred
attempts at the same moment gets no more of them than one after the other.
"""

import hashlib
import ipaddress
import math
from datetime import timedelta

from sqlalchemy import Update, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bookstore.accounts.models import AttemptCounter
from bookstore.shared.clock import utcnow
from bookstore.shared.errors import TooManyRequests
from bookstore.shared.retries import retried

IPV6_NETWORK = 64


def account_counter(action: str, email_key: str) -> str:
    """Counts by e-mail address, whether or not somebody has it: a limit must not tell who has an account."""
    return f"{action}:account:{hashlib.sha256(email_key.encode()).hexdigest()}"


def address_counter(action: str, address: str) -> str:
    """Counts by client address. One subscriber owns a whole /64 of IPv6, so that is what is counted."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return f"{action}:address:unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        network = ipaddress.ip_network((ip, IPV6_NETWORK), strict=False)
        return f"{action}:address:{ip.ipv4_mapped or network}"
    return f"{action}:address:{ip}"


def count_attempt(session: Session, counter: str, most: int, window: timedelta) -> None:
    """Count one more attempt, in transactions of its own. Raises TooManyRequests beyond the most."""
    for _ in range(3):
        if _count(session, counter, most, window) or _begin(session, counter, window):
            return
    raise TooManyRequests(1)


def give_back(session: Session, counter: str) -> None:
    """Take one attempt off again, in the caller's transaction."""
    counted = (AttemptCounter.name == counter, AttemptCounter.attempts > 0)
    session.execute(update(AttemptCounter).where(*counted).values(attempts=AttemptCounter.attempts - 1))


def forget(session: Session, counter: str) -> None:
    """Begin counting anew, in the caller's transaction."""
    session.execute(delete(AttemptCounter).where(AttemptCounter.name == counter))


@retried
def _count(session: Session, counter: str, most: int, window: timedelta) -> bool:
    """Count with a counter that is there; False when it is not, or not yet. Raises TooManyRequests."""
    # One that another attempt begins meanwhile may come in sight only after the updates: it is not full.
    full = (AttemptCounter.name == counter, AttemptCounter.attempts >= most)
    with session.begin():
        if _change_one(session, _restart(counter, window)) or _change_one(session, _add(counter, most)):
            return True
        ends_at = session.scalar(select(AttemptCounter.window_ends_at).where(*full))
    if ends_at is None:
        return False
    raise TooManyRequests(_seconds(ends_at - utcnow()))


def _restart(counter: str, window: timedelta) -> Update:
    now = utcnow()
    return (
        update(AttemptCounter)
        .where(AttemptCounter.name == counter, AttemptCounter.window_ends_at <= now)
        .values(attempts=1, window_ends_at=now + window)
    )


def _add(counter: str, most: int) -> Update:
    return (
        update(AttemptCounter)
        .where(AttemptCounter.name == counter, AttemptCounter.attempts < most)
        .values(attempts=AttemptCounter.attempts + 1)
    )


def _change_one(session: Session, statement: Update) -> bool:
    return session.execute(statement).rowcount == 1  # type: ignore[attr-defined, no-any-return]


@retried
def _begin(session: Session, counter: str, window: timedelta) -> bool:
    """Insert the counter; False when another attempt was quicker."""
    values = {"name": counter, "attempts": 1, "window_ends_at": utcnow() + window}
    try:
        with session.begin():
            session.execute(insert(AttemptCounter).values(**values))
    except IntegrityError:
        return False
    return True


def _seconds(wait: timedelta) -> int:
    return max(1, math.ceil(wait.total_seconds()))
