"""Background jobs: small, repeatable, claimed in the database so that any number of workers may run."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bookstore.shared.telemetry import JOB_ITEMS, JOB_RUNS, log


@dataclass(frozen=True)
class Job:
    """Something to do again and again. `run` returns how many things it did.

    What is `of_each_replica` concerns something that a replica has for itself: each does it, wherever
    the workers are that do the rest.
    """

    name: str
    every_seconds: float
    run: Callable[[], int]
    of_each_replica: bool = False


def run_once(jobs: Sequence[Job]) -> int:
    """Run each job one time and return how many things were done in all. Errors are logged, not raised."""
    return sum(_run(job) for job in jobs)


def run_until(stop: threading.Event, jobs: Sequence[Job]) -> None:
    """Run each job at its own pace, in its own thread, until told to stop; returns when all have ended.

    A long job (an index that is rebuilt) must not keep an order from being recovered.
    """
    threads = [
        threading.Thread(target=_repeat, args=(stop, job), name=f"job {job.name}", daemon=True)
        for job in jobs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def start_threads(jobs: Sequence[Job]) -> Callable[[], None]:
    """Run the jobs beside a server; the returned function stops them and waits for those that run."""
    stop = threading.Event()
    thread = threading.Thread(target=run_until, args=(stop, jobs), name="worker", daemon=True)
    thread.start()

    def finish() -> None:
        stop.set()
        thread.join(timeout=20)

    return finish


def _repeat(stop: threading.Event, job: Job) -> None:
    while not stop.is_set():
        started = time.monotonic()
        _run(job)
        stop.wait(max(0.01, job.every_seconds - (time.monotonic() - started)))


def _run(job: Job) -> int:
    try:
        done = job.run()
    except Exception:
        # A job that fails must not end the others; it is tried again at its next turn.
        JOB_RUNS.labels(job.name, "error").inc()
        log.exception("job failed", job=job.name)
        return 0
    JOB_RUNS.labels(job.name, "ok").inc()
    JOB_ITEMS.labels(job.name).inc(done)
    return done
