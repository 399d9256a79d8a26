"""Sealed files: encrypted and authenticated in chunks, so that a file of any size streams.

After a header (magic, salt, and a value by which a wrong key is known from a damaged file) come chunks of
AES-256-GCM. A chunk's nonce is its number and whether it is the last one, the header is authenticated with
each: so a chunk that was changed, moved, left out or added does not open, nor does a file that was cut off.
The key of each file is its own, since its salt is: a nonce never meets the same key twice.
"""

import hashlib
import hmac
import io
import secrets
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"bookstore sealed 1\n"
SALT_BYTES = 16
PROOF_BYTES = 16
HEADER_BYTES = len(MAGIC) + SALT_BYTES + PROOF_BYTES
CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
# Half a second for whoever guesses keys one by one; the memory is 64 MiB.
SCRYPT = {"n": 2**16, "r": 8, "p": 1, "maxmem": 128 * 1024**2}


class KeyRefused(Exception):
    """The file was sealed with another key."""


class SealBroken(Exception):
    """The file is not as it was sealed."""


def is_sealed(start: bytes) -> bool:
    """Whether a file that starts like this is a sealed one."""
    return start.startswith(MAGIC)


class SealingWriter(io.RawIOBase):
    """Seals what is written to it into a file. It must be closed: the end is part of the seal."""

    def __init__(self, file: BinaryIO, key: str) -> None:
        salt = secrets.token_bytes(SALT_BYTES)
        self._cipher, proof = _derive(key, salt)
        self._header = MAGIC + salt + proof
        self._file = file
        self._waiting = bytearray()
        self._number = 0
        file.write(self._header)

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:  # type: ignore[no-untyped-def]  # any buffer, as the base class has it
        self._waiting += data
        # The last chunk is known only when nothing follows, so a full one waits for what does.
        while len(self._waiting) > CHUNK_BYTES:
            self._seal(bytes(self._waiting[:CHUNK_BYTES]), is_last=False)
            del self._waiting[:CHUNK_BYTES]
        return len(data)

    def finish(self) -> None:
        """Seal the end. Without it the file counts as cut off."""
        self._seal(bytes(self._waiting), is_last=True)
        self._waiting.clear()

    def _seal(self, chunk: bytes, *, is_last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, is_last), chunk, self._header))
        self._number += 1


class UnsealingReader(io.RawIOBase):
    """What was sealed into a file. Raises KeyRefused at once, SealBroken where the file was tampered with."""

    def __init__(self, file: BinaryIO, key: str) -> None:
        self._header = file.read(HEADER_BYTES)
        if len(self._header) < HEADER_BYTES or not is_sealed(self._header):
            raise SealBroken("it is cut off in its header")
        salt = self._header[len(MAGIC) : -PROOF_BYTES]
        self._cipher, proof = _derive(key, salt)
        if not hmac.compare_digest(proof, self._header[-PROOF_BYTES:]):
            raise KeyRefused
        self._file = file
        self._next = file.read(CHUNK_BYTES + TAG_BYTES)
        self._opened = b""
        self._number = 0
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]  # any buffer, as the base class has it
        while not self._opened and not self._ended:
            self._open_next()
        count = min(len(buffer), len(self._opened))
        buffer[:count] = self._opened[:count]
        self._opened = self._opened[count:]
        return count

    def _open_next(self) -> None:
        sealed, self._next = self._next, self._file.read(CHUNK_BYTES + TAG_BYTES)
        is_last = not self._next
        try:
            self._opened = self._cipher.decrypt(_nonce(self._number, is_last), sealed, self._header)
        except InvalidTag as error:
            raise SealBroken(
                f"it was changed or cut off at or behind byte {self._number * CHUNK_BYTES:,}"
            ) from error
        self._number += 1
        self._ended = is_last


def _derive(key: str, salt: bytes) -> tuple[AESGCM, bytes]:
    """The cipher of a file with this salt, and the value that proves the key."""
    derived = hashlib.scrypt(key.encode(), salt=salt, dklen=32 + PROOF_BYTES, **SCRYPT)
    return AESGCM(derived[:32]), derived[32:]


def _nonce(number: int, is_last: bool) -> bytes:
    return number.to_bytes(11) + bytes([is_last])
