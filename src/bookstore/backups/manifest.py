"""What a backup says of itself: when, of what, and the counts and checksums by which a restore is proved."""

import json
import re
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from bookstore.moving.content import Content
from bookstore.shared.process import SERVICES

FORMAT = 1
# It becomes part of a path.
ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class BinlogPosition:
    """Where a server's binary log stood at the moment of the backup: what follows there is not in it."""

    file: str
    position: int


@dataclass(frozen=True)
class Part:
    """One database in the backup: of a service, or the payment sandbox's books.

    `revision` is that of its schema, None where it has no migrations; `sha256` is of the SQLite file in the
    backup. `tables` has the rows and the checksum of each, in the order in which they may be filled.
    """

    revision: str | None
    binlog: BinlogPosition | None = None
    sha256: str = ""
    tables: dict[str, Content] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(content.rows for content in self.tables.values())


@dataclass(frozen=True)
class MediaFile:
    """One file of the media folder."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """A backup's description. At its beginning stands one without contents, at its end the whole one.

    `id` is of this backup alone. `missing` names the photos that rows speak of and that were not there.
    """

    id: str
    moment: datetime
    program: str
    parts: dict[str, Part]
    media: dict[str, MediaFile] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    has_secret_key: bool = False

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts.values())

    @property
    def tables(self) -> int:
        return sum(len(part.tables) for part in self.parts.values())

    @property
    def media_bytes(self) -> int:
        return sum(file.bytes for file in self.media.values())

    def to_json(self) -> bytes:
        values = asdict(self) | {"format": FORMAT, "moment": self.moment.isoformat()}
        for name, part in self.parts.items():
            values["parts"][name]["tables"] = {
                table: {"rows": content.rows, "checksum": content.digest}
                for table, content in part.tables.items()
            }
        return json.dumps(values, indent=1).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Manifest":
        """Raises ValueError, KeyError or TypeError for what is no manifest, UnknownFormat for a newer one."""
        values = json.loads(text)
        if values["format"] != FORMAT:
            raise UnknownFormat(f"its format is {values['format']}, this program knows {FORMAT}")
        if not ID.fullmatch(values["id"]) or not set(SERVICES) <= set(values["parts"]):
            raise ValueError("it does not describe a backup of a whole shop")
        return cls(
            id=values["id"],
            moment=datetime.fromisoformat(values["moment"]),
            program=values["program"],
            parts={name: _part(part) for name, part in values["parts"].items()},
            media={name: MediaFile(**file) for name, file in values["media"].items()},
            missing=tuple(values["missing"]),
            has_secret_key=values["has_secret_key"],
        )


class UnknownFormat(Exception):
    """A later version of the program wrote the backup."""


def _part(values: dict[str, Any]) -> Part:
    tables = {
        name: Content(table["rows"], int(table["checksum"], 16)) for name, table in values["tables"].items()
    }
    binlog = BinlogPosition(**values["binlog"]) if values["binlog"] else None
    return Part(values["revision"], binlog, values["sha256"], tables)
