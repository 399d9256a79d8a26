"""The journeys, unchanged, at a shop that was deployed: all but those that look into its databases."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = [
    sys.executable,
    "-m",
    "pytest",
    "tests/journeys",
    "--ignore",
    "tests/journeys/test_accessibility.py",
]
OPTIONS = ["-p", "no:cacheprovider", "--numprocesses", "0", "--quiet"]
PATIENCE_SECONDS = 900


def browse(url: str, authority: Path) -> int:
    """How many journeys passed at a shop that is new, stocked and has its admin. Raises AssertionError."""
    done = subprocess.run(
        [*COMMAND, *OPTIONS],
        cwd=ROOT,
        env={**os.environ, "BOOKSTORE_TEST_SHOP": url, "SSL_CERT_FILE": str(authority)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-10000:] + done.stderr
    assert "skipped" not in done.stdout
    return int(re.search(r"(\d+) passed", done.stdout)[1])
