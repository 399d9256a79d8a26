"""The browser of the tests: Debian's Chromium, without a way out of this machine."""

import os
import shutil
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Playwright

# The first one is the same browser without its windows, for a third less of the processor.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def launch(playwright: Playwright) -> Browser:
    """Start the Chromium that BOOKSTORE_TEST_CHROMIUM names, or the one that is installed."""
    found = (os.environ.get("BOOKSTORE_TEST_CHROMIUM"), *map(shutil.which, NAMES))
    path = next((path for path in found if path), None)
    assert path, "no Chromium found: install it, or name it in BOOKSTORE_TEST_CHROMIUM"
    return playwright.chromium.launch(executable_path=path, args=[*OPTIONS, _only_the_shop()])


def _only_the_shop() -> str:
    """No other name is looked up: a page that asks another host for something fails its test."""
    shop = urlsplit(os.environ.get("BOOKSTORE_TEST_SHOP", "")).hostname
    hosts = dict.fromkeys(("127.0.0.1", "localhost", *([shop] if shop else [])))
    return f"--host-resolver-rules=MAP * ~NOTFOUND, {', '.join(f'EXCLUDE {host}' for host in hosts)}"
