"""Structured logs with request and user id, and the metrics that operators watch."""

import logging
import re
import sys
import time
import uuid

import structlog
from flask import Flask, Response, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
    start_http_server,
)
from prometheus_client.values import MultiProcessValue, ValueClass

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# What follows in a path is a secret: whoever reads the link to a new password can set one.
SECRETS_AFTER = "/accounts/reset/"

# What those ask for, again and again, who look after the servers.
OPERATORS_ROUTES = frozenset({"/livez", "/readyz", "/metrics"})

REQUESTS = Histogram(
    "bookstore_request_seconds",
    "Time to answer a request, by route",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
IN_FLIGHT = Gauge("bookstore_requests_in_flight", "Requests being answered now", multiprocess_mode="livesum")
REFUSED = Counter(
    "bookstore_requests_refused_total", "Requests refused because they had waited too long for a thread"
)
JOB_RUNS = Counter("bookstore_job_runs_total", "Runs of background jobs", ["job", "outcome"])
JOB_ITEMS = Counter("bookstore_job_items_total", "Things that background jobs have done", ["job"])
QUEUE_LENGTH = Gauge(
    "bookstore_queue_length",
    "Things that wait, by queue",
    ["service", "queue"],
    multiprocess_mode="livemostrecent",
)
QUEUE_OLDEST = Gauge(
    "bookstore_queue_oldest_seconds",
    "Age of the oldest thing that waits, by queue; 0 when nothing does",
    ["service", "queue"],
    multiprocess_mode="livemostrecent",
)
FACTS = Gauge(
    "bookstore_fact",
    "1 when it is so: search_ready means that the search index of this replica answers",
    ["service", "fact"],
    multiprocess_mode="livemostrecent",
)

log: structlog.stdlib.BoundLogger = structlog.get_logger("bookstore")


def configure_logging(log_format: str, level: str) -> None:
    """One line of JSON per event on standard output, or colored text for a person at a terminal."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Local variables hold passwords and tokens; they stay out of the log.
    without_locals = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    tracebacks = structlog.processors.ExceptionRenderer(without_locals)
    last: list[structlog.typing.Processor]
    if log_format == "json":
        last = [tracebacks, structlog.processors.JSONRenderer()]
    else:
        last = [
            structlog.dev.ConsoleRenderer(
                colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "alembic", "PIL"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def observe_requests(app: Flask) -> None:
    """Give each request an id, a log line and a place in the metrics."""

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()
        g.request_id = _request_id()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)
        IN_FLIGHT.inc()
        g.in_flight = True

    @app.after_request
    def finish(response: Response) -> Response:
        seconds = time.perf_counter() - g.get("started", time.perf_counter())
        response.headers["X-Request-ID"] = g.get("request_id", "")
        route = request.url_rule.rule if request.url_rule else "(none)"
        REQUESTS.labels(request.method, route, response.status_code).observe(seconds)
        if route not in OPERATORS_ROUTES:
            log.info(
                "request",
                method=request.method,
                path=_path_without_secrets(),
                status=response.status_code,
                ms=round(seconds * 1000, 1),
                client=request.remote_addr,
            )
        return response

    @app.teardown_request
    def leave(error: BaseException | None) -> None:
        if g.pop("in_flight", False):
            IN_FLIGHT.dec()


def metrics_page() -> Response:
    """The metrics of all worker processes of this server."""
    if ValueClass is MultiProcessValue or ValueClass.__name__ == "MmapedValue":
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def serve_metrics(host: str, port: int) -> None:
    """Tell Prometheus about a process that serves no pages; not at port 0. Exits when it is taken."""
    if not port:
        return
    try:
        start_http_server(port, host)
    except OSError as error:
        sys.exit(f"Error: BOOKSTORE_METRICS_PORT {port}: {error.strerror}")


def _path_without_secrets() -> str:
    before, secret, _ = request.path.partition(SECRETS_AFTER)
    return f"{before}{secret}..." if secret else request.path


def _request_id() -> str:
    offered = request.headers.get("X-Request-ID", "")
    return offered if REQUEST_ID.fullmatch(offered) else uuid.uuid4().hex
