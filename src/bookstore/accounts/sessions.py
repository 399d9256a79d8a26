"""Logging in, staying logged in, logging out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from bookstore.accounts import passwords, throttling, tokens
from bookstore.accounts.devices import Device
from bookstore.accounts.email_addresses import email_key
from bookstore.accounts.models import User, UserSession
from bookstore.accounts.policy import Policy
from bookstore.accounts.secrets_at_rest import fingerprint, new_secret
from bookstore.accounts.tokens import AccessToken
from bookstore.shared.clock import utcnow
from bookstore.shared.errors import N_, ShopError
from bookstore.shared.identity import SessionEnded
from bookstore.shared.retries import repeatable, retried

LOGIN = "login"
SEEN_AT_MOST_EVERY = timedelta(minutes=1)
MOST_LISTED = 50

log = structlog.get_logger("bookstore.accounts")


class BadCredentials(ShopError):
    """There is no such account, or this is not its password; which of them is nobody's business."""

    status = 401
    code = "bad_credentials"
    title = N_("The e-mail address or the password is wrong.")
    headers = {"WWW-Authenticate": "Bearer"}


class UserBanned(ShopError):
    """The password was right, but the account is closed."""

    status = 403
    code = "banned"
    title = N_("This account has been closed by the shop.")


@dataclass(frozen=True)
class SignIn:
    """Somebody who has just come in, and the token that says so."""

    user: User
    token: AccessToken


def log_in(session: Session, policy: Policy, email: str, password: str, device: Device) -> SignIn:
    """Open a session for whoever knows the password.

    Raises InvalidEmail, BadCredentials, TooManyRequests, or UserBanned once the password was right.
    """
    key = email_key(email)
    account, address = login_counters(key, device)
    throttling.count_attempt(session, address, policy.failures_per_address, policy.login_window)
    throttling.count_attempt(session, account, policy.failures_per_account, policy.login_window)
    with session.begin():
        user = session.scalar(select(User).where(User.email_key == key))
    known_hash = user.password_hash if user else None
    if not passwords.is_right(password, known_hash) or user is None or known_hash is None:
        log.info("login refused", client=device.address, user=user.id if user else None)
        raise BadCredentials
    kept_hash = passwords.hash_password(password) if passwords.is_outdated(known_hash) else known_hash
    user, session_id = _let_in(session, policy, user.id, known_hash, kept_hash, device)
    log.info("logged in", client=device.address, user=user.id)
    return SignIn(user, tokens.issue(session, policy, user, session_id))


def login_counters(key: str, device: Device) -> tuple[str, str]:
    """The names of the counters of failed logins: of the account and of the client's address."""
    return throttling.account_counter(LOGIN, key), throttling.address_counter(LOGIN, device.address)


@retried
def open_session(session: Session, policy: Policy, user_id: str, device: Device) -> SignIn:
    """Let somebody in who has just registered."""
    with session.begin():
        user = lock_user(session, user_id)
        session_id = add_session(session, policy, user, device)
    return SignIn(user, tokens.issue(session, policy, user, session_id))


def renew(session: Session, policy: Policy, token: str) -> str:
    """Exchange a token, expired or not, for a fresh one. Raises SessionEnded or InvalidToken."""
    return refresh(session, policy, token).text


@repeatable
def refresh(session: Session, policy: Policy, token: str) -> AccessToken:
    """Exchange a token for one that tells who its owner is now. Raises SessionEnded or InvalidToken."""
    with session.begin():
        claim = tokens.read(session, token)
        user = living_user(session, claim.user_id, claim.session_id)
        _notice(session, policy, claim.session_id)
    return tokens.issue(session, policy, user, claim.session_id)


def living_user(session: Session, user_id: str, session_id: str) -> User:
    """Whose session this is, in the caller's transaction. Raises SessionEnded when it is nobody's."""
    user = session.scalar(
        select(User)
        .join(UserSession)
        .where(
            User.id == user_id,
            User.banned_at.is_(None),
            UserSession.fingerprint == fingerprint(session_id),
            UserSession.expires_at > utcnow(),
        )
    )
    if user is None:
        raise SessionEnded
    return user


def list_sessions(session: Session, user_id: str) -> Sequence[UserSession]:
    """The living sessions of a user, the one used last first; no more than fifty."""
    living = (UserSession.user_id == user_id, UserSession.expires_at > utcnow())
    newest_first = (UserSession.last_seen_at.desc(), UserSession.id.desc())
    return session.scalars(
        select(UserSession).where(*living).order_by(*newest_first).limit(MOST_LISTED)
    ).all()


def count_sessions(session: Session, user_id: str) -> int:
    """How many living sessions a user has."""
    living = (UserSession.user_id == user_id, UserSession.expires_at > utcnow())
    return session.scalar(select(func.count()).select_from(UserSession).where(*living)) or 0


@repeatable
def end_session(session: Session, session_id: str) -> None:
    """Log out; a session that has ended already stays so."""
    with session.begin():
        session.execute(delete(UserSession).where(UserSession.fingerprint == fingerprint(session_id)))


@repeatable
def end_other_sessions(session: Session, user_id: str, session_id: str) -> int:
    """Log a user out everywhere but here; returns how many sessions that ended."""
    others = (UserSession.user_id == user_id, UserSession.fingerprint != fingerprint(session_id))
    with session.begin():
        ended = session.execute(delete(UserSession).where(*others))
    return ended.rowcount  # type: ignore[attr-defined, no-any-return]


def end_all_sessions(session: Session, user_id: str) -> None:
    """Log a user out everywhere, in the caller's transaction."""
    session.execute(delete(UserSession).where(UserSession.user_id == user_id))


def add_session(session: Session, policy: Policy, user: User, device: Device) -> str:
    """Add a session to a user who is locked, in the caller's transaction, and return its secret id."""
    session_id = new_secret()
    now = utcnow()
    session.add(
        UserSession(
            fingerprint=fingerprint(session_id),
            user_id=user.id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + policy.session_lifetime,
            address=device.address,
            user_agent=device.user_agent,
        )
    )
    return session_id


def lock_user(session: Session, user_id: str) -> User:
    """The user as committed, locked until the transaction ends. Raises UserBanned, or SessionEnded if gone.

    Whoever adds or ends sessions locks their user first: a login and a ban at the same moment come one
    after the other, and never leave a banned user with a session.
    """
    user = session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None:
        raise SessionEnded
    if user.is_banned:
        raise UserBanned
    return user


@retried
def _let_in(
    session: Session, policy: Policy, user_id: str, known_hash: str, kept_hash: str, device: Device
) -> tuple[User, str]:
    """Open a session for whoever has just shown the password; that was no failed attempt."""
    with session.begin():
        user = _lock_unchanged(session, user_id, known_hash)
        user.password_hash = kept_hash
        account, address = login_counters(user.email_key, device)
        throttling.forget(session, account)
        throttling.give_back(session, address)
        return user, add_session(session, policy, user, device)


def _lock_unchanged(session: Session, user_id: str, known_hash: str) -> User:
    """Lock the user whose password was right a moment ago, if it still is."""
    user = lock_user(session, user_id)
    if user.password_hash != known_hash:
        raise BadCredentials
    return user


def _notice(session: Session, policy: Policy, session_id: str) -> None:
    """Remember that the session is in use. A session that ends at this moment is not brought back."""
    now = utcnow()
    unnoticed = (
        UserSession.fingerprint == fingerprint(session_id),
        UserSession.last_seen_at <= now - SEEN_AT_MOST_EVERY,
    )
    seen = {"last_seen_at": now, "expires_at": now + policy.session_lifetime}
    session.execute(update(UserSession).where(*unnoticed).values(**seen))
