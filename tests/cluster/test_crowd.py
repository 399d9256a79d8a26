"""More people at once than a server can serve: it says so to those whom it would keep waiting."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.cluster.live_shop import ApiClient, LiveShop

PEOPLE = 80


@pytest.fixture(scope="module")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveShop]:
    environ = {"BOOKSTORE_WORKERS": "1", "BOOKSTORE_THREADS": "1", "BOOKSTORE_WAIT_SECONDS": "0.2"}
    shop = LiveShop(tmp_path_factory.mktemp("small") / "shop", environ, options=[])
    shop.run("migrate")
    shop.start()
    yield shop
    shop.close()


def test_late_comers_are_sent_away_and_all_is_well_afterwards(small_shop: LiveShop) -> None:
    bruno = ApiClient(small_shop, "bruno")
    with ThreadPoolExecutor(PEOPLE) as pool:
        answers = list(
            pool.map(lambda _: httpx.get(f"{small_shop.url}/books", timeout=60), range(4 * PEOPLE))
        )
        health = httpx.get(f"{small_shop.url}/livez", timeout=60)

    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {200, 503}
    assert {answer.headers.get("Retry-After") for answer in answers if answer.status_code == 503} == {"3"}
    assert health.status_code == 200
    assert httpx.get(f"{small_shop.url}/books").status_code == 200
    assert bruno.delivery() > 0
    refused = f"bookstore_requests_refused_total {float(statuses[503])}"
    assert refused in httpx.get(f"{small_shop.url}/metrics").text
