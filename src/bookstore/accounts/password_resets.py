"""A new password by a link in a mail, for whoever has forgotten the old one.

Nothing here tells whether an address has an account: the same is counted, written and answered for one that
has none.
"""

from datetime import timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bookstore.accounts import passwords, throttling
from bookstore.accounts.email_addresses import email_key
from bookstore.accounts.models import Mail, PasswordReset, User
from bookstore.accounts.password_changes import replace_password
from bookstore.accounts.policy import Policy
from bookstore.accounts.secrets_at_rest import fingerprint, new_secret, seal
from bookstore.accounts.sessions import LOGIN, UserBanned, lock_user
from bookstore.shared import mail
from bookstore.shared.clock import utcnow
from bookstore.shared.errors import N_, ShopError
from bookstore.shared.retries import retried

RESET = "reset"
WINDOW = timedelta(hours=1)

log = structlog.get_logger("bookstore.accounts")


class ResetLinkInvalid(ShopError):
    """The link was used, has expired, was replaced by a newer password, or was never ours."""

    status = 410
    code = "reset_link_invalid"
    title = N_("This link has been used already or has expired. Please ask for a new one.")


def request_reset(session: Session, policy: Policy, email: str, address: str) -> None:
    """Mail a link to the owner of the address, if there is one. Raises InvalidEmail, TooManyRequests."""
    key = email_key(email)
    for counter in (throttling.address_counter(RESET, address), throttling.account_counter(RESET, key)):
        throttling.count_attempt(session, counter, policy.resets_per_address, WINDOW)
    token = new_secret()
    with session.begin():
        user = session.scalar(select(User).where(User.email_key == key))
        receiver = user if user is not None and user.may_reset_password else None
        user_id = receiver.id if receiver else None
        session.add(PasswordReset.new(fingerprint(token), user_id, policy.password_reset))
        if receiver is not None:
            _queue_link(session, policy, receiver, token)


def check_link(session: Session, token: str) -> None:
    """Raises ResetLinkInvalid unless the link could set a password now."""
    if _owner_id(session, token) is None:
        raise ResetLinkInvalid


def reset_password(session: Session, policy: Policy, token: str, new: str) -> None:
    """Set the password that the link was asked for, once. Raises ResetLinkInvalid, PasswordRefused."""
    with session.begin():
        user_id = _owner_id(session, token)
        user = session.get(User, user_id) if user_id else None
    if user is None:
        raise ResetLinkInvalid
    passwords.check(new, email=user.email, name=user.name)
    _use_link(session, user.id, token, passwords.hash_password(new))
    log.info("password reset", user=user.id)


@retried
def _use_link(session: Session, user_id: str, token: str, new_hash: str) -> None:
    with session.begin():
        user = _lock_owner(session, user_id)
        _use(session, token)
        replace_password(session, user, new_hash)
        throttling.forget(session, throttling.account_counter(LOGIN, user.email_key))


def _queue_link(session: Session, policy: Policy, user: User, token: str) -> None:
    """The mail's row carries the token sealed: a copy of the database opens nobody's account."""
    mail.queue(
        session,
        Mail,
        key=f"password_reset:{fingerprint(token)}",
        recipient=user.email,
        locale=user.locale,
        kind="password_reset",
        params={
            "name": user.name,
            "sealed_token": seal(policy.secret_key, token),
            "minutes": int(policy.password_reset.total_seconds() // 60),
        },
    )


def _owner_id(session: Session, token: str) -> str | None:
    query = select(PasswordReset.user_id).where(
        PasswordReset.fingerprint == fingerprint(token),
        PasswordReset.used_at.is_(None),
        PasswordReset.expires_at > utcnow(),
    )
    return session.scalar(query)


def _lock_owner(session: Session, user_id: str) -> User:
    try:
        return lock_user(session, user_id)
    except UserBanned as error:
        raise ResetLinkInvalid from error


def _use(session: Session, token: str) -> None:
    """Of two that use a link at the same moment, this lets one through."""
    now = utcnow()
    unused = (
        PasswordReset.fingerprint == fingerprint(token),
        PasswordReset.used_at.is_(None),
        PasswordReset.expires_at > now,
    )
    used = session.execute(update(PasswordReset).where(*unused).values(used_at=now))
    if used.rowcount != 1:  # type: ignore[attr-defined]
        raise ResetLinkInvalid
