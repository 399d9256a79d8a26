"""Staying logged in, and being logged out at once in accounts."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from bookstore.accounts import sessions
from bookstore.accounts.models import User, UserSession
from bookstore.shared.identity import ExpiredToken, InvalidToken, SessionEnded, TokenVerifier
from bookstore.wiring import LocalAccounts
from tests.people import PASSWORD, join, log_in
from tests.service.accounts.rows import count, sessions_of, user_of

MORNING = datetime(2030, 5, 4, 9, 0, tzinfo=UTC)


def renew_by_api(app, token):
    return app.test_client().put(
        "/api/v1/accounts/sessions/current", headers={"Authorization": f"Bearer {token}"}
    )


def only_session(database):
    with database.reading() as session:
        return session.query(UserSession).one()


def identity_of(database, policy, token):
    return TokenVerifier(LocalAccounts(database, policy)).verify(token)


def test_a_token_says_who_is_asking(database, policy, ana):
    identity = identity_of(database, policy, ana.api_token)
    assert identity.user_id == ana.user_id
    assert (identity.name, identity.email, identity.locale) == ("Ana Sells", "ana@example.com", "en")
    assert identity.roles == {"user"}
    assert not identity.is_admin


def test_the_session_id_of_a_token_is_not_in_the_database(database, policy, ana):
    session_id = identity_of(database, policy, ana.api_token).session_id
    assert len(session_id) == 43  # 256 bits
    with database.reading() as session:
        kept = [row.fingerprint for row in session.query(UserSession)]
    assert session_id not in kept
    assert all(len(fingerprint) == 64 for fingerprint in kept)


def test_an_expired_token_is_exchanged_while_its_session_lives(app, database, policy):
    with time_machine.travel(MORNING, tick=False) as clock:
        ana = join(app, "Ana Sells", "ana@example.com")
        clock.shift(timedelta(days=13))
        with pytest.raises(ExpiredToken):
            identity_of(database, policy, ana.api_token)
        answer = renew_by_api(app, ana.api_token)
        assert answer.status_code == 200
        assert answer.json["expires_at"] == "2030-05-17T09:05:00+00:00"
        assert identity_of(database, policy, answer.json["access_token"]).user_id == ana.user_id
        clock.shift(timedelta(days=13))
        assert renew_by_api(app, answer.json["access_token"]).status_code == 200


def test_a_session_that_is_not_used_ends(app, database):
    with time_machine.travel(MORNING, tick=False) as clock:
        ana = join(app, "Ana Sells", "ana@example.com")
        clock.shift(timedelta(days=14))
        answer = renew_by_api(app, ana.api_token)
        assert (answer.status_code, answer.json["code"]) == (401, "invalid_token")
        page = ana.get("/accounts/profile")
        assert page.status_code == 302
        assert page.headers["Location"] == "/accounts/login?next=/accounts/profile"
        assert ana.browser.get_cookie("bookstore_token") is None


def test_the_browser_stays_logged_in_past_the_life_of_a_token(app):
    with time_machine.travel(MORNING, tick=False) as clock:
        ana = join(app, "Ana Sells", "ana@example.com")
        old = ana.browser.get_cookie("bookstore_token").value
        clock.shift(timedelta(hours=1))
        assert ana.get("/accounts/profile").status_code == 200
        assert ana.browser.get_cookie("bookstore_token").value != old


def test_a_renewed_token_tells_the_current_name_and_roles(app, database, policy, ana):
    with database.writing() as session, session.begin():
        user = session.get(User, ana.user_id)
        user.rename("Ana Renamed")
        user.make_admin()
        user.locale = "es"
    token = renew_by_api(app, ana.api_token).json["access_token"]
    identity = identity_of(database, policy, token)
    assert (identity.name, identity.locale, identity.is_admin) == ("Ana Renamed", "es", True)


def test_use_is_noticed_once_a_minute(app, database, policy):
    with time_machine.travel(MORNING, tick=False) as clock:
        join(app, "Ana Sells", "ana@example.com")
        with database.writing() as session:
            token = sessions.log_in(
                session, policy, "ana@example.com", PASSWORD, sessions.Device("10.0.0.1")
            ).token.text
            sessions.end_other_sessions(
                session,
                user_of(database, "ana@example.com").id,
                identity_of(database, policy, token).session_id,
            )
        clock.shift(59)
        renew_by_api(app, token)
        assert only_session(database).last_seen_at == MORNING
        clock.shift(1)
        renew_by_api(app, token)
        kept = only_session(database)
        assert kept.last_seen_at == MORNING + timedelta(minutes=1)
        assert kept.expires_at == MORNING + timedelta(minutes=1, days=14)


def test_logging_out_ends_the_session_and_its_renewals(app, database, policy, ana):
    stolen = ana.browser.get_cookie("bookstore_token").value
    answer = ana.post("/accounts/logout")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert ana.browser.get_cookie("bookstore_token") is None
    with database.writing() as session, pytest.raises(SessionEnded):
        sessions.renew(session, policy, stolen)
    thief = app.test_client()
    thief.set_cookie("bookstore_token", stolen)
    assert thief.get("/accounts/profile").status_code == 302
    assert thief.get_cookie("bookstore_token") is None


def test_logging_out_holds_when_the_same_request_renewed_the_token(app):
    with time_machine.travel(MORNING, tick=False) as clock:
        ana = join(app, "Ana Sells", "ana@example.com")
        ana.get("/accounts/profile")
        with ana.browser.session_transaction() as kept:
            assert "csrf_token" in kept
        token = csrf_of(ana)
        clock.shift(timedelta(minutes=10))
        ana.browser.post("/accounts/logout", data={"csrf_token": token})
        assert ana.browser.get_cookie("bookstore_token") is None
        assert ana.get("/accounts/profile").status_code == 302


def csrf_of(person):
    return person.get("/accounts/profile").text.split('name="csrf_token" value="')[1].split('"')[0]


def test_logging_out_through_the_api(app, database, ana):
    before = sessions_of(database, ana.user_id)
    assert ana.api("DELETE", "/accounts/sessions/current").status_code == 204
    assert sessions_of(database, ana.user_id) == before - 1
    assert ana.api("GET", "/accounts/users/me").status_code == 401
    assert ana.api("DELETE", "/accounts/sessions/current").status_code == 401
    assert renew_by_api(app, ana.api_token).status_code == 401


def test_the_profile_lists_the_sessions_and_ends_the_others(app, database, ana):
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    app.test_client().post(
        "/api/v1/accounts/sessions",
        json={"email": "ana@example.com", "password": PASSWORD},
        headers={"User-Agent": firefox},
        environ_base={"REMOTE_ADDR": "192.0.2.7"},
    )
    page = ana.get("/accounts/profile").text
    assert "Firefox · Linux" in page
    assert "192.0.2.7" in page
    assert page.count("(this one)") == 1
    assert sessions_of(database, ana.user_id) == 3
    answer = ana.post("/accounts/sessions/end-others")
    assert answer.headers["Location"] == "/accounts/profile"
    assert sessions_of(database, ana.user_id) == 1
    page = ana.get("/accounts/profile").text
    assert "2 other sessions were ended." in page
    assert "End all other sessions" not in page
    assert ana.api("GET", "/accounts/users/me").status_code == 401


def test_nobody_ends_the_sessions_of_somebody_else(app, database, ana):
    carla = join(app, "Carla Strange", "carla@example.com")
    before = sessions_of(database, ana.user_id)
    carla.post("/accounts/sessions/end-others", {"user_id": ana.user_id})
    carla.api("DELETE", "/accounts/sessions/current", json={"user_id": ana.user_id})
    assert sessions_of(database, ana.user_id) == before


def test_the_user_agent_is_shown_as_text(app, ana):
    log_in(app, "Ana", "ana@example.com", ana.user_id)
    app.test_client().post(
        "/api/v1/accounts/sessions",
        json={"email": "ana@example.com", "password": PASSWORD},
        headers={"User-Agent": "<b>x</b>" + "y" * 1000},
    )
    page = ana.get("/accounts/profile").text
    assert "<b>x</b>" not in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page


def test_changing_name_and_language_holds_at_once(app, database, policy, ana):
    answer = ana.post("/accounts/profile", {"name": "  Ana   de Quito ", "locale": "es"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/profile")
    user = user_of(database, "ana@example.com")
    assert (user.name, user.locale) == ("Ana de Quito", "es")
    token = ana.browser.get_cookie("bookstore_token").value
    assert identity_of(database, policy, token).name == "Ana de Quito"
    page = ana.get("/accounts/profile").text
    assert '<html lang="es">' in page
    assert "Ana de Quito" in page


@pytest.mark.parametrize("wrong", [{"name": " "}, {"name": "x" * 101}, {"locale": "xx"}])
def test_a_wrong_profile_changes_nothing(database, ana, wrong):
    answer = ana.post("/accounts/profile", {"name": "Ana Sells", "locale": "en", **wrong})
    assert answer.status_code == 422
    user = user_of(database, "ana@example.com")
    assert (user.name, user.locale) == ("Ana Sells", "en")


def test_the_profile_takes_nothing_but_name_and_language(database, ana):
    more = {"role": "admin", "email": "x@example.com", "email_key": "x", "banned_at": "", "id": "1"}
    ana.post("/accounts/profile", {"name": "Ana Sells", "locale": "en", **more})
    user = user_of(database, "ana@example.com")
    assert (user.id, user.role, user.email) == (ana.user_id, "user", "ana@example.com")


@pytest.mark.parametrize("path", ["/accounts/profile", "/accounts/password"])
def test_a_visitor_is_led_to_the_login(app, path):
    answer = app.test_client().get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/accounts/login?next={path}"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/users/me"),
        ("DELETE", "/sessions/current"),
        ("PUT", "/sessions/current"),
        ("GET", "/users"),
        ("POST", "/users/x/ban"),
        ("POST", "/users/x/unban"),
    ],
)
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}]
)
def test_the_api_asks_a_visitor_to_log_in(app, method, path, headers):
    answer = app.test_client().open(f"/api/v1/accounts{path}", method=method, headers=headers)
    assert answer.status_code == 401
    assert answer.json["code"] in {"sign_in_required", "invalid_token"}
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_cookie_of_the_pages_opens_nothing_in_the_api(app, ana):
    assert ana.browser.get("/api/v1/accounts/users/me").status_code == 401


def test_a_session_that_has_gone_is_not_brought_back_by_its_use(app, database, policy, ana):
    with database.writing() as session, session.begin():
        sessions.end_all_sessions(session, ana.user_id)
    with database.writing() as session, pytest.raises(InvalidToken):
        sessions.renew(session, policy, ana.api_token)
    assert count(database, UserSession) == 0
