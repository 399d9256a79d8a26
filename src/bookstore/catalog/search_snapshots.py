"""Copies of the search index in the folder that all replicas share, from which a new replica starts.

A snapshot is a folder with the files of one commit and a manifest. It gets its name only when it is
complete and on disk, in one step that network file systems keep too; locks, which they do not keep, are not
used there.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from bookstore.catalog.search_document import SCHEMA_VERSION
from bookstore.catalog.search_generations import IndexUnusable, sync_directory
from bookstore.shared.telemetry import log

FORMAT = 1
KEPT = 2
MANIFEST = "manifest.json"
# What killed copies left behind; a copy takes seconds, and a clock of a file server may be off by minutes.
ABANDONED_SECONDS = 6 * 3600
FOREIGN_SECONDS = 7 * 24 * 3600

_ATTEMPTS = 5
_BLOCK = 1 << 20


class SnapshotUnusable(Exception):
    """The snapshot is damaged, incomplete or cannot be read; the message says why."""


@dataclass(frozen=True)
class FileOfSnapshot:
    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Snapshot:
    """A copy of the index as its manifest describes it; `taken_at` is in seconds since the epoch."""

    folder: Path
    schema: int
    database_id: str
    position: int
    settled: int
    taken_at: float
    files: tuple[FileOfSnapshot, ...]


def snapshots_of(root: Path, database_id: str, report_others: bool = False) -> list[Snapshot]:
    """The snapshots of this database that this program can read, newest first; may log why others are not."""
    found = []
    for folder in _folders(root):
        try:
            snapshot = _described(folder)
            _require_readable(snapshot, database_id)
        except SnapshotUnusable as error:
            if report_others:
                log.warning("search snapshot ignored", snapshot=folder.name, reason=str(error))
        else:
            found.append(snapshot)
    return sorted(found, key=lambda snapshot: (snapshot.settled, snapshot.taken_at), reverse=True)


def pin_commit(generation: Path) -> Path:
    """Give the files of the last commit second names, which stay when the engine deletes the first ones.

    Merges in the background delete files at any moment, but only after a new meta.json says so. The caller
    is the writer of the index, does not commit meanwhile, and deletes the folder that is returned. Raises
    IndexUnusable.
    """
    pinned = generation.parent / "pinned"
    for _ in range(_ATTEMPTS):
        shutil.rmtree(pinned, ignore_errors=True)
        pinned.mkdir()
        with contextlib.suppress(FileNotFoundError):
            _link_commit(generation, pinned)
            return pinned
    shutil.rmtree(pinned, ignore_errors=True)
    raise IndexUnusable("the files of the last commit are not there")


def write_snapshot(root: Path, pinned: Path, database_id: str, position: int, settled: int) -> Path:
    """Copy the pinned files of a commit into a snapshot of their own; its folder. Raises OSError.

    The two newest are kept.
    """
    root.mkdir(parents=True, exist_ok=True)
    name = f"snapshot-{settled:012d}-{time.time_ns()}-{secrets.token_hex(4)}"
    partial = root / f".{name}.partial"
    partial.mkdir()
    try:
        files = tuple(_copied(path, partial / path.name) for path in sorted(pinned.iterdir()))
        snapshot = Snapshot(root / name, SCHEMA_VERSION, database_id, position, settled, time.time(), files)
        _write_manifest(partial, snapshot)
        partial.rename(root / name)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync_directory(root)
    _forget_old(root, database_id)
    return root / name


def copy_files(snapshot: Snapshot, directory: Path) -> None:
    """Put the files of a snapshot into an empty directory. Raises SnapshotUnusable when one is damaged."""
    for file in snapshot.files:
        try:
            copied = _copied(snapshot.folder / file.name, directory / file.name)
        except OSError as error:
            raise SnapshotUnusable(f"{file.name} cannot be copied: {error.strerror}") from error
        if copied != file:
            raise SnapshotUnusable(f"{file.name} is damaged")
    # The engine deletes only files that it knows to be its own.
    (directory / ".managed.json").write_text(json.dumps([file.name for file in snapshot.files]))


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if path.name.startswith("snapshot-"))
    except FileNotFoundError:
        return []
    except OSError as error:
        log.warning("folder of search snapshots out of reach", error=str(error))
        return []


def _described(folder: Path) -> Snapshot:
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        if manifest["format"] != FORMAT:
            raise SnapshotUnusable(f"its format is {manifest['format']}, this program reads {FORMAT}")
        files = tuple(
            FileOfSnapshot(str(file["name"]), int(file["size"]), str(file["sha256"]))
            for file in manifest["files"]
        )
        return Snapshot(
            folder,
            int(manifest["schema"]),
            str(manifest["database_id"]),
            int(manifest["position"]),
            int(manifest["settled"]),
            float(manifest["taken_at"]),
            files,
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SnapshotUnusable(f"its manifest cannot be read: {error}") from error


def _require_readable(snapshot: Snapshot, database_id: str) -> None:
    if snapshot.database_id != database_id:
        raise SnapshotUnusable("it is of another database")
    if snapshot.schema != SCHEMA_VERSION:
        raise SnapshotUnusable(f"its schema is {snapshot.schema}, this program needs {SCHEMA_VERSION}")
    if any(Path(file.name).name != file.name or file.name == ".." for file in snapshot.files):
        raise SnapshotUnusable("its manifest names files outside of it")


def _link_commit(generation: Path, pinned: Path) -> None:
    # The engine replaces meta.json as a whole, so the file that is linked first never changes.
    os.link(generation / "meta.json", pinned / "meta.json")
    for segment in json.loads((pinned / "meta.json").read_text())["segments"]:
        number = segment["segment_id"].replace("-", "")
        names = [path.name for path in generation.glob(f"{number}.*") if path.suffix != ".del"]
        if not names:
            raise FileNotFoundError(number)
        if segment["deletes"]:
            names.append(f"{number}.{segment['deletes']['opstamp']}.del")
        for name in names:
            os.link(generation / name, pinned / name)


def _copied(source: Path, target: Path) -> FileOfSnapshot:
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as reader, target.open("xb") as writer:
        while block := reader.read(_BLOCK):
            digest.update(block)
            size += writer.write(block)
        writer.flush()
        os.fsync(writer.fileno())
    return FileOfSnapshot(target.name, size, digest.hexdigest())


def _write_manifest(folder: Path, snapshot: Snapshot) -> None:
    content = {key: value for key, value in asdict(snapshot).items() if key != "folder"}
    with (folder / MANIFEST).open("x") as file:
        json.dump({"format": FORMAT, **content}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(folder)


def _forget_old(root: Path, database_id: str) -> None:
    """Whoever still copies from a forgotten snapshot sees it as damaged, and takes another.

    Those of other versions of the program stay for a while: a new version may be on trial on some replicas.
    """
    own = snapshots_of(root, database_id)
    for snapshot in own[KEPT:]:
        _remove(snapshot.folder)
    for folder in set(_folders(root)) - {snapshot.folder for snapshot in own}:
        if _age(folder) > FOREIGN_SECONDS:
            _remove(folder)
    for partial in root.glob(".snapshot-*.partial"):
        if _age(partial) > ABANDONED_SECONDS:
            shutil.rmtree(partial, ignore_errors=True)


def _remove(folder: Path) -> None:
    """In one step for those who look: a snapshot is there as a whole or not at all."""
    hidden = folder.with_name(f".{folder.name}.partial")
    with contextlib.suppress(OSError):
        folder.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def _age(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except OSError:
        return 0.0
