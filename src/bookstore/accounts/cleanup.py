"""Forgets what has run out."""

from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from bookstore.accounts.models import AttemptCounter, PasswordReset, SigningKey, UserSession
from bookstore.shared.clock import utcnow

# A used link stays known for a while, for whoever asks what happened to an account.
KEEP_RESETS = timedelta(days=7)


def forget_expired(session: Session) -> int:
    """Delete ended sessions, old reset links, past windows and retired keys; returns how many rows."""
    now = utcnow()
    expired = (
        delete(UserSession).where(UserSession.expires_at <= now),
        delete(PasswordReset).where(PasswordReset.expires_at <= now - KEEP_RESETS),
        delete(AttemptCounter).where(AttemptCounter.window_ends_at <= now),
        delete(SigningKey).where(SigningKey.retires_at <= now),
    )
    forgotten = 0
    for statement in expired:
        with session.begin():
            forgotten += session.execute(statement).rowcount  # type: ignore[attr-defined]
    return forgotten
