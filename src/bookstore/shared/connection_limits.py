"""Whether a database server takes as many connections as the replicas of the shop may keep."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Engine, text
from sqlalchemy.pool import QueuePool

from bookstore.shared.replicas import seen_lately
from bookstore.shared.status import Reporter
from bookstore.shared.telemetry import log

# Of workers, backups, and whoever looks after the server.
FOR_OTHERS = 10


@dataclass(frozen=True)
class Connections:
    """What the replicas of one address may keep in all, and what its server takes."""

    replicas: int
    kept: int
    taken: int

    @property
    def suffice(self) -> bool:
        return self.kept + FOR_OTHERS <= self.taken


def warn_of_few(reporters: Iterable[Reporter], own_replica: str, workers: int) -> None:
    """Say so in the log before buyers are told that the database is away."""
    for found in count(reporters, own_replica, workers):
        if not found.suffice:
            log.warning(
                "the database server takes fewer connections than the replicas may keep: "
                "raise its max_connections, or lower BOOKSTORE_THREADS or BOOKSTORE_WORKERS",
                replicas=found.replicas,
                kept=found.kept,
                max_connections=found.taken,
            )


def count(reporters: Iterable[Reporter], own_replica: str, workers: int) -> list[Connections]:
    """For each address of a database server; other replicas are taken to be as this one."""
    by_engine: dict[Engine, list[Reporter]] = {}
    for reporter in reporters:
        by_engine.setdefault(reporter.database.engine, []).append(reporter)
    return [
        _count(engine, sharing, own_replica, workers)
        for engine, sharing in by_engine.items()
        if engine.dialect.name in {"mysql", "mariadb"}
    ]


def _count(engine: Engine, sharing: list[Reporter], own_replica: str, workers: int) -> Connections:
    replicas = {own_replica}
    with sharing[0].database.reading() as session:
        taken = session.scalar(text("SELECT @@max_connections"))
        for reporter in sharing:
            replicas |= {row.name for row in seen_lately(session, reporter.replicas)}
    assert isinstance(engine.pool, QueuePool)
    return Connections(len(replicas), len(replicas) * workers * engine.pool.size(), int(taken or 0))
