"""A turn of the server's loop lets in several of those who are at the door, but not more than there is room for."""

import pytest
from gunicorn.workers.gthread import ThreadWorker

from bookstore.wsgi import AT_ONCE, Worker


class Door:
    """So many people wait at it."""

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting

    def let_in(self, worker: ThreadWorker) -> None:
        if self.waiting:
            self.waiting -= 1
            worker.nr_conns += 1


@pytest.mark.parametrize(
    ("at_the_door", "inside", "room", "let_in"), [(40, 0, 1000, AT_ONCE), (3, 0, 1000, 3), (40, 5, 10, 5)]
)
def test_one_turn_lets_in_several(
    monkeypatch: pytest.MonkeyPatch, at_the_door: int, inside: int, room: int, let_in: int
) -> None:
    monkeypatch.setattr(ThreadWorker, "accept", lambda worker, door: door.let_in(worker))
    worker = Worker.__new__(Worker)
    worker.nr_conns, worker.worker_connections = inside, room
    door = Door(at_the_door)

    worker.accept(door)

    assert (worker.nr_conns - inside, at_the_door - door.waiting) == (let_in, let_in)
