"""Traces: who asked whom on behalf of one request, and how long each took. Off without a collector's address.

Each app has a tracer provider of its own, so that several shops in one process do not mix their traces.
The module can be imported without OpenTelemetry, which is an extra.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from threading import Thread
from typing import TYPE_CHECKING, Any

from bookstore.shared.telemetry import SECRETS_AFTER
from bookstore.shared.worker import Job

if TYPE_CHECKING:
    import httpx
    from flask import Flask
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

# Sending happens beside the requests. What a collector does not take within this time is dropped.
EXPORT_SECONDS = 1.0
BATCH_SECONDS = 1.0
CLOSE_SECONDS = 2.0
# Machines ask for the first three every few seconds.
UNTRACED = f"/livez$,/readyz$,/metrics$,{SECRETS_AFTER}"

# The tracer of the app whose request or job runs here.
_tracer: "ContextVar[Tracer | None]" = ContextVar("bookstore_tracer", default=None)


class MissingTracing(Exception):
    """Traces are wanted, but OpenTelemetry is not installed."""


@dataclass(frozen=True)
class Tracing:
    """The traces of one app."""

    provider: "TracerProvider"

    def watch(self, app: "Flask") -> None:
        """Make each request to this app a span. What is added to the app later is part of it."""
        from opentelemetry.instrumentation.flask import FlaskInstrumentor

        FlaskInstrumentor.instrument_app(  # type: ignore[no-untyped-call]
            app, tracer_provider=self.provider, excluded_urls=UNTRACED
        )
        inner = app.wsgi_app

        def traced(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            with self._here():
                return inner(environ, start_response)

        app.wsgi_app = traced  # type: ignore[method-assign]

    def follow(self, client: "httpx.Client") -> None:
        """Make each call of this client a span, and tell the one who is called about it."""
        from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

        HTTPXClientInstrumentor.instrument_client(client, tracer_provider=self.provider)

    def known_to(self, job: Job) -> Job:
        """The job, whose steps are spans. Its idle runs are none: they would be most of all traces."""

        def run() -> int:
            with self._here():
                return job.run()

        return replace(job, run=run)

    def close(self) -> None:
        """Send what is left, as far as the collector takes it in time."""
        # The provider itself would wait for half a minute; a daemon keeps no process from ending.
        ending = Thread(target=self.provider.shutdown, name="last traces", daemon=True)
        ending.start()
        ending.join(CLOSE_SECONDS)

    @contextmanager
    def _here(self) -> Iterator[None]:
        token = _tracer.set(self.provider.get_tracer("bookstore"))
        try:
            yield
        finally:
            _tracer.reset(token)


def start_tracing(collector: str, services: Sequence[str]) -> Tracing:
    """Send traces to the OTLP collector at this address. Raises MissingTracing without the extra.

    A thread does the sending, so this must be called in the process that serves, after any fork.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise MissingTracing("traces need the extra: pip install 'bookstore[tracing]'") from error
    resource = Resource.create({SERVICE_NAME: f"bookstore-{'-'.join(services)}"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(f"{collector.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=BATCH_SECONDS * 1000))
    return Tracing(provider)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Show what happens in here as a span of this name, where there are traces."""
    tracer = _tracer.get()
    if tracer is None:
        yield
        return
    with tracer.start_as_current_span(name):
        yield


@contextmanager
def continued(trace_id: str | None) -> Iterator[None]:
    """Count what happens in here to a trace that was begun elsewhere, if it had one and there are traces."""
    if _tracer.get() is None or trace_id is None:
        yield
        return
    from opentelemetry import trace

    number = int(trace_id, 16)
    # Only the trace was noted. Its lower half stands for the span that nobody knows any more.
    parent = trace.SpanContext(number, number % 2**64 or 1, is_remote=True, trace_flags=trace.TraceFlags(1))
    with trace.use_span(trace.NonRecordingSpan(parent)):
        yield
