"""Browser windows that notice what a page must never do: errors in the console, refused content, dead links."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response

# Chromium writes this about every answer of 400 and more; `_check_answer` judges those itself.
ABOUT_AN_ANSWER = "Failed to load resource: the server responded with a status of"
PATIENCE_MS = 30_000


@dataclass
class Windows:
    """The windows of one test; each has cookies of its own, as another person's browser has."""

    browser: Browser
    url: str
    traced: bool = True
    problems: list[str] = field(default_factory=list)
    _contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, **options: Any) -> Page:
        """A page in a new window; options are those of Playwright's contexts."""
        settings = {
            "base_url": self.url,
            "locale": "en-US",
            "viewport": {"width": 1280, "height": 900},
            # Chromium trusts no authority of ours; the people's API clients check the certificate.
            "ignore_https_errors": True,
        }
        context = self.browser.new_context(**(settings | options))
        context.set_default_timeout(PATIENCE_MS)
        context.set_default_navigation_timeout(PATIENCE_MS)
        if self.traced:
            context.tracing.start(screenshots=False, snapshots=True)
        context.on("console", self._check_message)
        context.on("weberror", lambda error: self.problems.append(f"script error: {error.error}"))
        context.on("response", self._check_answer)
        self._contexts.append(context)
        return context.new_page()

    def take_problems(self) -> list[str]:
        """What has been noticed since this was asked last."""
        taken, self.problems[:] = list(self.problems), []
        return taken

    def close(self, keep_in: Path | None = None) -> None:
        """Close all windows; keep a picture and a trace of each when a folder is given."""
        for number, context in enumerate(self._contexts):
            if keep_in is not None:
                _keep(context, keep_in, number)
            context.close()

    def _check_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(ABOUT_AN_ANSWER):
            self.problems.append(
                f"{message.type} in the console of {message.location['url']}: {message.text}"
            )

    def _check_answer(self, answer: Response) -> None:
        is_page = answer.request.resource_type == "document"
        if answer.status >= 500 or (answer.status >= 400 and not is_page):
            self.problems.append(f"{answer.status} from {answer.request.method} {answer.url}")


def _keep(context: BrowserContext, folder: Path, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for tab, page in enumerate(context.pages):
        page.screenshot(path=folder / f"window-{number}-{tab}.png", full_page=True)
    context.tracing.stop(path=folder / f"window-{number}.zip")
