"""People with a browser and with access to the API, which prepares what a story takes for granted."""

from dataclasses import dataclass

from playwright.sync_api import Page

from tests.cluster.live_shop import ApiClient, LiveShop
from tests.journeys.steps import log_in
from tests.journeys.windows import Windows


@dataclass
class Someone:
    """Somebody with an account who is logged in."""

    name: str
    email: str
    page: Page
    api: ApiClient


@dataclass
class People:
    """Makes people; the suffix keeps their names apart from those of other tests."""

    live: LiveShop
    windows: Windows
    suffix: str

    def name(self, name: str) -> str:
        """The name that somebody has in this test."""
        return f"{name}-{self.suffix}".title()

    def title(self, title: str) -> str:
        """A book's title that no other test uses."""
        return f"{title} {self.suffix}"

    def email(self, name: str) -> str:
        return f"{self.name(name).lower()}@example.com"

    def register(self, name: str) -> ApiClient:
        """Make an account."""
        return ApiClient(self.live, self.name(name).lower())

    def join(self, name: str) -> Someone:
        """Make an account and log in to it in a window of its own."""
        api = self.register(name)
        page = self.windows.open()
        log_in(page, api.email)
        return Someone(self.name(name), api.email, page, api)
