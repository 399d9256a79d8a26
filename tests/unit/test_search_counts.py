"""Counts of large results are kept for some seconds, those of others are counted each time."""

import pytest

from bookstore.catalog.search_counts import LARGE, SECONDS_KEPT, FacetCounts, KeptCounts


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Shop:
    """Whose books in Spanish become one more each time that they are counted."""

    def __init__(self) -> None:
        self.spanish = 0

    def count(self) -> FacetCounts:
        self.spanish += 1
        return FacetCounts({"language": {"es": self.spanish}}, [])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept(clock: Clock) -> KeptCounts:
    return KeptCounts(clock)


def spanish(kept: KeptCounts, shop: Shop, asked: str, total: int) -> int:
    return kept.of(asked, total, shop.count).values["language"]["es"]


def test_a_large_result_is_counted_again_when_its_time_is_over(kept: KeptCounts, clock: Clock) -> None:
    shop = Shop()
    assert [spanish(kept, shop, "red", LARGE) for _ in range(3)] == [1, 1, 1]
    clock.now += SECONDS_KEPT - 0.1
    assert spanish(kept, shop, "red", LARGE + 1) == 1
    clock.now += 0.1
    assert spanish(kept, shop, "red", LARGE) == 2


def test_what_else_is_asked_has_counts_of_its_own(kept: KeptCounts) -> None:
    shop = Shop()
    assert [spanish(kept, shop, asked, LARGE) for asked in ("red", "blue", "red")] == [1, 2, 1]


def test_a_result_that_is_not_large_is_always_counted(kept: KeptCounts) -> None:
    shop = Shop()
    assert [spanish(kept, shop, "red", LARGE - 1) for _ in range(3)] == [1, 2, 3]
    # One that shrank is counted as well, whatever is kept of it.
    assert spanish(kept, shop, "red", LARGE) == 4
    assert spanish(kept, shop, "red", LARGE - 1) == 5


def test_memory_has_an_end(kept: KeptCounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bookstore.catalog.search_counts._MOST_KEPT", 2)
    shop = Shop()
    assert [spanish(kept, shop, asked, LARGE) for asked in ("red", "blue", "green", "red", "green")] == [
        1,
        2,
        3,
        4,
        3,
    ]
