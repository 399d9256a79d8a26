"""Which versions were deployed: the one that runs, and the one before it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

FILE = "releases.json"


@dataclass(frozen=True)
class Releases:
    """The tags of the images that run and that ran before; empty when there are none."""

    current: str = ""
    previous: str = ""

    @classmethod
    def of(cls, folder: Path) -> Self:
        path = folder / FILE
        return cls(**json.loads(path.read_text())) if path.is_file() else cls()

    def after(self, tag: str) -> "Releases":
        """With this version running now."""
        return self if tag == self.current else Releases(current=tag, previous=self.current)

    def keep(self, folder: Path) -> None:
        partial = folder / f".{FILE}.part"
        partial.write_text(json.dumps(asdict(self), indent=1) + "\n")
        partial.replace(folder / FILE)
