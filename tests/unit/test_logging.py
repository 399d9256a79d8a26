import json

import pytest

from bookstore.shared.telemetry import log


def fail_with_secret() -> None:
    password = "hunter2 hunter2"  # noqa: F841 (it is there to be left out)
    raise RuntimeError("broken")


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_an_error_is_logged_without_the_values_of_variables(log_format, log_printed):
    logged = log_printed(log_format)
    try:
        fail_with_secret()
    except RuntimeError:
        log.exception("it failed", order="BS-1")
    printed = logged()
    assert "it failed" in printed
    assert "RuntimeError" in printed
    assert "hunter2" not in printed
    if log_format == "json":
        assert json.loads(printed)["order"] == "BS-1"
