"""The benchmark of searches asks what it says, of books that are the same in every run."""

import itertools

import pytest
from bench.books import VOCABULARY, generated, word
from bench.search import KINDS, Figures, drawn, measure


@pytest.fixture(scope="module")
def figures() -> Figures:
    return measure(books=3_000, queries=20)


def test_books_are_the_same_in_every_run_and_a_smaller_catalog_is_the_beginning_of_a_larger_one() -> None:
    assert list(generated(50)) == list(itertools.islice(generated(5_000), 50))


def test_no_two_words_are_alike() -> None:
    assert len({word(rank) for rank in range(VOCABULARY)}) == VOCABULARY


def test_queries_are_the_same_in_every_run() -> None:
    assert [list(drawn(kind, 5)) for kind in KINDS] == [list(drawn(kind, 5)) for kind in KINDS]


def test_every_kind_of_query_is_measured(figures: Figures) -> None:
    assert [timing.kind for timing in figures.timings] == list(KINDS)
    assert all(0 < timing.p50 <= timing.p95 for timing in figures.timings)


@pytest.mark.parametrize(
    "kind", ["medium", "common", "prefix", "misspelled", "filtered, cheapest", "all, newest"]
)
def test_queries_find_books(kind: str, figures: Figures) -> None:
    [found] = [timing.found for timing in figures.timings if timing.kind == kind]
    assert found >= 0.5


def test_what_an_index_takes_is_measured(figures: Figures) -> None:
    assert figures.books == 3_000
    assert min(figures.build, figures.start, figures.change, figures.disk) > 0
