"""An import is measured beside the bulk load, and is good when it is quick and disturbs nobody."""

from dataclasses import replace

import pytest
from bench.imports import Imported, import_lines

GOOD = Imported(rows=1_000, seconds=10.0, bulk_seconds=2.0, found_after=3.0, asked=[0.01, 0.02], failures=[])


@pytest.mark.parametrize("bad", [replace(GOOD, seconds=10.1), replace(GOOD, failures=["status 503"])])
def test_an_import_that_is_slow_or_disturbs_is_not_good(bad: Imported) -> None:
    assert GOOD.is_good
    assert not bad.is_good


def test_the_figures_are_told() -> None:
    assert list(import_lines(GOOD)) == [
        "1,000 books in 10.0 s: 100 a second",
        "the database's own bulk load of them: 2.0 s; 5.0 times as long",
        "the last one was found by search 3.0 s later",
        "2 searches meanwhile, p95 20 ms, wrong: none",
    ]
