"""A real shop, a real browser, and people who use both. Each test has people of its own."""

import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bookstore.config import variable
from tests.cluster.live_shop import LiveShop
from tests.empty_databases import EmptyDatabases, database_settings
from tests.journeys.chromium import launch
from tests.journeys.people import People, Someone
from tests.journeys.steps import log_in
from tests.journeys.windows import PATIENCE_MS, Windows
from tests.people import PASSWORD

RESULTS = Path(__file__).parents[2] / "test-results"
ADMIN_EMAIL = "ada@example.com"
REPORTS = pytest.StashKey[dict[str, pytest.TestReport]]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Let the fixtures know how the test went, so that they keep what helps to understand a failure."""
    report = yield
    item.stash.setdefault(REPORTS, {})[report.when] = report
    return report


@dataclass(frozen=True)
class DeployedShop:
    """A stocked shop with an admin that somebody else has deployed."""

    url: str


@pytest.fixture(scope="session")
def live(request: pytest.FixtureRequest) -> Iterator[LiveShop | DeployedShop]:
    """A stocked shop with an admin: the one that BOOKSTORE_TEST_SHOP names, or else one of our own."""
    if address := os.environ.get("BOOKSTORE_TEST_SHOP"):
        yield DeployedShop(address)
    else:
        yield request.getfixturevalue("own_shop")


@pytest.fixture(scope="session")
def own_shop(tmp_path_factory: pytest.TempPathFactory, empty_databases: EmptyDatabases) -> Iterator[LiveShop]:
    """Served by a process of its own for all journeys."""
    folder = tmp_path_factory.mktemp("journeys") / "shop"
    with database_settings(empty_databases, folder) as urls:
        shop = LiveShop(folder, {variable(name): url for name, url in urls.items()})
        with pytest.MonkeyPatch.context() as environ:
            for name in [name for name in os.environ if name.startswith("BOOKSTORE_")]:
                environ.delenv(name)
            shop.run("migrate")
            shop.run("stock")
            admin = ("--name", "Ada Admin", "--email", ADMIN_EMAIL)
            shop.run("create-admin", *admin, BOOKSTORE_ADMIN_PASSWORD=PASSWORD)
            shop.start()
        yield shop
        shop.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def windows(request: pytest.FixtureRequest, chromium: Browser, live: LiveShop) -> Iterator[Windows]:
    """Opens the browser windows of a test. They are watched: an error in the console fails the test."""
    windows = Windows(chromium, live.url)
    yield windows
    report = request.node.stash.get(REPORTS, {}).get("call")
    problems = windows.problems
    failed = report is None or report.failed or problems
    windows.close(RESULTS / re.sub(r"[^\w-]+", "-", request.node.name) if failed else None)
    if problems:
        pytest.fail("the pages were not clean:\n" + "\n".join(problems))


@pytest.fixture
def people(live: LiveShop, windows: Windows) -> People:
    """Makes people with names that nobody else has."""
    return People(live, windows, secrets.token_hex(3))


@pytest.fixture
def visitor(windows: Windows) -> Page:
    """A browser of somebody who is not logged in."""
    return windows.open()


@pytest.fixture
def ana(people: People) -> Someone:
    """She sells."""
    return people.join("Ana")


@pytest.fixture
def bruno(people: People) -> Someone:
    """He buys."""
    return people.join("Bruno")


@pytest.fixture
def carla(people: People) -> Someone:
    """She competes with Bruno for the last copy."""
    return people.join("Carla")


@pytest.fixture
def ada(windows: Windows) -> Page:
    """The admin's browser."""
    page = windows.open()
    log_in(page, ADMIN_EMAIL)
    return page
