"""The one place that asks what time it is."""

from datetime import UTC, datetime


def utcnow() -> datetime:
    """Now, in UTC, with its time zone attached."""
    return datetime.now(UTC)
