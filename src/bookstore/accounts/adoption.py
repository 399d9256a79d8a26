"""Taking over somebody's account from the original BookStore, with the password that they have there."""

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from bookstore.accounts import legacy_passwords, passwords
from bookstore.accounts.email_addresses import InvalidEmail, parse_email
from bookstore.accounts.models import User
from bookstore.accounts.names import MAX_NAME, InvalidName, parse_name

# A top level that is nobody's, by RFC 2606: nothing sent there ever arrives.
NOWHERE = "adopted.invalid"


class Remark(NamedTuple):
    """What was not as it should be, and was mended: a stable reason, and the value."""

    reason: str
    value: str


@dataclass(frozen=True)
class AdoptedUser:
    """Whose account it has become. `is_own` is false when the address is that of another account."""

    user: User
    is_new: bool
    is_own: bool
    remarks: tuple[Remark, ...]

    @property
    def can_log_in(self) -> bool:
        return self.user.password_hash is not None


def adopt_user(
    session: Session,
    *,
    user_id: str,
    number: int,
    name: str | None,
    email: str | None,
    password_hash: str | None,
    locale: str,
) -> AdoptedUser:
    """The account with this id, made if it is not there yet; or the one that has the address already.

    A name that nobody could have is replaced. Without a valid address nobody can log in. Without a usable
    password its owner asks for a new one by mail. An account that is there stays as it is.
    """
    remarks: list[Remark] = []
    name = _name(name, number, remarks)
    address = _address(email, remarks)
    kept_hash = _password(password_hash, remarks) if address else None
    address = address or f"user-{number}@{NOWHERE}"
    with session.begin():
        known = session.get(User, user_id)
        if known is not None:
            return AdoptedUser(known, False, True, tuple(remarks))
        taken = session.scalar(select(User).where(User.email_key == address.lower()))
        if taken is not None:
            return AdoptedUser(taken, False, False, ())
        user = User.new(user_id=user_id, name=name, email=address, password_hash=kept_hash, locale=locale)
        session.add(user)
    return AdoptedUser(user, True, True, tuple(remarks))


def have_password_reset(session: Session, user_id: str) -> None:
    """Two accounts had one address: whoever reads its mail gets in, by a new password, and nobody else.

    Who has logged in since the adoption, and so has a password of ours, keeps it.
    """
    with session.begin():
        user = session.get(User, user_id, with_for_update=True)
        if user is not None and legacy_passwords.is_legacy(user.password_hash or ""):
            user.password_hash = passwords.DUMMY_HASH


def _name(name: str | None, number: int, remarks: list[Remark]) -> str:
    try:
        parsed = parse_name(name or "")
    except InvalidName:
        remarks.append(Remark("invalid_name", (name or "")[:MAX_NAME]))
        return f"User {number}"
    return parsed


def _address(email: str | None, remarks: list[Remark]) -> str | None:
    try:
        return parse_email(email or "")
    except InvalidEmail:
        remarks.append(Remark("invalid_email", email or ""))
        return None


def _password(password_hash: str | None, remarks: list[Remark]) -> str:
    if password_hash and legacy_passwords.is_usable(password_hash):
        return password_hash
    # At most how it was hashed: what is no hash of theirs may be the password itself.
    method = (
        (password_hash or "").partition("$")[0] if legacy_passwords.is_legacy(password_hash or "") else ""
    )
    remarks.append(Remark("password_unusable", method[:40]))
    return passwords.DUMMY_HASH
