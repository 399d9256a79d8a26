"""Accounts as the catalog sees it: it publishes keys, and its tokens say who is asking."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from bookstore.shared.identity import AUDIENCE, ISSUER, SessionEnded


class FakeAccounts:
    """Signs tokens like the real one; every session has ended as soon as its token expires."""

    def __init__(self) -> None:
        self._key = OKPKey.generate_key("Ed25519", {"kid": "test"}, private=True)

    def public_keys(self) -> Mapping[str, Any]:
        return KeySet([self._key]).as_dict(private=False)

    def renew(self, token: str) -> str:
        raise SessionEnded

    def token(
        self, user_id: str, name: str, roles: Sequence[str] = (), locale: str = "en", lives: int = 3600
    ) -> str:
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "name": name,
            "email": f"{name.split()[0].lower()}@example.com",
            "locale": locale,
            "sid": f"session-of-{user_id}",
            "roles": list(roles),
            "exp": int(time.time()) + lives,
        }
        return jwt.encode({"alg": "Ed25519", "kid": "test"}, claims, self._key, algorithms=["Ed25519"])
