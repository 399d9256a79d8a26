"""JSON that is legal and that no program can hold is the client's mistake, at every service."""

import pytest
from flask import Flask

from tests.people import Person

UNREADABLE = {
    "nested too deep": "[" * 100_000,
    "a number of too many digits": '{"name": %s}' % ("9" * 10_000),
    "no JSON": '{"name": ',
    "no UTF-8": b"\xff\xfe",
}
CALLS = ["/accounts/users", "/accounts/sessions", "/catalog/listings", "/orders"]


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_json_is_refused_with_a_reason(
    app: Flask, ana: Person, path: str, body: str | bytes
) -> None:
    headers = {"Authorization": f"Bearer {ana.api_token}", "Idempotency-Key": "unreadable"}
    answer = app.test_client().post(
        f"/api/v1{path}", data=body, content_type="application/json", headers=headers
    )

    assert answer.status_code == 400, answer.json
    assert answer.mimetype == "application/problem+json"
    assert answer.json is not None
    assert answer.json["code"] == "bad_request"
    assert answer.json["errors"] == [{"field": "json", "message": "Invalid JSON body."}]
