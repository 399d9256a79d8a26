"""Taking a backup apart into a scratch folder, and proving it before anything else is touched."""

import gzip
import hashlib
import os
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from bookstore.backups.archive import (
    ABOUT,
    BLOCK,
    DATABASE,
    MANIFEST,
    MEDIA,
    SECRET_KEY,
    read_manifest,
    reading_archive,
)
from bookstore.backups.errors import DamagedBackup
from bookstore.backups.manifest import Manifest, MediaFile


def unpack(path: Path, key: str, folder: Path, media: Path | None) -> Manifest:
    """Unpack into these two folders, and compare all that came out with the manifest; media may be left out.

    Raises NotABackup, WrongKey, DamagedBackup, OtherVersion, OSError.
    """
    digests: dict[str, str] = {}
    files: dict[str, MediaFile] = {}
    manifest: Manifest | None = None
    with reading_archive(path, key) as members:
        for name, content in members:
            if name == MANIFEST:
                manifest = read_manifest(content)
            elif name.endswith(DATABASE) and "/" not in name:
                part = name.removesuffix(DATABASE)
                digests[part] = _unzip(content, folder / f"{part}.sqlite3")
            elif name == SECRET_KEY:
                _write(content, folder / SECRET_KEY)
            elif name.startswith(MEDIA):
                files[name.removeprefix(MEDIA)] = _media(content, name.removeprefix(MEDIA), media)
            elif name != ABOUT:
                raise ValueError(f"it has a member {name!r}, which no backup has")
    if manifest is None:
        raise DamagedBackup(path=path, reason="it is cut off: its manifest is missing")
    _compare(path, manifest, digests, files)
    return manifest


def _compare(path: Path, manifest: Manifest, digests: dict[str, str], files: dict[str, MediaFile]) -> None:
    expected = {part: described.sha256 for part, described in manifest.parts.items()}
    for part in sorted(expected.keys() | digests.keys()):
        if expected.get(part) != digests.get(part):
            raise DamagedBackup(path=path, reason=f"the {part} database in it is not the one that was saved")
    for name in sorted(manifest.media.keys() | files.keys()):
        if manifest.media.get(name) != files.get(name):
            raise DamagedBackup(path=path, reason=f"the file {name} in it is not the one that was saved")


def _unzip(content: BinaryIO, target: Path) -> str:
    with gzip.open(content) as plain:
        return _write(cast(BinaryIO, plain), target).sha256


def _media(content: BinaryIO, name: str, folder: Path | None) -> MediaFile:
    """Names come from a file that somebody else may have made: none of them leads out of the folder."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or any(part.startswith(".") for part in parts):
        raise ValueError(f"it has a file of the unsafe name {name!r}")
    return _write(content, folder / name if folder else None)


def _write(content: BinaryIO, target: Path | None) -> MediaFile:
    """Write the content there, if anywhere; its size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
    with open(target or os.devnull, "wb") as file:
        while block := content.read(BLOCK):
            digest.update(block)
            size += len(block)
            file.write(block)
    return MediaFile(size, digest.hexdigest())
