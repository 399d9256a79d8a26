"""The id of the trace that a piece of work belongs to, where there are traces."""


def current_trace_id() -> str | None:
    """The trace of what runs now, as 32 hexadecimal digits; None without tracing."""
    try:
        from opentelemetry import trace
    except ImportError:  # nobody has installed OpenTelemetry
        return None
    context = trace.get_current_span().get_span_context()
    return str(trace.format_trace_id(context.trace_id)) if context.is_valid else None
