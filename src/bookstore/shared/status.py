"""What a service says about itself on the status page: plain values, which may come from a neighbor."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bookstore.shared import migrations, replicas
from bookstore.shared.clock import utcnow
from bookstore.shared.database import Database
from bookstore.shared.process import Process
from bookstore.shared.queues import Queue
from bookstore.shared.replicas import ReplicaMixin

LAG_COLUMNS = ("Seconds_Behind_Source", "Seconds_Behind_Master")


def _no_facts() -> Mapping[str, bool]:
    return {}


@dataclass(frozen=True)
class Reporter:
    """How to ask a service in this process: its database, its replicas, its queues, and what else is so."""

    database: Database
    replicas: type[ReplicaMixin]
    queues: Callable[[Session], list[Queue]]
    facts: Callable[[], Mapping[str, bool]] = field(default=_no_facts)


def report(service: str, reporter: Reporter, process: Process) -> dict[str, Any]:
    """The service's part of the status page, or the code of what keeps it from telling."""
    about = {"service": service, "replica": process.replica, "topology": process.topology}
    built = {"version": process.version, "commit": process.commit}
    try:
        return about | built | _own_part(reporter)
    except SQLAlchemyError as error:
        return about | built | {"error": "database_unavailable", "detail": type(error).__name__}


def _own_part(reporter: Reporter) -> dict[str, Any]:
    database = reporter.database
    current, needed = migrations.current_revision(database), migrations.needed_revision(database)
    schema = {
        "current": current,
        "needed": needed,
        "is_current": migrations.suffices(current, needed),
    }
    part = {"schema": schema, "database": database_role(database)}
    if not schema["is_current"]:
        return part | {"error": "schema_behind"}
    with database.reading() as session:
        now = utcnow()
        lately = [_replica(row, now) for row in replicas.seen_lately(session, reporter.replicas)]
        queues = [_queue(queue, now) for queue in reporter.queues(session)]
    return part | {"replicas": lately, "queues": queues, "facts": dict(reporter.facts())}


def database_role(database: Database) -> dict[str, Any]:
    """`embedded`, `primary`, or `replica` with its lag in seconds when the server tells."""
    dialect = database.engine.dialect
    if dialect.name == "sqlite":
        return {"kind": "sqlite", "role": "embedded", "lag_seconds": None}
    with database.reading() as session:
        read_only = bool(session.scalar(text("SELECT @@global.read_only")))
        role = "replica" if read_only else "primary"
        # Our driver is called "mysql" for both; which one it is shows when it has connected.
        kind = "mariadb" if getattr(dialect, "is_mariadb", False) else "mysql"
        return {"kind": kind, "role": role, "lag_seconds": _lag(session) if read_only else None}


def _lag(session: Session) -> int | None:
    try:
        row = session.execute(text("SHOW REPLICA STATUS")).mappings().first()
    except SQLAlchemyError:
        return None  # the shop's user may not ask; that the server is read-only is known anyway
    behind = (row[name] for name in LAG_COLUMNS if row is not None and row.get(name) is not None)
    return next(behind, None)


def _replica(row: ReplicaMixin, now: datetime) -> dict[str, Any]:
    return {
        "name": row.name,
        "services": row.services.split(","),
        "version": row.version,
        "commit": row.built_from,
        "started_at": row.started_at.isoformat(),
        "seen_seconds_ago": round(max(0.0, (now - row.seen_at).total_seconds()), 1),
    }


def _queue(queue: Queue, now: datetime) -> dict[str, Any]:
    return {"name": queue.name, "length": queue.length, "oldest_seconds": queue.age_seconds(now)}
