"""A new password by whoever knows the old one, and what every new password entails."""

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session

from bookstore.accounts import passwords, sessions, throttling, tokens
from bookstore.accounts.devices import Device
from bookstore.accounts.models import Mail, PasswordReset, User
from bookstore.accounts.policy import Policy
from bookstore.accounts.secrets_at_rest import new_secret
from bookstore.accounts.sessions import SignIn
from bookstore.shared import mail
from bookstore.shared.clock import utcnow
from bookstore.shared.errors import N_, ShopError
from bookstore.shared.identity import SessionEnded
from bookstore.shared.retries import retried

log = structlog.get_logger("bookstore.accounts")


class WrongPassword(ShopError):
    """The current password, asked for once more, was not right."""

    status = 422
    code = "wrong_password"
    title = N_("This is not your current password.")


def change_password(
    session: Session, policy: Policy, user_id: str, current: str, new: str, device: Device
) -> SignIn:
    """Replace the password, end every session and open a new one here.

    Guesses at the current password count like failed logins. Raises WrongPassword, PasswordRefused,
    TooManyRequests.
    """
    with session.begin():
        user = session.get(User, user_id)
    if user is None:
        raise SessionEnded
    known_hash, email, name = user.password_hash, user.email, user.name
    counter, _ = sessions.login_counters(user.email_key, device)
    throttling.count_attempt(session, counter, policy.failures_per_account, policy.login_window)
    if not passwords.is_right(current, known_hash):
        raise WrongPassword
    passwords.check(new, email=email, name=name)
    new_hash = passwords.hash_password(new)

    @retried
    def change() -> tuple[User, str]:
        with session.begin():
            user = sessions.lock_user(session, user_id)
            if user.password_hash != known_hash:
                raise WrongPassword
            replace_password(session, user, new_hash)
            throttling.forget(session, counter)
            return user, sessions.add_session(session, policy, user, device)

    user, session_id = change()
    return SignIn(user, tokens.issue(session, policy, user, session_id))


def replace_password(session: Session, user: User, password_hash: str) -> None:
    """Give a locked user a new password, in the caller's transaction.

    Nobody stays logged in by the old one, no link to set another one stays valid, and the user is told.
    """
    user.password_hash = password_hash
    unused = (PasswordReset.user_id == user.id, PasswordReset.used_at.is_(None))
    session.execute(update(PasswordReset).where(*unused).values(used_at=utcnow()))
    sessions.end_all_sessions(session, user.id)
    mail.queue(
        session,
        Mail,
        key=f"password_changed:{new_secret()}",
        recipient=user.email,
        locale=user.locale,
        kind="password_changed",
        params={"name": user.name},
    )
    log.info("password changed", user=user.id)
