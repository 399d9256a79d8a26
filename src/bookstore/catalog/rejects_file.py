"""The list of rows that an import could not use, written for a person with a spreadsheet."""

import csv
from pathlib import Path
from types import TracebackType
from typing import Self

from bookstore.catalog.csv_records import RejectedRow, printable

COLUMNS = ("row", "line", "reason", "column", "value")
MAX_VALUE = 200
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def neutralized(text: str) -> str:
    """The text, made harmless in a cell: what a spreadsheet would calculate begins with an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


class RejectsFile:
    """A CSV file (UTF-8) of rejected rows; a context manager. `count` says how many it has.

    An existing file at the path is replaced; with no rejected row, the file has only its header.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.count = 0
        self._file = self.path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(COLUMNS)

    def write(self, number: int, line: int, reason: str, column: str = "", value: str = "") -> None:
        """Name one row with its reason, and the value that caused it (cut to 200 characters)."""
        shown = printable(value.replace("\0", ""))[:MAX_VALUE]
        self._writer.writerow([number, line, *map(neutralized, (reason, column, shown))])
        self.count += 1

    def write_rejected(self, row: RejectedRow) -> None:
        """Name a row that the reader itself rejected."""
        reason = f"{row.reason}: {row.detail}" if row.detail else row.reason
        self.write(row.number, row.line, reason, row.column, row.value)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
