"""Fifty people want the last copy at the same moment, through the running server."""

import threading
from concurrent.futures import ThreadPoolExecutor

from tests.cluster.live_shop import ApiClient, LiveShop

BUYERS = 50


def test_the_last_copy_is_sold_once(live_shop: LiveShop) -> None:
    ana = ApiClient(live_shop, "ana")
    listing = ana.offer("El último ejemplar", "12.50", copies=1)
    with ThreadPoolExecutor(8) as pool:
        buyers = list(pool.map(lambda n: ApiClient(live_shop, f"buyer{n}"), range(BUYERS)))
    for buyer in buyers:
        buyer.delivery()

    start = threading.Barrier(BUYERS)

    def buy(buyer: ApiClient) -> tuple[int, str]:
        start.wait()
        answer = buyer.place_order(listing, key="the-last-copy")
        return answer.status_code, answer.json().get("code", answer.json().get("reference"))

    with ThreadPoolExecutor(BUYERS) as pool:
        answers = list(pool.map(buy, buyers))

    statuses = [status for status, _ in answers]
    assert statuses.count(201) == 1
    assert [code for status, code in answers if status != 201] == ["out_of_stock"] * (BUYERS - 1)

    winner = statuses.index(201)
    paid = buyers[winner].pay(answers[winner][1], key="pay-the-last-copy")
    assert paid.status_code == 201
    assert paid.json()["status"] == "captured"
    listing_now = ana.http.get(f"/catalog/listings/{listing}").json()
    assert tuple(listing_now[f"copies_{state}"] for state in ("available", "held", "sold")) == (0, 0, 1)

    audit = live_shop.run("audit")
    assert audit.returncode == 0, audit.stdout
