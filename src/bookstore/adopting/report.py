"""What became of the rows of the original, and each that was not as it should be."""

import csv
from collections import Counter
from pathlib import Path
from typing import TextIO

HEADER = ("table", "id", "reason", "value", "result")


class Report:
    """Counts, and a line of a CSV file for each remark; the lines are not kept in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.adopted: Counter[str] = Counter()
        self.known: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.remarks: Counter[tuple[str, str, str]] = Counter()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(HEADER)

    def close(self) -> None:
        self._file.close()

    def taken(self, table: str, *, is_new: bool) -> None:
        """The row is in the shop: since now, or since an earlier adoption."""
        (self.adopted if is_new else self.known)[table] += 1

    def mend(self, table: str, number: int, reason: str, value: object = "") -> None:
        """The row was adopted, though not as it was."""
        self._remark(table, number, reason, value, "mended")

    def skip(self, table: str, number: int, reason: str, value: object = "") -> None:
        """The row was not adopted."""
        self.skipped[table] += 1
        self._remark(table, number, reason, value, "skipped")

    def _remark(self, table: str, number: int, reason: str, value: object, result: str) -> None:
        self.remarks[table, reason, result] += 1
        self._writer.writerow((table, number, reason, _harmless(str(value)[:200]), result))


def _harmless(text: str) -> str:
    """A spreadsheet would take a cell with this beginning for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
