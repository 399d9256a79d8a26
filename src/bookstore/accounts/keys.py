"""The keys that tokens are signed with, and their rotation.

A new key is published before it is used, so that every verifier has it by then. The old one stays published
for as long as a token signed by it may still be exchanged: a token's life after its last signature, and the
life of an unused session after that.
"""

from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from joserfc.jwk import KeySet, OKPKey
from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bookstore.accounts.models import SigningKey
from bookstore.accounts.policy import Policy
from bookstore.accounts.secrets_at_rest import BrokenSeal, seal, unseal
from bookstore.shared.clock import utcnow
from bookstore.shared.errors import AccountsUnavailable
from bookstore.shared.identity import ALGORITHMS, KEYS_CACHE_SECONDS
from bookstore.shared.retries import retried

CURVE: Final = "Ed25519"
# Twice the time for which others keep their copy of the public keys.
PUBLISHED_BEFORE_USE = timedelta(seconds=2 * KEYS_CACHE_SECONDS)

log = structlog.get_logger("bookstore.accounts")


def public_keys(session: Session) -> dict[str, Any]:
    """The JSON Web Key Set that tokens are verified with; empty before the first key."""
    published = or_(SigningKey.retires_at.is_(None), SigningKey.retires_at > utcnow())
    rows = session.scalars(select(SigningKey).where(published).order_by(SigningKey.generation))
    return {"keys": [_public_jwk(row) for row in rows]}


def verification_keys(session: Session) -> KeySet:
    """The public keys, ready to verify with. Raises JoseError before the first key."""
    return KeySet.import_key_set(public_keys(session))  # type: ignore[arg-type]


def signing_key(session: Session, policy: Policy) -> OKPKey:
    """The key to sign with now; the first one is made when there is none yet."""
    key = _usable_key(session, policy)
    if key is not None:
        return key
    # Looked at in this order, a key that another replica makes meanwhile is seen, or ours is refused.
    newest = _newest_generation(session)
    if _usable_key(session, policy) is None:
        _add_key(session, policy, newest, utcnow())
    key = _usable_key(session, policy)
    if key is None:
        raise AccountsUnavailable  # another replica with another secret key was quicker
    return key


def ensure_signing_key(session: Session, policy: Policy) -> None:
    """Make the first key, unless there is one."""
    signing_key(session, policy)


def rotate(session: Session, policy: Policy) -> str:
    """Make the next key and return its id. It is used as soon as every verifier has had time to see it."""
    return _make_next(session, policy, _newest_generation(session))


def rotate_when_due(session: Session, policy: Policy) -> int:
    """Make the next key when the newest is old enough; returns how many keys were made."""
    newest = _newest_generation(session)
    with session.begin():
        activates_at = session.scalar(select(SigningKey.activates_at).where(SigningKey.generation == newest))
    if activates_at is not None and activates_at + policy.key_rotation > utcnow():
        return 0
    _make_next(session, policy, newest)
    return 1


def _make_next(session: Session, policy: Policy, newest: int) -> str:
    """The first key is used at once: nobody has seen another one."""
    return _add_key(session, policy, newest, utcnow() + (PUBLISHED_BEFORE_USE if newest else timedelta(0)))


def _newest_generation(session: Session) -> int:
    with session.begin():
        return session.scalar(select(func.max(SigningKey.generation))) or 0


def _usable_key(session: Session, policy: Policy) -> OKPKey | None:
    """The newest key in use that our secret key opens."""
    now = utcnow()
    in_use = (
        SigningKey.activates_at <= now,
        or_(SigningKey.retires_at.is_(None), SigningKey.retires_at > now),
    )
    with session.begin():
        rows = session.scalars(select(SigningKey).where(*in_use).order_by(SigningKey.generation.desc())).all()
    for row in rows:
        try:
            private = unseal(policy.secret_key, row.sealed_private_key)
        except BrokenSeal:
            log.warning("signing key was sealed with another secret key", kid=row.kid)
            continue
        return OKPKey.import_key({**_public_jwk(row), "d": private})
    return None


@retried
def _add_key(session: Session, policy: Policy, newest: int, activates_at: datetime) -> str:
    """Add the key after the newest that was seen; of several that do so at once, one succeeds for all."""
    row = _new_key(newest + 1, policy, activates_at)
    retires_at = row.activates_at + policy.access_token + policy.session_lifetime
    older = (SigningKey.generation <= newest, SigningKey.retires_at.is_(None))
    try:
        with session.begin():
            session.add(row)
            session.flush()
            session.execute(update(SigningKey).where(*older).values(retires_at=retires_at))
    except IntegrityError:
        with session.begin():
            made = select(SigningKey.kid).where(SigningKey.generation == newest + 1)
            return session.scalars(made).one()
    log.info("signing key made", kid=row.kid, activates_at=row.activates_at.isoformat())
    return row.kid


def _new_key(generation: int, policy: Policy, activates_at: datetime) -> SigningKey:
    key = OKPKey.generate_key(CURVE, private=True, auto_kid=True)
    values = key.as_dict(private=True)
    return SigningKey(
        generation=generation,
        kid=str(values["kid"]),
        public_key=str(values["x"]),
        sealed_private_key=seal(policy.secret_key, str(values["d"])),
        created_at=utcnow(),
        activates_at=activates_at,
    )


def _public_jwk(row: SigningKey) -> dict[str, str | list[str]]:
    return {
        "kty": "OKP",
        "crv": CURVE,
        "x": row.public_key,
        "kid": row.kid,
        "use": "sig",
        "alg": ALGORITHMS[0],
    }
