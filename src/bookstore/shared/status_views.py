"""The status page for admins, the same as JSON, and this process's part of it for its neighbors."""

from typing import Any

from flask import Blueprint, Flask, current_app, jsonify, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bookstore.shared import neighbor
from bookstore.shared.access import Audience, audience
from bookstore.shared.edge import policy
from bookstore.shared.status import Reporter, report
from bookstore.shared.status_neighbors import Neighbors

# Those that are asked for the status page; `neighbor.EXTENSION` has those that are asked for everything else.
EXTENSION = "bookstore.status_neighbors"
NEIGHBOR_FIELDS = ("service", "url", "answers", "latency_ms", "error", "circuit")

pages = Blueprint("status", __name__)


def install(app: Flask, neighbors: Neighbors) -> None:
    app.extensions[EXTENSION] = neighbors
    app.register_blueprint(pages)


def reporters(app: Flask) -> dict[str, Reporter]:
    """The services of this process that have something to tell, by name."""
    found: dict[str, Reporter] = app.extensions["bookstore.status"]
    return found


def report_status(app: Flask, service: str, reporter: Reporter) -> None:
    """The status page shows this service."""
    reporters(app)[service] = reporter


@pages.get("/status")
@audience(Audience.ADMIN)
def show_status() -> ResponseReturnValue:
    """How all services do, as seen from the process that answers."""
    return render_template(
        "status.html",
        status=_status(),
        queue_names=_queue_names(),
        fact_names={"search_ready": gettext("The search index answers")},
        circuits=_circuit_names(),
        errors={
            "database_unavailable": gettext("The database does not answer."),
            "schema_behind": gettext("The database has to be migrated: bookstore migrate"),
        },
    )


@pages.get("/api/v1/status")
@audience(Audience.ADMIN)
def show_status_as_json() -> ResponseReturnValue:
    """The same for programs."""
    return jsonify(_status())


@pages.get("/internal/status")
@audience(Audience.SERVICES)
def show_own_part() -> ResponseReturnValue:
    """The services of this process alone; asking a neighbor must not make it ask us."""
    return jsonify(services=_own_parts())


def _status() -> dict[str, Any]:
    """The circuit is None for a neighbor that this process only asks for the status page."""
    circuits = {health.name: health.circuit for health in neighbor.health()}
    neighbors = [seen | {"circuit": circuits.get(seen["service"])} for seen in _look()]
    parts = _own_parts() + [seen["part"] for seen in neighbors if seen["part"]]
    process = policy().process
    return {
        "answered_by": {"services": list(process.services), "replica": process.replica},
        "topology": process.topology,
        "services": sorted(parts, key=lambda part: part["service"]),
        "neighbors": [{name: seen.get(name) for name in NEIGHBOR_FIELDS} for seen in neighbors],
    }


def _look() -> list[dict[str, Any]]:
    neighbors: Neighbors = current_app.extensions[EXTENSION]
    return neighbors.look()


def _own_parts() -> list[dict[str, Any]]:
    process = policy().process
    return [report(service, told, process) for service, told in reporters(current_app).items()]


def _queue_names() -> dict[str, str]:
    return {
        "mails": gettext("Mails to send"),
        "mails_given_up": gettext("Mails given up"),
        "reservations": gettext("Reservations held"),
        "reserved_copies": gettext("Copies held"),
        "search_changes": gettext("Changes that the search index has not followed"),
        "payments_moving": gettext("Payments between two steps"),
        "copies_returning": gettext("Orders whose copies go back"),
        "orders_overdue": gettext("Unpaid orders past their time"),
    }


def _circuit_names() -> dict[str, str]:
    return {
        "closed": gettext("closed: it is called"),
        "half_open": gettext("half open: one call tries"),
        "open": gettext("open: it is left alone"),
    }
