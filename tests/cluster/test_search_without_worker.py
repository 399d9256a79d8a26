"""A server whose workers run elsewhere still has a search index of its own."""

import time
from pathlib import Path

import httpx

from tests.cluster.live_shop import ApiClient, LiveShop

PATIENCE_SECONDS = 60


def test_a_server_without_workers_finds_what_only_the_index_finds(tmp_path: Path) -> None:
    shop = LiveShop(tmp_path / "shop", {"BOOKSTORE_EMBEDDED_WORKER": "false"}, options=[])
    shop.run("migrate")
    shop.start()
    try:
        ApiClient(shop, "ana").offer("La tregua interminable", "10.00", 1)
        assert "La tregua interminable" in found(shop, "interminble")
    finally:
        shop.close()


def found(shop: LiveShop, misspelled: str) -> list[str]:
    """The titles that a misspelled word finds, which without an index are none."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends_at:
        answer = httpx.get(f"{shop.url}/api/v1/catalog/books", params={"q": misspelled}).raise_for_status()
        if titles := [book["title"] for book in answer.json()["items"]]:
            return titles
        time.sleep(0.2)
    return []
