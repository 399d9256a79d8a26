"""What other services ask of accounts, over HTTP."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
import time_machine

from bookstore.shared.accounts_client import HttpAccounts
from bookstore.shared.errors import AccountsUnavailable
from bookstore.shared.identity import SessionEnded, TokenVerifier
from bookstore.shared.neighbor import Neighbor
from tests.people import join
from tests.service.accounts.conftest import SERVICE_TOKEN

MORNING = datetime(2030, 5, 4, 9, 0, tzinfo=UTC)


def client_of(app, token=SERVICE_TOKEN):
    return HttpAccounts(Neighbor("accounts", "http://accounts", token, transport=httpx.WSGITransport(app)))


def test_another_service_verifies_and_renews_over_http(app):
    with time_machine.travel(MORNING, tick=False) as clock:
        ana = join(app, "Ana Sells", "ana@example.com")
        neighbor = client_of(app)
        assert TokenVerifier(neighbor).verify(ana.api_token).user_id == ana.user_id
        clock.shift(timedelta(hours=1))
        assert TokenVerifier(neighbor).verify(neighbor.renew(ana.api_token)).user_id == ana.user_id


def test_a_session_that_ended_is_not_renewed_over_http(app, ana):
    ana.api("DELETE", "/accounts/sessions/current")
    with pytest.raises(SessionEnded):
        client_of(app).renew(ana.api_token)


@pytest.mark.parametrize("credential", ["", "wrong", SERVICE_TOKEN + "x"])
def test_renewals_are_for_services_only(app, ana, credential):
    headers = {"Authorization": f"Bearer {credential}"} if credential else {}
    answer = app.test_client().post(
        "/internal/accounts/renewals", json={"token": ana.api_token}, headers=headers
    )
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")
    assert "access_token" not in answer.json
    if credential:
        with pytest.raises(AccountsUnavailable):
            client_of(app, credential).renew(ana.api_token)


def test_a_user_is_no_service(app, ana, ada):
    for person in (ana, ada):
        answer = app.test_client().post(
            "/internal/accounts/renewals",
            json={"token": ana.api_token},
            headers={"Authorization": f"Bearer {person.api_token}"},
        )
        assert answer.status_code == 403


@pytest.mark.parametrize("body", [{}, {"token": 1}, {"token": None}, [], "x", 7])
def test_a_wrong_body_is_refused(app, body):
    answer = app.test_client().post(
        "/internal/accounts/renewals", json=body, headers={"Authorization": f"Bearer {SERVICE_TOKEN}"}
    )
    assert answer.status_code == 400
