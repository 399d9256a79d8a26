"""Who is asking: tokens signed by accounts, verified everywhere with its public keys.

Accounts alone holds the private key. A token lives for minutes; while its session lives in accounts, an
expired token is exchanged for a fresh one there. When accounts does not answer, an expired token still
identifies its owner for a stated time, so that who is logged in stays so.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bookstore.shared.errors import N_, ServiceUnavailable, ShopError

ISSUER = "bookstore"
ALGORITHMS = ["Ed25519"]
ADMIN = "admin"

KEYS_CACHE_SECONDS = 300
KEYS_RETRY_SECONDS = 10


@dataclass(frozen=True)
class Identity:
    """A person, as the token tells it."""

    user_id: str
    name: str
    email: str
    locale: str
    session_id: str
    roles: frozenset[str] = field(default_factory=frozenset)
    is_authenticated = True

    @property
    def is_admin(self) -> bool:
        return ADMIN in self.roles


@dataclass(frozen=True)
class Visitor:
    """Somebody who is not logged in."""

    user_id: None = None
    name: str = ""
    email: str = ""
    is_authenticated = False
    is_admin = False


VISITOR = Visitor()


class InvalidToken(ShopError):
    """The token is not one of ours, is damaged, or its session has ended."""

    status = 401
    code = "invalid_token"
    title = N_("Your access token is not valid or has expired. Please log in again.")
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class ExpiredToken(InvalidToken):
    """The token was ours and has outlived its time; `identity` is who it spoke of, `age` seconds ago."""

    def __init__(self, identity: Identity, age: float) -> None:
        super().__init__()
        self.identity = identity
        self.age = age


class SessionEnded(InvalidToken):
    """The session behind the token was logged out, has expired or its user is banned."""


class AccountsUnavailable(ServiceUnavailable):
    """The accounts service does not answer."""

    code = "accounts_unavailable"


class Accounts(Protocol):
    """What every service asks of accounts. Both calls may raise AccountsUnavailable."""

    def public_keys(self) -> Mapping[str, Any]:
        """The JSON Web Key Set that tokens are verified with."""
        ...

    def renew(self, token: str) -> str:
        """Exchange a token, expired or not, for a fresh one. Raises SessionEnded or InvalidToken."""
        ...


class TokenVerifier:
    """Turns tokens into identities, with a cached copy of the public keys of accounts."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts
        self._keys = KeySet([])
        self._fetched_at = float("-inf")
        self._lock = threading.Lock()

    def verify(self, token: str) -> Identity:
        """Who the token speaks of. Raises ExpiredToken or InvalidToken."""
        try:
            claims = self._decode(token).claims
            identity = _identity(claims)
            age = time.time() - int(claims["exp"])
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise InvalidToken from error
        if age >= 0:
            raise ExpiredToken(identity, age)
        return identity

    def _decode(self, token: str) -> jwt.Token:
        self._refresh(KEYS_CACHE_SECONDS)
        try:
            return jwt.decode(token, self._keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            # The key may be newer than our copy of the keys.
            if not self._refresh(KEYS_RETRY_SECONDS):
                raise
            return jwt.decode(token, self._keys, algorithms=ALGORITHMS)

    def _refresh(self, older_than: float) -> bool:
        with self._lock:
            if time.monotonic() - self._fetched_at < older_than:
                return False
            try:
                self._keys = KeySet.import_key_set(self.accounts.public_keys())  # type: ignore[arg-type]
            except AccountsUnavailable:
                if not self._keys.keys:
                    raise
            self._fetched_at = time.monotonic()
            return True


def _identity(claims: Mapping[str, Any]) -> Identity:
    if claims["iss"] != ISSUER:
        raise ValueError("another issuer")
    return Identity(
        user_id=str(claims["sub"]),
        name=str(claims["name"]),
        email=str(claims["email"]),
        locale=str(claims["locale"]),
        session_id=str(claims["sid"]),
        roles=frozenset(claims["roles"]),
    )
