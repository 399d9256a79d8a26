"""Passwords: which are accepted, how they are kept and compared. Knows no database.

A password is brought to Unicode's NFKC before it is counted, hashed or compared, as NIST SP 800-63B
recommends: an "é" typed as one character on one keyboard and as two on another is the same password.
"""

import unicodedata
from functools import cache
from importlib.resources import files

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from bookstore.accounts import legacy_passwords
from bookstore.shared.errors import N_, ShopError

MIN_LENGTH = 10
MAX_LENGTH = 128
# Normalization may lengthen a text; nobody needs us to do that with a megabyte.
MAX_RAW_LENGTH = 4 * MAX_LENGTH

# OWASP's minimum for argon2id; the library's default costs twelve times as much on two cores.
_hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)

# The hash of a random password that nobody knows, compared where there is none to compare.
DUMMY_HASH = (
    "$argon2id$v=19$m=19456,t=2,p=1$bYM5f6+9/Ty7l10SLio7GA$VwtX2/IrBqQ963V9R9bQZ2YrKzvzobx2MOgp3TmNJzA"
)


class PasswordRefused(ShopError):
    """A new password does not follow the rules."""

    status = 422


class PasswordTooShort(PasswordRefused):
    code = "password_too_short"
    title = N_("A password has 10 characters or more.")


class PasswordTooLong(PasswordRefused):
    code = "password_too_long"
    title = N_("A password has 128 characters or less.")


class PasswordIsPersonal(PasswordRefused):
    code = "password_is_personal"
    title = N_("Your name or e-mail address is not a password.")


class PasswordTooCommon(PasswordRefused):
    code = "password_too_common"
    title = N_("This password is one of those that everybody tries first. Choose another one.")


def check(password: str, *, email: str, name: str) -> None:
    """Whether this may become the password of this person. Raises PasswordRefused."""
    normalized = _normalized(password)
    if normalized is None or len(normalized) > MAX_LENGTH:
        raise PasswordTooLong
    if len(normalized) < MIN_LENGTH:
        raise PasswordTooShort
    folded = normalized.casefold()
    if _squeezed(folded) in _personal(email, name):
        raise PasswordIsPersonal
    if folded in _common_passwords():
        raise PasswordTooCommon


def hash_password(password: str) -> str:
    """What is kept of a password that was checked."""
    normalized = _normalized(password)
    if normalized is None:
        raise PasswordTooLong
    return _hasher.hash(normalized)


def is_right(password: str, password_hash: str | None) -> bool:
    """Whether the hash is of this password. It takes the same time when there is no hash at all.

    A hash of the original shop takes longer, until its owner has logged in once (see ADR 19).
    """
    normalized = _normalized(password)
    if password_hash is not None and legacy_passwords.is_legacy(password_hash):
        return normalized is not None and legacy_passwords.is_right(password, password_hash)
    try:
        _hasher.verify(password_hash or DUMMY_HASH, normalized or "")
    except VerifyMismatchError:
        return False
    return password_hash is not None and normalized is not None


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with other costs than today's, or in the original shop."""
    return legacy_passwords.is_legacy(password_hash) or _hasher.check_needs_rehash(password_hash)


def _normalized(password: str) -> str | None:
    """The password in NFKC; None for what cannot be one (half a surrogate pair, or far too long)."""
    if len(password) > MAX_RAW_LENGTH or any("\ud800" <= char <= "\udfff" for char in password):
        return None
    return unicodedata.normalize("NFKC", password)


def _personal(email: str, name: str) -> set[str]:
    """What this person's name and address look like as a password."""
    words = (email, email.partition("@")[0], name)
    return {_squeezed(unicodedata.normalize("NFKC", word).casefold()) for word in words}


def _squeezed(text: str) -> str:
    return "".join(text.split())


@cache
def _common_passwords() -> frozenset[str]:
    text = (files("bookstore.accounts") / "common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(text.split("\n"))
