"""The file of a backup: a tar, sealed as a whole when there is a key.

What is text or rows in it is gzipped, the photos are not, which gain nothing. First comes what the backup is
of, last the manifest with all checksums: a file that was cut off has none.
"""

import gzip
import io
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from bookstore.backups.errors import DamagedBackup, NotABackup, OtherVersion, WrongKey
from bookstore.backups.manifest import Manifest, UnknownFormat
from bookstore.backups.sealing import (
    MAGIC,
    KeyRefused,
    SealBroken,
    SealingWriter,
    UnsealingReader,
    is_sealed,
)

ABOUT, MANIFEST, SECRET_KEY = "about.json.gz", "manifest.json.gz", "secret_key"
DATABASE, MEDIA = ".sqlite3.gz", "media/"
LEVEL = 6
BLOCK = 1024 * 1024
UNREADABLE = (
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    SealBroken,
    ValueError,
    KeyError,
    TypeError,
)


class ArchiveWriter:
    """Writes the members of a backup one after the other."""

    def __init__(self, tar: tarfile.TarFile, at: float) -> None:
        self._tar = tar
        self._at = at

    def add_manifest(self, name: str, manifest: Manifest) -> None:
        self.add_bytes(name, gzip.compress(manifest.to_json(), LEVEL))

    def add_bytes(self, name: str, content: bytes) -> None:
        self._add(name, io.BytesIO(content), len(content))

    def add_database(self, part: str, path: Path) -> None:
        """Add an SQLite file, gzipped beside it, because a tar wants to know the size in advance."""
        zipped = path.with_name(path.name + ".gz")
        with path.open("rb") as plain, gzip.open(zipped, "wb", LEVEL) as packed:
            shutil.copyfileobj(plain, packed, BLOCK)
        with zipped.open("rb") as file:
            self._add(f"{part}{DATABASE}", file, zipped.stat().st_size)
        zipped.unlink()

    def add_media(self, name: str, file: BinaryIO, size: int) -> None:
        self._add(f"{MEDIA}{name}", file, size)

    def _add(self, name: str, file: BinaryIO, size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mtime, member.mode = size, int(self._at), 0o600
        self._tar.addfile(member, file)


@contextmanager
def writing_archive(file: BinaryIO, key: str, at: float) -> Iterator[ArchiveWriter]:
    """An archive in this file, sealed with the key if there is one. Members bear the time `at`."""
    sealing = SealingWriter(file, key) if key else None
    with tarfile.open(fileobj=cast(BinaryIO, sealing or file), mode="w|", bufsize=BLOCK) as tar:
        yield ArchiveWriter(tar, at)
    if sealing is not None:
        sealing.finish()


@contextmanager
def reading_archive(path: Path, key: str) -> Iterator[Iterator[tuple[str, BinaryIO]]]:
    """The members of a backup with their names, to be read in this order, all of them.

    Raises NotABackup, WrongKey, DamagedBackup, OtherVersion for whatever is wrong with the file, also while
    its members are read.
    """
    with path.open("rb") as file, _naming(path):
        stream = _unsealed(path, file, key)
        with tarfile.open(fileobj=stream, mode="r|", bufsize=BLOCK) as tar:
            yield _members(tar)
            # Behind the last member too, for the seal is whole only with its end.
            while stream.read(BLOCK):
                pass


def read_about(path: Path, key: str) -> Manifest:
    """What a backup says of itself at its beginning: all but contents. Raises as reading_archive does."""
    with path.open("rb") as file, _naming(path):
        try:
            with tarfile.open(fileobj=_unsealed(path, file, key), mode="r|", bufsize=BLOCK) as tar:
                name, content = next(_members(tar), ("", io.BytesIO()))
                if name == ABOUT:
                    return read_manifest(content)
        except tarfile.ReadError as error:
            raise NotABackup(path=path, reason=str(error)) from error
    raise NotABackup(path=path, reason="it does not begin as one")


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """The library's errors as ours."""
    try:
        yield
    except KeyRefused as error:
        raise WrongKey(path=path, reason="it was sealed with another BOOKSTORE_BACKUP_KEY") from error
    except UnknownFormat as error:
        raise OtherVersion(path=path, reason=str(error)) from error
    except UNREADABLE as error:
        raise DamagedBackup(path=path, reason=str(error) or type(error).__name__) from error


def read_manifest(member: BinaryIO) -> Manifest:
    return Manifest.from_json(gzip.decompress(member.read()))


def _unsealed(path: Path, file: BinaryIO, key: str) -> BinaryIO:
    start = file.read(len(MAGIC))
    file.seek(0)
    if not is_sealed(start):
        return file
    if not key:
        raise WrongKey(path=path, reason="it is encrypted: set BOOKSTORE_BACKUP_KEY")
    return cast(BinaryIO, io.BufferedReader(UnsealingReader(file, key), BLOCK))


def _members(tar: tarfile.TarFile) -> Iterator[tuple[str, BinaryIO]]:
    for member in tar:
        content = tar.extractfile(member)
        if content is None:
            raise tarfile.ReadError(f"{member.name} is no file")
        yield member.name, cast(BinaryIO, content)
