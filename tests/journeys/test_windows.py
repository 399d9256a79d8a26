"""The windows of these tests do notice what they are there to notice."""

import pytest
from playwright.sync_api import Page

from tests.journeys.windows import Windows

MISDEEDS = {
    "Content Security Policy": "document.body.setAttribute('style', 'color: red')",
    "script error": "setTimeout(() => { throw new Error('on purpose'); })",
    "404 from GET": "fetch('/media/nothing.jpg')",
    "error in the console": "new Image().src = 'http://elsewhere.example/pixel.png'",
}


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_what_a_page_must_not_do_is_noticed(misdeed: str, visitor: Page, windows: Windows) -> None:
    visitor.goto("/")
    assert windows.problems == []
    visitor.evaluate(f"() => {{ {MISDEEDS[misdeed]} }}")
    visitor.wait_for_timeout(300)
    assert any(misdeed in problem for problem in windows.take_problems())
