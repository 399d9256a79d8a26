"""When the search index is copied into the shared folder, and from which copy a new replica starts."""

import shutil
import threading
import time
from pathlib import Path

from bookstore.catalog import search_snapshot_turns
from bookstore.catalog.search_follower import OutOfStep, require_step
from bookstore.catalog.search_index import IndexUnusable, SearchIndex
from bookstore.catalog.search_snapshots import (
    Snapshot,
    SnapshotUnusable,
    copy_files,
    pin_commit,
    snapshots_of,
    write_snapshot,
)
from bookstore.shared.database import Database
from bookstore.shared.telemetry import log

# What a new replica has to follow after it starts from a copy: an hour of trade, or most of an import.
COPY_AFTER_SECONDS = 3600
COPY_AFTER_CHANGES = 50_000


class IndexCopies:
    """The copies of one catalog's index in the folder that its replicas share."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.folder = folder
        self._database = database
        # A copy is tried once: one that turns out useless must not be restored again and again.
        self._tried: set[Path] = set()

    def take(self, index: SearchIndex, between_commits: threading.Lock) -> int:
        """Copy the index if the newest copy is old, and no other replica does; 1 if so, else 0.

        Raises OSError, IndexUnusable.
        """
        with self._database.reading() as session:
            database_id = search_snapshot_turns.database_id(session)
        if not self._is_due(index, database_id):
            return 0
        with self._database.writing() as session:
            if not search_snapshot_turns.take_turn(session):
                return 0
        try:
            # Another replica may have written one since we looked.
            if not self._is_due(index, database_id):
                return 0
            self._copy(index, between_commits, database_id)
        finally:
            with self._database.writing() as session:
                search_snapshot_turns.end_turn(session)
        return 1

    def restore(self, index_folder: Path) -> int | None:
        """Put the newest usable copy in the place of the index; how many books it has, None without one.

        Raises RebuildRunning, and OSError when the disk refuses.
        """
        with self._database.reading() as session:
            database_id = search_snapshot_turns.database_id(session)
        for snapshot in snapshots_of(self.folder, database_id, report_others=True):
            if snapshot.folder in self._tried:
                continue
            try:
                return self._restore(snapshot, index_folder)
            except (SnapshotUnusable, IndexUnusable, OutOfStep) as error:
                self._tried.add(snapshot.folder)
                reason = str(error) or type(error).__name__
                log.warning("search snapshot ignored", snapshot=snapshot.folder.name, reason=reason)
        return None

    def disown(self) -> None:
        """Use no copy that was made until now."""
        with self._database.reading() as session:
            database_id = search_snapshot_turns.database_id(session)
        with self._database.writing() as session:
            search_snapshot_turns.rename_database(session, database_id)

    def _is_due(self, index: SearchIndex, database_id: str) -> bool:
        newest = next(iter(snapshots_of(self.folder, database_id)), None)
        if newest is None:
            return True
        changes = (index.position or 0) - newest.position
        age = time.time() - newest.taken_at
        return changes >= COPY_AFTER_CHANGES or (changes > 0 and age >= COPY_AFTER_SECONDS)

    def _copy(self, index: SearchIndex, between_commits: threading.Lock, database_id: str) -> None:
        with between_commits:
            index.reload()
            position, settled = index.position or 0, index.settled or 0
            pinned = pin_commit(index.directory)
        try:
            folder = write_snapshot(self.folder, pinned, database_id, position, settled)
        finally:
            shutil.rmtree(pinned, ignore_errors=True)
        log.info("search index copied", snapshot=folder.name, position=position)

    def _restore(self, snapshot: Snapshot, index_folder: Path) -> int:
        with self._database.reading() as session:
            require_step(session, snapshot.settled, snapshot.position)
        books = SearchIndex.adopt(index_folder, lambda directory: copy_files(snapshot, directory))
        self._tried.add(snapshot.folder)
        log.info("search index restored", snapshot=snapshot.folder.name, books=books)
        return books
