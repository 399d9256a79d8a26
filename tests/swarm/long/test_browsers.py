"""First, while the shop is new: people with a browser do on five nodes all that they do elsewhere."""

from tests.swarm.browsers import browse_through
from tests.swarm.running_lab import RunningLab


def test_people_with_a_browser_do_all_that_they_do_elsewhere(monolith: RunningLab) -> None:
    assert browse_through(monolith) > 30
