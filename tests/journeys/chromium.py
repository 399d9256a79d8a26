"""The browser of the tests: Debian's Chromium, without a way out of this machine."""

import os
import shutil

from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No name is looked up: a page that asks another host for something fails its test.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


def launch(playwright: Playwright) -> Browser:
    """Start the Chromium that BOOKSTORE_TEST_CHROMIUM names, or the one that is installed."""
    found = (os.environ.get("BOOKSTORE_TEST_CHROMIUM"), *map(shutil.which, NAMES))
    path = next((path for path in found if path), None)
    assert path, "no Chromium found: install it, or name it in BOOKSTORE_TEST_CHROMIUM"
    return playwright.chromium.launch(executable_path=path, args=OPTIONS)
