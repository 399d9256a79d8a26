"""A stocked shop in this process, to measure what is in it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from bookstore.app import Shop, create_shop
from bookstore.config import Settings
from bookstore.shared.telemetry import configure_logging

OFFERS = "2000"


@contextmanager
def stocked_shop(catalog: Path | None = None) -> Iterator[Shop]:
    """With the books of a file, or else those that come along, on SQLite in a folder that goes again."""
    with tempfile.TemporaryDirectory(prefix="bookstore-bench-") as folder:
        fill = ["stock"] if catalog is None else ["import-catalog", str(catalog), "--offers", OFFERS]
        for arguments in (["migrate"], fill):
            _command(folder, arguments)
        shop = create_shop(Settings(data_dir=Path(folder)))
        try:
            yield shop
        finally:
            shop.close()


@contextmanager
def written_nowhere() -> Iterator[None]:
    """Let the shop write its log, which costs what it costs in production, where nobody reads it."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        configure_logging("json", "INFO")
        yield


def environ_without_settings() -> dict[str, str]:
    """What this process was started with, but for settings of a shop: those of a machine are not measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("BOOKSTORE_")}


def _command(folder: str, arguments: list[str]) -> None:
    """What operators type, with no settings of this machine's."""
    subprocess.run(  # noqa: S603  # our own words, and no shell
        [sys.executable, "-m", "bookstore.cli", *arguments],
        env={**environ_without_settings(), "BOOKSTORE_DATA_DIR": folder},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
