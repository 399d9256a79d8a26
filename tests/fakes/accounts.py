"""Accounts that vouches for anybody: it signs tokens with a key of its own."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import OKPKey

from bookstore.shared.identity import ALGORITHMS, AUDIENCE, ISSUER, Identity


@dataclass
class FakeAccounts:
    """The port `shared.identity.Accounts`, answered without a database."""

    key: OKPKey = field(default_factory=lambda: OKPKey.generate_key("Ed25519", {"kid": "test"}))

    def public_keys(self) -> Mapping[str, Any]:
        return {"keys": [self.key.as_dict(private=False)]}

    def renew(self, token: str) -> str:
        return self._signed(jwt.decode(token, self.key, algorithms=ALGORITHMS).claims)

    def token(self, who: Identity) -> str:
        """A token that says who somebody is."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": who.user_id,
            "name": who.name,
            "email": who.email,
            "locale": who.locale,
            "sid": who.session_id,
            "roles": sorted(who.roles),
        }
        return self._signed(claims)

    def _signed(self, claims: Mapping[str, Any]) -> str:
        claims = {**claims, "exp": int(time.time()) + 3600}
        return jwt.encode({"alg": ALGORITHMS[0], "kid": "test"}, claims, self.key, algorithms=ALGORITHMS)
