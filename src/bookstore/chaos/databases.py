"""The database server of the lab: slow, or away; and the books of the payment sandbox, held back."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from bookstore.chaos.game_day import Scene
from bookstore.chaos.on_the_lab import lab_of
from bookstore.deploying.errors import CommandFailed
from bookstore.lab import database, programs

# The server stands still for the first of these, and works for the second, again and again.
STALL_SECONDS, WORK_SECONDS = 0.25, 0.25
# Some rounds of these: on a fast machine many questions are answered before the first stall.
WATCHED_SECONDS = 4 * (STALL_SECONDS + WORK_SECONDS)
READ_ONLY_SECONDS, AWAY_SECONDS = 3, 7
# A payment asks the gateway twice, and each time waits for the rest of this.
LATE_SECONDS, PAUSE_SECONDS = 2.0, 0.2


@contextmanager
def slow_database(scene: Scene) -> Iterator[None]:
    """The server is stopped and continued all the time, as by a machine or a disk that is too small."""
    pid = programs.running(lab_of(scene).plan.state, database.NAME)
    assert pid is not None, "a shop that is whole has a database"
    usual = _longest_answer()

    def stall() -> None:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(STALL_SECONDS)
        os.kill(pid, signal.SIGCONT)

    try:
        with _again_and_again(stall, WORK_SECONDS):
            slow = _longest_answer()
            is_slow = slow > STALL_SECONDS / 2
            scene.saw(
                f"answers of the database take up to {_ms(slow)} instead of {_ms(usual)}", holds=is_slow
            )
            yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def database_failover(scene: Scene) -> Iterator[None]:
    """The server takes no changes any more, dies, and another one takes over its disk at the same address."""
    plan = lab_of(scene).plan
    try:
        database.ask("SET GLOBAL read_only = ON")
        scene.saw(f"the database takes no changes for {READ_ONLY_SECONDS} s")
        time.sleep(READ_ONLY_SECONDS)
        programs.stop(plan.state, database.NAME, signal.SIGKILL)
        scene.saw(f"the database is killed; for {AWAY_SECONDS} s nobody listens at its address")
        time.sleep(AWAY_SECONDS)
        yield
    finally:
        database.start(plan)
        database.ask("SET GLOBAL read_only = OFF")
        scene.saw("a server answers at the same address, with what the one before had written")


@contextmanager
def slow_payments(scene: Scene) -> Iterator[None]:
    """The books of the payment sandbox are locked all the time, so that it answers late, as a gateway may."""
    schema = lab_of(scene).schema("orders")
    lock = f"LOCK TABLES {schema}.gateway_answers WRITE; DO SLEEP({LATE_SECONDS}); UNLOCK TABLES"

    def hold_back() -> None:
        # Who has lost the database loses the lock with it.
        with suppress(CommandFailed):
            database.ask(lock)

    before, began = len(scene.load.paid), scene.load.now()
    with _again_and_again(hold_back, PAUSE_SECONDS):
        scene.saw(f"the payment sandbox answers up to {LATE_SECONDS:.0f} s late, twice for each payment")
        yield
    took, paid = scene.load.now() - began, len(scene.load.paid) - before
    scene.saw(f"{paid} orders were paid in these {took:.0f} s all the same", holds=paid > 0)


@contextmanager
def _again_and_again(work: Callable[[], None], pause: float) -> Iterator[None]:
    """Work in the background with pauses between; what was begun at the end is finished first."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(pause):
            work()

    thread = threading.Thread(target=repeat, name="trouble")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _longest_answer() -> float:
    """Seconds that the slowest of all questions took that were asked for a while."""
    slowest, ends_at = 0.0, time.monotonic() + WATCHED_SECONDS
    while (began := time.monotonic()) < ends_at:
        database.ask("SELECT 1")
        slowest = max(slowest, time.monotonic() - began)
    return slowest


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
