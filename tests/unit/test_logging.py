import json
import logging

import pytest
import structlog

from bookstore.shared.telemetry import configure_logging, log


@pytest.fixture(autouse=True)
def _logging_as_it_was():
    """The handler writes to the output of this test, which ends with it."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def fail_with_secret() -> None:
    password = "hunter2 hunter2"  # noqa: F841 (it is there to be left out)
    raise RuntimeError("broken")


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_an_error_is_logged_without_the_values_of_variables(log_format, capsys):
    configure_logging(log_format, "INFO")
    try:
        fail_with_secret()
    except RuntimeError:
        log.exception("it failed", order="BS-1")
    printed = capsys.readouterr().out
    assert "it failed" in printed
    assert "RuntimeError" in printed
    assert "hunter2" not in printed
    if log_format == "json":
        assert json.loads(printed)["order"] == "BS-1"
