"""Something happens to the cluster while people buy, and nobody may notice."""

import os
import time
from collections.abc import Callable

from bookstore.chaos.load import Load
from tests.swarm.running_lab import RunningLab

# Requests in each second, of which a machine with two processors that has nothing else to do is capable.
RATE = int(os.environ.get("BOOKSTORE_TEST_RATE", "160"))
BEFORE_SECONDS = 3
AFTER_SECONDS = 5


def under_load(lab: RunningLab, what: str, event: Callable[[], object]) -> None:
    """Let it happen, wait until the shop is whole, print how it went, and prove that nothing was lost."""
    load = Load(lab.url, lab.authority, rate=RATE)
    with load:
        time.sleep(BEFORE_SECONDS)
        began = time.monotonic()
        event()
        happened = time.monotonic() - began
        whole = lab.wait_until_whole()
        time.sleep(AFTER_SECONDS)
    print(f"\n{what}: {load.summary()}; it took {happened:.0f} s, whole {whole:.0f} s after it")
    lab.assert_nothing_lost(load)


def wait_until(is_so: Callable[[], bool], seconds: float = 90) -> None:
    ends_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends_at, f"not so within {seconds} s"
        time.sleep(0.2)
