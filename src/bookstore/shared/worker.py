"""Background jobs: small, repeatable, claimed in the database so that any number of workers may run."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bookstore.shared.telemetry import JOB_ITEMS, JOB_RUNS, log


@dataclass(frozen=True)
class Job:
    """Something to do again and again. `run` returns how many things it did."""

    name: str
    every_seconds: float
    run: Callable[[], int]


def run_once(jobs: Sequence[Job]) -> int:
    """Run each job one time and return how many things were done in all. Errors are logged, not raised."""
    return sum(_run(job) for job in jobs)


def run_until(stop: threading.Event, jobs: Sequence[Job]) -> None:
    """Run the jobs at their pace until told to stop."""
    due = {job.name: 0.0 for job in jobs}
    while not stop.is_set():
        for job in jobs:
            if time.monotonic() >= due[job.name] and not stop.is_set():
                _run(job)
                due[job.name] = time.monotonic() + job.every_seconds
        stop.wait(max(0.05, min(due.values(), default=1.0) - time.monotonic()))


def start_thread(jobs: Sequence[Job]) -> Callable[[], None]:
    """Run the jobs beside a server; the returned function stops them and waits for the current one."""
    stop = threading.Event()
    thread = threading.Thread(target=run_until, args=(stop, jobs), name="worker", daemon=True)
    thread.start()

    def finish() -> None:
        stop.set()
        thread.join(timeout=20)

    return finish


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
