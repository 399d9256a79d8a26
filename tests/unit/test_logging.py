import json

import pytest
from flask import Flask

from bookstore.shared.telemetry import log, observe_requests


def fail_with_secret() -> None:
    password = "hunter2 hunter2"  # noqa: F841 (it is there to be left out)
    raise RuntimeError("broken")


def test_the_secret_in_the_link_to_a_new_password_is_not_logged(log_printed):
    app = Flask(__name__)
    observe_requests(app)
    logged = log_printed("json")
    for path in ("/accounts/reset/hunter2", "/accounts/reset/hunter2/", "/accounts/reset"):
        app.test_client().get(path)
    lines = [json.loads(line) for line in logged().splitlines()]
    paths = [line["path"] for line in lines if line["event"] == "request"]
    assert paths == ["/accounts/reset/...", "/accounts/reset/...", "/accounts/reset"]


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
