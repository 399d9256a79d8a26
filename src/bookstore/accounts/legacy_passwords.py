"""Hashes of the original BookStore, as Werkzeug wrote them: recognized once, then replaced by one of ours.

`pbkdf2:sha256:260000$salt$hex` and `scrypt:32768:8:1$salt$hex`. A hash states its own cost, and nobody
answers for what was written into a foreign database: what would keep a login busy for longer than a
second or so, or take more memory than a replica can spare, is no hash to us.
"""

import hashlib
import hmac
import re
from collections.abc import Callable

MAX_ITERATIONS = 1_000_000
MAX_SCRYPT_BYTES = 64 * 1024 * 1024
MAX_SCRYPT_LANES = 4
MAX_LENGTH = 200

_PBKDF2 = re.compile(r"pbkdf2:(sha1|sha256|sha512):([0-9]{1,8})\$([^$]{1,64})\$([0-9a-f]{40,128})")
_SCRYPT = re.compile(r"scrypt:([0-9]{1,8}):([0-9]{1,4}):([0-9]{1,4})\$([^$]{1,64})\$([0-9a-f]{128})")

Derive = Callable[[bytes], bytes]


def is_legacy(password_hash: str) -> bool:
    """Whether it is one of the original's, usable or not."""
    return password_hash.startswith(("pbkdf2:", "scrypt:"))


def is_usable(password_hash: str) -> bool:
    """Whether a password can be compared with it, at a cost that we bear."""
    return len(password_hash) <= MAX_LENGTH and _derivation(password_hash) is not None


def is_right(password: str, password_hash: str) -> bool:
    """Whether the hash is of this password, exactly as it was typed; never when it is not usable."""
    derivation = _derivation(password_hash)
    if derivation is None:
        return False
    derive, expected = derivation
    return hmac.compare_digest(derive(password.encode()), expected)


def _derivation(password_hash: str) -> tuple[Derive, bytes] | None:
    """How to derive a key from a password, and the key that should come out."""
    if found := _PBKDF2.fullmatch(password_hash):
        return _pbkdf2(*found.groups())
    if found := _SCRYPT.fullmatch(password_hash):
        return _scrypt(*found.groups())
    return None


def _pbkdf2(algorithm: str, iterations: str, salt: str, key: str) -> tuple[Derive, bytes] | None:
    rounds, expected = int(iterations), _key(key, hashlib.new(algorithm).digest_size)
    if not 1 <= rounds <= MAX_ITERATIONS or expected is None:
        return None
    return lambda password: hashlib.pbkdf2_hmac(algorithm, password, salt.encode(), rounds), expected


def _scrypt(cost: str, block: str, lanes: str, salt: str, key: str) -> tuple[Derive, bytes] | None:
    n, r, p = int(cost), int(block), int(lanes)
    power_of_two = n > 1 and n & (n - 1) == 0
    if not power_of_two or not 1 <= p <= MAX_SCRYPT_LANES or not 0 < 128 * n * r <= MAX_SCRYPT_BYTES:
        return None
    memory = 132 * n * r * p
    return (
        lambda password: hashlib.scrypt(password, salt=salt.encode(), n=n, r=r, p=p, maxmem=memory, dklen=64),
        bytes.fromhex(key),
    )


def _key(text: str, size: int) -> bytes | None:
    return bytes.fromhex(text) if len(text) == 2 * size else None
