"""The signs of life that every process gives: its row among the replicas, and the lengths of its queues."""

from bookstore.shared import replicas
from bookstore.shared.clock import utcnow
from bookstore.shared.process import Process
from bookstore.shared.replicas import BEAT_SECONDS
from bookstore.shared.status import Reporter
from bookstore.shared.telemetry import FACTS, QUEUE_LENGTH, QUEUE_OLDEST
from bookstore.shared.worker import Job


def vital_signs(service: str, reporter: Reporter, process: Process) -> Job:
    """The job that shows how a service of this process does; it counts as having done nothing."""

    def give() -> int:
        replicas.beat(reporter.database, reporter.replicas, process)
        measure(service, reporter)
        return 0

    return Job(f"{service}-vital-signs", BEAT_SECONDS, give)


def measure(service: str, reporter: Reporter) -> None:
    """Bring the gauges of a service's queues and facts up to date."""
    with reporter.database.reading() as session:
        queues = reporter.queues(session)
    now = utcnow()
    for queue in queues:
        QUEUE_LENGTH.labels(service, queue.name).set(queue.length)
        QUEUE_OLDEST.labels(service, queue.name).set(queue.age_seconds(now) or 0)
    for name, value in reporter.facts().items():
        FACTS.labels(service, name).set(int(value))
