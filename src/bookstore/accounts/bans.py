"""Closing and reopening accounts, by an admin."""

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from bookstore.accounts import sessions
from bookstore.accounts.models import Role, User
from bookstore.shared.errors import N_, Forbidden, NotFound, ShopError
from bookstore.shared.retries import repeatable

log = structlog.get_logger("bookstore.accounts")


class CannotBanYourself(ShopError):
    """An admin tried to close the admin's own account."""

    status = 409
    code = "cannot_ban_yourself"
    title = N_("You cannot ban yourself.")


@repeatable
def ban(session: Session, admin_id: str, user_id: str) -> User:
    """Close somebody's account and end every session of it at once; doing it twice changes nothing.

    Nobody bans oneself and only a living admin bans, so an admin always remains. Raises NotFound,
    CannotBanYourself, Forbidden.
    """
    if admin_id == user_id:
        raise CannotBanYourself
    with session.begin():
        _lock_admins(session, admin_id)
        user = _lock(session, user_id)
        user.ban()
        sessions.end_all_sessions(session, user_id)
    log.info("banned", user=user_id, by=admin_id)
    return user


@repeatable
def unban(session: Session, admin_id: str, user_id: str) -> User:
    """Open somebody's account again. Raises NotFound, Forbidden."""
    with session.begin():
        _lock_admins(session, admin_id)
        user = _lock(session, user_id)
        user.unban()
    log.info("ban lifted", user=user_id, by=admin_id)
    return user


def _lock_admins(session: Session, admin_id: str) -> None:
    """Of two admins who ban each other at the same moment, the second finds that it is none any more."""
    living = (User.role == Role.ADMIN, User.banned_at.is_(None))
    admins = session.scalars(select(User.id).where(*living).order_by(User.id).with_for_update()).all()
    if admin_id not in admins:
        raise Forbidden


def _lock(session: Session, user_id: str) -> User:
    user = session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None:
        raise NotFound
    return user
