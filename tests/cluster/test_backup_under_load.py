"""People buy while a backup is made; an empty place becomes the shop of that moment, with all it had promised."""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bookstore.config import variable
from tests.cluster.live_shop import ApiClient, LiveShop
from tests.cluster.test_killed_server import Buyer, settle, wait_for_orders
from tests.empty_databases import EmptyDatabases, database_settings
from tests.service.catalog.images import image

KEY = {"BOOKSTORE_BACKUP_KEY": "a key of backups that only the tests know, 42"}
PHOTOS = 5


@pytest.fixture
def empty_place(tmp_path: Path, empty_databases: EmptyDatabases) -> Iterator[LiveShop]:
    """Another stack: migrated databases without a row, an empty folder, nothing served."""
    with database_settings(empty_databases, tmp_path / "place") as urls:
        place = LiveShop(tmp_path / "place", {variable(name): url for name, url in urls.items()} | KEY)
        yield place
        place.close()


def test_what_was_acknowledged_before_a_backup_is_there_after_the_restore(
    live_shop: LiveShop, empty_place: LiveShop
) -> None:
    ana = ApiClient(live_shop, "ana")
    listings = [ana.offer(f"El ave fénix {number}", "3.00", copies=1_000) for number in range(PHOTOS)]
    for number, listing in enumerate(listings):
        put_photo(ana, listing, image(size=(400 + number, 300)))
    buyers = [Buyer(ApiClient(live_shop, f"buyer{n}"), listings[n], n) for n in range(4)]
    for buyer in buyers:
        buyer.client.delivery()

    stop = threading.Event()
    threads = [threading.Thread(target=buyer.buy_until, args=(stop,)) for buyer in buyers]
    for thread in threads:
        thread.start()
    wait_for_orders(buyers, more=12)
    promised = {buyer.client.email: (list(buyer.placed), list(buyer.captured)) for buyer in buyers}
    during = sum(len(buyer.placed) for buyer in buyers)
    made = live_shop.run("backup", "--verify", check=False, **KEY)
    assert made.returncode == 0, made.stdout + made.stderr
    assert sum(len(buyer.placed) for buyer in buyers) > during, "nobody bought meanwhile"
    wait_for_orders(buyers, more=4)
    stop.set()
    for thread in threads:
        thread.join(timeout=60)
    assert [buyer.refused for buyer in buyers] == [[], [], [], []], "somebody could not buy"

    (path,) = (live_shop.data_dir / "backups").iterdir()
    restored = empty_place.run("restore", str(path), check=False)
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert "copies, orders and money agree" in restored.stdout
    photos = files_of(live_shop)
    assert len(photos) == 2 * PHOTOS
    assert files_of(empty_place) == photos

    empty_place.start()
    assert settle(empty_place) == "clean"
    for email, (placed, captured) in promised.items():
        assert_kept(empty_place, email, placed, captured)


def assert_kept(shop: LiveShop, email: str, placed: list[str], captured: list[str]) -> None:
    """Each order that the buyer was told of is there, and each that was paid is paid."""
    http = httpx.Client(base_url=f"{shop.url}/api/v1", timeout=30)
    session = http.post("/accounts/sessions", json={"email": email, "password": "correct horse battery"})
    http.headers["Authorization"] = f"Bearer {session.raise_for_status().json()['access_token']}"
    for reference in placed:
        order = http.get(f"/orders/{reference}")
        assert order.status_code == 200, f"order {reference} was acknowledged and is lost"
        assert order.json()["status"] == "paid" or reference not in captured


def put_photo(seller: ApiClient, listing: int, content: bytes) -> None:
    headers = {"Content-Type": "image/jpeg"}
    seller.http.put(f"/catalog/listings/{listing}/photo", content=content, headers=headers).raise_for_status()


def files_of(shop: LiveShop) -> dict[str, bytes]:
    media = shop.data_dir / "media"
    return {path.name: path.read_bytes() for path in media.glob("*.jpg")}
