"""People with a browser and with access to the API, which prepares what a story takes for granted."""

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

from tests.cluster.live_shop import ApiClient, LiveShop
from tests.journeys.steps import log_in
from tests.journeys.windows import Windows


@dataclass(frozen=True)
class Offer:
    """A listing, and where its book's page is."""

    listing_id: int
    title: str
    path: str


@dataclass
class Someone:
    """Somebody with an account who is logged in."""

    name: str
    email: str
    page: Page
    api: ApiClient

    def offer(self, title: str, price: str, copies: int = 1) -> Offer:
        """Put copies of a book on sale."""
        listing_id = self.api.offer(title, price, copies)
        return Offer(listing_id, title, f"/books/{self.listing(listing_id)['book_id']}")

    def listing(self, listing_id: int) -> dict[str, Any]:
        """What the shop says to its seller about a listing."""
        answer = self.api.http.get(f"/catalog/listings/{listing_id}").raise_for_status()
        listing: dict[str, Any] = answer.json()
        return listing

    def stock(self, offer: Offer) -> tuple[int, int, int]:
        """How many copies of an offer are available, held and sold."""
        listing = self.listing(offer.listing_id)
        return listing["copies_available"], listing["copies_held"], listing["copies_sold"]

    def change(self, offer: Offer, **terms: Any) -> None:
        """Give an offer of one's own other terms."""
        self.api.http.patch(f"/catalog/listings/{offer.listing_id}", json=terms).raise_for_status()


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
