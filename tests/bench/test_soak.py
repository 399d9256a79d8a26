"""Memory is fitted over time, for each worker that was there to the end, once it has settled."""

from collections import Counter

import pytest
from bench.soak import Look, fitted


def looks(growth: float) -> list[Look]:
    """Ten looks in an hour: the first two while caches fill."""
    settling = [Look(0.0, {1: 50.0}, {1: 5}), Look(0.1, {1: 90.0}, {1: 20})]
    return settling + [
        Look(hours / 10, {1: 100 + growth * hours / 10}, {1: 20 + hours}) for hours in range(2, 10)
    ]


def test_the_slope_is_that_after_the_settling() -> None:
    done = fitted(looks(0.5), 0.2, 1000, Counter())
    assert done.slopes == {1: pytest.approx(0.5)}
    assert done.files == {1: (22, 29)}
    assert done.course == {1: [50.0, 90.0, *(pytest.approx(100 + 0.05 * tenths) for tenths in (3, 5, 7, 9))]}
    assert done.is_flat


def test_a_megabyte_in_an_hour_is_too_much() -> None:
    assert not fitted(looks(1.01), 0.2, 1000, Counter()).is_flat


def test_a_worker_that_did_not_last_is_not_fitted() -> None:
    told = looks(0.5)
    told[-1] = Look(0.9, {2: 70.0}, {2: 5})
    done = fitted(told, 0.2, 1000, Counter())
    assert done.slopes == {}
    assert not done.is_flat
