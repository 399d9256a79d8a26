import json

import pytest

from bookstore.shared.telemetry import configure_logging, log


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
