"""The trace id that is noted beside a step: that of the span that runs, if one does."""

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import format_trace_id

from bookstore.shared.trace_ids import current_trace_id


def test_without_a_trace_there_is_no_id() -> None:
    assert current_trace_id() is None


def test_within_a_trace_it_is_the_one_of_all_its_spans() -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    with tracer.start_as_current_span("request") as outer:
        expected = format_trace_id(outer.get_span_context().trace_id)
        assert current_trace_id() == expected
        with tracer.start_as_current_span("step"):
            assert current_trace_id() == expected
    assert len(expected) == 32
    assert current_trace_id() is None
