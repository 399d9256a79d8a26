"""axe finds nothing on any page, in light and dark, on a wide screen and on a phone; nothing runs over at 320 px."""

import threading
from collections.abc import Iterator
from itertools import product
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from flask import Flask, abort
from flask.typing import ResponseReturnValue
from playwright.sync_api import Browser, Page, expect
from werkzeug.routing import Rule
from werkzeug.serving import make_server

from bookstore.app import create_shop
from bookstore.catalog.photos import StorageFull
from bookstore.config import Settings
from bookstore.shared.access import Audience, audience
from bookstore.shared.error_pages import TITLES
from tests.cluster.live_shop import LiveShop
from tests.journeys.conftest import ADMIN_EMAIL
from tests.journeys.looks import LOOKS, NO_PAGES, Look
from tests.journeys.windows import Windows
from tests.journeys.world import World, build

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ALL_RULES = {"runOnly": {"type": "tag", "values": TAGS}, "rules": {"target-size": {"enabled": True}}}
# The themes differ in nothing but their colors.
COLOR_RULES = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
RULES = {"light": ALL_RULES, "dark": COLOR_RULES}
RUN_AXE = "rules => axe.run({...rules, resultTypes: ['violations']}).then(found => found.violations)"
WIDE, PHONE, NARROWEST = 1280, 360, 320
HEIGHT = 900
TOO_WIDE = """[...document.querySelectorAll("body *")]
    .filter(it => it.getBoundingClientRect().right > innerWidth + 1)
    .slice(0, 3).map(it => it.outerHTML.slice(0, 200))"""


@pytest.fixture(scope="module")
def watched(chromium: Browser, live: LiveShop) -> Iterator[Windows]:
    """The windows of everybody in the world, open for all looks."""
    windows = Windows(chromium, live.url, traced=False)
    yield windows
    windows.close()


@pytest.fixture(scope="module")
def world(live: LiveShop, watched: Windows) -> World:
    return build(live, watched, ADMIN_EMAIL)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The whole shop in this process: for its route table, and to break it in every way."""
    shop = create_shop(Settings(data_dir=tmp_path_factory.mktemp("routes")))
    shop.app.add_url_rule("/broken/<int:status>", view_func=_break)
    yield shop.app
    shop.close()


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_axe_finds_nothing_and_nothing_runs_over(
    look: Look, world: World, watched: Windows, app: Flask
) -> None:
    page = world.pages[look.who]
    _settle(page, WIDE, "light")
    page.goto(look.address(world))
    assert _route(app, page) == look.route
    look.act(page)

    assert _complaints(page) == []
    assert watched.take_problems() == []


def test_every_page_is_looked_at(app: Flask) -> None:
    pages = {rule.endpoint for rule in app.url_map.iter_rules() if _may_be_a_page(rule)}

    assert pages - NO_PAGES.keys() == {look.route for look in LOOKS}
    assert NO_PAGES.keys() <= pages


# The spacing that a reader may ask for without losing anything (WCAG 2.2, 1.4.12); a wider font does the same.
WIDELY = (
    "* { letter-spacing: 0.12em !important; word-spacing: 0.16em !important; line-height: 1.5 !important }"
)
# Through an object of styles, since the shop's policy refuses a style inside the page.
ADOPT_STYLES = """styles => { const sheet = new CSSStyleSheet(); sheet.replaceSync(styles);
    document.adoptedStyleSheets = [sheet] }"""


@pytest.mark.parametrize("who", ["ana", "bruno", "carla", "nora", "ada", "visitor"])
def test_widely_spaced_text_does_not_run_over_on_the_narrowest_phone(
    who: str, world: World, watched: Windows
) -> None:
    page = world.pages[who]
    page.goto("/")
    page.evaluate(ADOPT_STYLES, WIDELY)
    _settle(page, NARROWEST, "light")

    assert page.evaluate("document.scrollingElement.scrollWidth") == NARROWEST
    assert page.evaluate(TOO_WIDE) == []
    assert watched.take_problems() == []


@pytest.mark.parametrize("route", NO_PAGES)
def test_what_is_not_looked_at_is_no_page(route: str, world: World, app: Flask) -> None:
    path, kind = NO_PAGES[route]
    answer = world.pages["ana"].request.get(path(world), max_redirects=0)

    assert app.url_map.bind("").match(path(world).partition("?")[0])[0] == route
    assert answer.status in {200, 302}
    assert kind == (answer.headers["content-type"].partition(";")[0] if answer.status == 200 else "redirect")


@pytest.mark.parametrize("status", TITLES)
def test_error_pages_are_accessible(status: int, broken_shop: str, windows: Windows) -> None:
    page = windows.open(base_url=broken_shop, reduced_motion="reduce")
    answer = page.goto(f"/broken/{status}")

    assert answer is not None
    assert answer.status == status
    expect(page.locator(".error-status")).to_have_text(str(status))
    expect(page.locator(".error-id code")).to_have_text(answer.headers["x-request-id"])
    assert _complaints(page) == []
    expected = [f"{status} from GET {broken_shop}/broken/{status}"] if status >= 500 else []
    assert windows.take_problems() == expected


@pytest.fixture(scope="module")
def broken_shop(app: Flask) -> Iterator[str]:
    """The address of a shop where every error can be met."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@audience(Audience.EVERYONE)
def _break(status: int) -> ResponseReturnValue:
    if status == 500:
        raise ZeroDivisionError("broken on purpose")
    if status == StorageFull.status:
        raise StorageFull  # abort() has no error for this status
    abort(status)


def _may_be_a_page(rule: Rule) -> bool:
    """Whatever a browser can open, except the API, whose documentation is pages again, and what an edge hides."""
    is_api = rule.rule.startswith(("/api/v1/", "/internal/", "/metrics")) and not rule.rule.endswith("/docs")
    return "GET" in (rule.methods or ()) and not is_api and not rule.rule.startswith("/broken/")


def _route(app: Flask, page: Page) -> str:
    """The route of the address that the page has, which is another one after a redirect."""
    route: str = app.url_map.bind("").match(urlsplit(page.url).path)[0]
    return route


def _complaints(page: Page) -> list[str]:
    """What is wrong with the page: in both themes, on a wide screen and on a phone."""
    found = []
    page.evaluate(AXE_SCRIPT)
    for theme, width in product(RULES, (WIDE, PHONE)):
        _settle(page, width, theme)
        violations = page.evaluate(RUN_AXE, RULES[theme])
        found += [f"{theme}, {width} px: {_in_words(violation)}" for violation in violations]
    _settle(page, NARROWEST, "light")
    if (reach := page.evaluate("document.scrollingElement.scrollWidth")) > NARROWEST:
        found.append(f"{NARROWEST} px: the page is {reach} px wide, because of {page.evaluate(TOO_WIDE)}")
    return found


def _in_words(violation: dict[str, Any]) -> str:
    places = [f"{node['html'][:200]}: {node['failureSummary']}" for node in violation["nodes"][:3]]
    return f"{violation['id']}: {violation['help']}: {places}"


def _settle(page: Page, width: int, theme: str) -> None:
    """Change the window and wait until it is painted."""
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.emulate_media(color_scheme=theme)
    page.evaluate("new Promise(painted => requestAnimationFrame(() => requestAnimationFrame(painted)))")
