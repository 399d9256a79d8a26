"""Queues as operators look at them: how many things wait in a table, and since when the oldest does."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session


@dataclass(frozen=True)
class Queue:
    """Things that wait for a background job or for their time: how many, and since when the oldest does."""

    name: str
    length: int
    oldest: datetime | None = None

    def age_seconds(self, now: datetime) -> float | None:
        """For how long the oldest has been waiting; None when nothing is or nobody knows."""
        return None if self.oldest is None else round(max(0.0, (now - self.oldest).total_seconds()), 1)


def queue_of(
    session: Session, name: str, since: InstrumentedAttribute[Any], *waiting: ColumnElement[bool]
) -> Queue:
    """The rows that wait, and when the oldest of them began to."""
    length, oldest = session.execute(select(func.count(), func.min(since)).where(*waiting)).one()
    return Queue(name, length, oldest)
