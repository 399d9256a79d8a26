import threading

from bookstore.shared.worker import Job, run_once, run_until


def failing() -> int:
    raise RuntimeError("broken")


def test_a_failing_job_does_not_end_the_others():
    done = []
    jobs = [Job("broken", 1, failing), Job("sound", 1, lambda: done.append(1) or 1)]
    assert run_once(jobs) == 1
    assert done == [1]


def test_jobs_run_again_until_told_to_stop():
    stop = threading.Event()
    runs = []

    def count() -> int:
        runs.append(1)
        if len(runs) == 3:
            stop.set()
        return 1

    run_until(stop, [Job("count", 0.01, count), Job("broken", 0.01, failing)])
    assert len(runs) == 3
