"""How secrets lie in the database: what is only compared as a fingerprint, what is read again sealed."""

import base64
import hashlib
import secrets

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PURPOSE = b"bookstore accounts: sealed values"


class BrokenSeal(Exception):
    """The value was sealed with another secret key, or is damaged."""


def new_secret() -> str:
    """256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def fingerprint(secret: str) -> str:
    """What is stored of a random secret: enough to recognize it, useless to whoever reads the database."""
    return hashlib.sha256(secret.encode()).hexdigest()


def seal(secret_key: str, value: str) -> str:
    """Encrypt a value with a key derived from the settings' secret key."""
    return _fernet(secret_key).encrypt(value.encode()).decode()


def unseal(secret_key: str, sealed: str) -> str:
    """The value that was sealed. Raises BrokenSeal."""
    try:
        return _fernet(secret_key).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise BrokenSeal from error


def _fernet(secret_key: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=PURPOSE).derive(secret_key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
