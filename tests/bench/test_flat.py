"""A large shop is compared with the first of the sizes, page by page."""

from dataclasses import replace

import pytest
from bench.flat import Sized, flat_lines, worst_ratio
from bench.sustained import Trial

TRIAL = Trial(
    rate=30.0,
    counted_seconds=20.0,
    requests=600,
    right=30.0,
    errors={},
    p50=5.0,
    p95=8.0,
    p99=9.0,
    p999=9.0,
    generator=0.02,
    body_bytes=100,
)
SMALL = Sized(10_000, {"browse": TRIAL, "book": replace(TRIAL, p95=4.0)}, megabytes=120.0)


def test_the_page_that_grew_most_counts() -> None:
    large = Sized(1_000_000, {"browse": replace(TRIAL, p95=7.0), "book": replace(TRIAL, p95=6.0)}, 121.0)
    assert worst_ratio([SMALL, large]) == 1.5
    lines = list(flat_lines([SMALL, large]))
    assert " 1,000,000 book           5.0     6.0   1.50" in lines
    assert lines[-1] == "the worst ratio is 1.50; the aim is 1.5"


@pytest.mark.parametrize("broken", [replace(TRIAL, p95=None), replace(TRIAL, errors={"status 500": 1})])
def test_a_page_that_does_not_come_is_not_fast(broken: Trial) -> None:
    large = Sized(1_000_000, {"browse": broken, "book": TRIAL}, megabytes=120.0)
    assert worst_ratio([SMALL, large]) == float("inf")
