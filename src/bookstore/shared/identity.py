"""Who is asking: tokens signed by accounts, verified everywhere with its public keys.

Accounts alone holds the private key. A token lives for minutes; while its session lives in accounts, an
expired token is exchanged for a fresh one there. When accounts does not answer, an expired token still
identifies its owner for a stated time, so that who is logged in stays so.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from joserfc import jws, jwt
from joserfc.errors import JoseError

from bookstore.shared.errors import N_, ShopError
from bookstore.shared.key_cache import KeyCache

ISSUER = "bookstore"
# Whom our tokens are for; a token that was signed by us for another purpose is not one of these.
AUDIENCE = "bookstore"
ALGORITHMS = ["Ed25519"]
ADMIN = "admin"

KEYS_CACHE_SECONDS = 300


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
        self._keys = KeyCache(accounts.public_keys, KEYS_CACHE_SECONDS)

    def verify(self, token: str) -> Identity:
        """Who the token speaks of. Raises ExpiredToken, InvalidToken or AccountsUnavailable."""
        try:
            keys = self._keys.keys_for(_key_id(token))
            claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
            check_purpose(claims)
            identity = _identity(claims)
            age = time.time() - int(claims["exp"])
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise InvalidToken from error
        if age >= 0:
            raise ExpiredToken(identity, age)
        return identity


def check_purpose(claims: Mapping[str, Any]) -> None:
    """Raise ValueError or KeyError unless we made these claims, for our own services."""
    if (claims["iss"], claims["aud"]) != (ISSUER, AUDIENCE):
        raise ValueError("another issuer or audience")


def _key_id(token: str) -> str:
    """Which key is said to have signed. Raises ValueError or JoseError when it is none of ours."""
    header = jws.extract_compact(token.encode()).headers()
    if header.get("alg") not in ALGORITHMS or not isinstance(header.get("kid"), str):
        raise ValueError("not signed as ours are")
    return str(header["kid"])


def _identity(claims: Mapping[str, Any]) -> Identity:
    return Identity(
        user_id=str(claims["sub"]),
        name=str(claims["name"]),
        email=str(claims["email"]),
        locale=str(claims["locale"]),
        session_id=str(claims["sid"]),
        roles=frozenset(claims["roles"]),
    )
