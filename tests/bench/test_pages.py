"""The benchmark of pages measures every page, and no page asks the database more often than is stated here."""

import pytest
from bench.pages import Asked, Cost, Visitor, measure
from bench.shop import stocked_shop

# Statements of one request; those of a purchase are of all its steps, from the reservation to the capture.
AT_MOST = {
    "home": 8,
    "browse": 4,
    "search": 4,
    "book": 4,
    "login form": 0,
    "listing (API)": 2,
    "search (API)": 4,
    "order and payment (API)": 60,
}


@pytest.fixture(scope="module")
def costs() -> dict[str, Cost]:
    with stocked_shop() as shop:
        return {cost.name: cost for cost in measure(shop, batches=2, calls=2)}


def test_every_page_has_a_cost(costs: dict[str, Cost]) -> None:
    assert list(costs) == list(AT_MOST)
    assert all(cost.milliseconds > 0 and cost.size > 0 for cost in costs.values())


@pytest.mark.parametrize("name", AT_MOST)
def test_no_page_asks_the_database_more_often_than_it_must(name: str, costs: dict[str, Cost]) -> None:
    assert costs[name].statements <= AT_MOST[name]


def test_only_a_purchase_commits_and_no_more_often_than_it_must(costs: dict[str, Cost]) -> None:
    commits = {name: cost.commits for name, cost in costs.items() if cost.commits}
    assert commits.keys() == {"order and payment (API)"}
    assert commits["order and payment (API)"] <= 12


def test_a_page_that_fails_is_no_cost() -> None:
    with stocked_shop() as shop, pytest.raises(AssertionError, match="404"):
        Visitor(shop).ask(Asked(method="GET", path="/books/999999999"))
