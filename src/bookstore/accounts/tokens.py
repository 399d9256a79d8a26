"""Access tokens: short-lived, signed here, verified everywhere (`shared.identity` reads them)."""

from dataclasses import dataclass
from datetime import datetime

from joserfc import jwt
from joserfc.errors import JoseError
from sqlalchemy.orm import Session

from bookstore.accounts import keys
from bookstore.accounts.models import User
from bookstore.accounts.policy import Policy
from bookstore.shared.clock import utcnow
from bookstore.shared.identity import ALGORITHMS, AUDIENCE, ISSUER, InvalidToken, check_purpose


@dataclass(frozen=True)
class AccessToken:
    """A signed token and the moment of its end."""

    text: str
    expires_at: datetime


@dataclass(frozen=True)
class Claim:
    """Which session of which user a token speaks of."""

    user_id: str
    session_id: str


def issue(session: Session, policy: Policy, user: User, session_id: str) -> AccessToken:
    """Sign a token that tells who the user is now."""
    key = keys.signing_key(session, policy)
    now = utcnow().replace(microsecond=0)
    expires_at = now + policy.access_token
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": user.id,
        "name": user.name,
        "email": user.email,
        "roles": user.roles,
        "locale": user.locale,
        "sid": session_id,
        "iat": int(now.timestamp()),
        "exp": int(expires_at.timestamp()),
    }
    header = {"alg": ALGORITHMS[0], "typ": "JWT", "kid": key.kid}
    return AccessToken(jwt.encode(header, claims, key, algorithms=ALGORITHMS), expires_at)


def read(session: Session, token: str) -> Claim:
    """What a token of ours says, also after its end. Raises InvalidToken."""
    try:
        claims = jwt.decode(token, keys.verification_keys(session), algorithms=ALGORITHMS).claims
        check_purpose(claims)
        return Claim(user_id=str(claims["sub"]), session_id=str(claims["sid"]))
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise InvalidToken from error
