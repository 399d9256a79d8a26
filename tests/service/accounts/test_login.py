"""Coming in, and what is told to whoever may not."""

import pytest

from bookstore.accounts import passwords
from bookstore.accounts.models import User, UserSession
from tests.people import PASSWORD, form_token, submit
from tests.service.accounts.rows import count, sessions_of, user_of


def log_in_by_api(app, email, password):
    return app.test_client().post("/api/v1/accounts/sessions", json={"email": email, "password": password})


def log_in_by_page(browser, email="ana@example.com", password=PASSWORD, **fields):
    return submit(browser, "/accounts/login", {"email": email, "password": password, **fields})


def test_the_right_password_opens_a_session(app, ana, database):
    before = sessions_of(database, ana.user_id)
    answer = log_in_by_api(app, "ANA@example.com", PASSWORD)
    assert answer.status_code == 201
    assert answer.json["token_type"] == "Bearer"
    assert answer.json["expires_at"].endswith("+00:00")
    assert answer.headers["Cache-Control"] == "no-store"
    assert sessions_of(database, ana.user_id) == before + 1
    me = app.test_client().get(
        "/api/v1/accounts/users/me", headers={"Authorization": f"Bearer {answer.json['access_token']}"}
    )
    assert me.json == {
        "id": ana.user_id,
        "name": "Ana Sells",
        "email": "ana@example.com",
        "locale": "en",
        "roles": ["user"],
    }


def test_a_wrong_address_and_a_wrong_password_get_the_same_answer(app, ana):
    wrong_password = log_in_by_api(app, "ana@example.com", "not her password")
    wrong_address = log_in_by_api(app, "nobody@example.com", "not her password")
    assert wrong_password.status_code == wrong_address.status_code == 401
    bodies = [dict(answer.json, request_id="") for answer in (wrong_password, wrong_address)]
    assert bodies[0] == bodies[1]
    assert bodies[0]["code"] == "bad_credentials"


@pytest.mark.parametrize("email", ["ana@example.com", "nobody@example.com"])
def test_a_hash_is_compared_whether_or_not_there_is_an_account(app, ana, monkeypatch, email):
    compared = []
    is_right = passwords.is_right
    monkeypatch.setattr(passwords, "is_right", lambda *args: compared.append(args) or is_right(*args))
    log_in_by_api(app, email, "not her password")
    assert len(compared) == 1


def test_a_banned_user_with_a_wrong_password_looks_like_anybody(app, ana, ada):
    ada.api("POST", f"/accounts/users/{ana.user_id}/ban")
    wrong = log_in_by_api(app, "ana@example.com", "not her password")
    assert (wrong.status_code, wrong.json["code"]) == (401, "bad_credentials")
    right = log_in_by_api(app, "ana@example.com", PASSWORD)
    assert (right.status_code, right.json["code"]) == (403, "banned")


def test_a_seller_without_a_password_cannot_log_in(app, database):
    from bookstore.accounts import users

    with database.writing() as session:
        users.ensure_user(session, "00000000-0000-4000-8000-000000000001", "Sample Seller", "s@example.com")
    for guess in ("", " ", "None", PASSWORD):
        assert log_in_by_api(app, "s@example.com", guess or "x").status_code == 401
    assert count(database, UserSession) == 0


def test_the_page_says_that_something_is_wrong_and_not_what(app, ana):
    answer = log_in_by_page(app.test_client(), password="not her password")
    assert answer.status_code == 422
    assert "The e-mail address or the password is wrong." in answer.text
    assert "not her password" not in answer.text


@pytest.mark.parametrize(
    ("wanted", "leads_to"),
    [
        ("/orders/checkout?step=2", "/orders/checkout?step=2"),
        ("https://evil.example/", "/"),
        ("//evil.example/x", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_login_leads_on_within_the_shop_only(app, ana, wanted, leads_to):
    answer = log_in_by_page(app.test_client(), next=wanted)
    assert answer.status_code == 302
    assert answer.headers["Location"] == leads_to


def test_the_login_page_carries_where_to_go_next(app):
    page = app.test_client().get("/accounts/login?next=/orders/cart").text
    assert '<input type="hidden" name="next" value="/orders/cart">' in page
    page = app.test_client().get("/accounts/login?next=https://evil.example").text
    assert '<input type="hidden" name="next" value="/">' in page


def test_whoever_is_logged_in_is_led_on(app, ana):
    answer = ana.get("/accounts/login?next=/sell")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/sell")


def test_nothing_of_the_form_session_lives_through_the_login(app, ana):
    browser = app.test_client()
    with browser.session_transaction() as planted:
        planted["reset_token"] = "planted by somebody"
    token = form_token(browser)
    browser.post(
        "/accounts/login", data={"csrf_token": token, "email": "ana@example.com", "password": PASSWORD}
    )
    with browser.session_transaction() as kept:
        assert set(kept) == {"_flashes"}


def test_the_token_lies_in_a_cookie_that_scripts_cannot_read(app, ana):
    answer = log_in_by_page(app.test_client())
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith("bookstore_token="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_login_sent_from_another_site_is_refused(app, ana, database, headers):
    before = count(database, UserSession)
    browser = app.test_client()
    answer = submit(
        browser, "/accounts/login", {"email": "ana@example.com", "password": PASSWORD}, headers=headers
    )
    assert answer.status_code == 400
    assert browser.get_cookie("bookstore_token") is None
    assert count(database, UserSession) == before


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/register",
        "/accounts/login",
        "/accounts/logout",
        "/accounts/profile",
        "/accounts/password",
        "/accounts/sessions/end-others",
        "/accounts/reset",
        "/accounts/reset/new",
    ],
)
def test_no_form_is_accepted_without_its_token(app, ana, database, path):
    before = (count(database, User), count(database, UserSession))
    fields = {
        "name": "X",
        "email": "x@example.com",
        "password": PASSWORD,
        "current": PASSWORD,
        "locale": "es",
    }
    answer = ana.browser.post(path, data=fields | {"new": "another good password"})
    assert answer.status_code == 400
    assert (count(database, User), count(database, UserSession)) == before
    assert user_of(database, "ana@example.com").name == "Ana Sells"


def test_a_hash_with_old_costs_is_renewed_at_login(app, ana, database):
    from argon2 import PasswordHasher

    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    with database.writing() as session, session.begin():
        session.get(User, ana.user_id).password_hash = old
    assert log_in_by_api(app, "ana@example.com", PASSWORD).status_code == 201
    assert user_of(database, "ana@example.com").password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert log_in_by_api(app, "ana@example.com", PASSWORD).status_code == 201


def test_a_password_typed_on_another_keyboard_is_the_same(app):
    composed, decomposed = "contrase\u00f1a de \u00c1nge\u0301l", "contrasen\u0303a de A\u0301nge\u0301l"
    person = {"name": "Ana", "email": "ana@example.com", "password": composed}
    assert app.test_client().post("/api/v1/accounts/users", json=person).status_code == 201
    assert log_in_by_api(app, "ana@example.com", decomposed).status_code == 201
    assert log_in_by_api(app, "ana@example.com", "contrasena de Angel").status_code == 401


def test_what_cannot_be_a_password_is_just_wrong(app, ana):
    assert log_in_by_api(app, "ana@example.com", "\ud800" * 12).status_code == 401
    assert log_in_by_page(app.test_client(), password="x" * 100_000).status_code == 422


def test_an_invalid_body_is_refused_by_name(app):
    client = app.test_client()
    malformed = client.post("/api/v1/accounts/sessions", data="{", content_type="application/json")
    assert malformed.status_code == 400
    unknown = client.post(
        "/api/v1/accounts/sessions", json={"email": "a@example.com", "password": "x", "admin": 1}
    )
    assert unknown.status_code == 422
    assert unknown.json["errors"][0]["field"].endswith("admin")


def test_the_pages_speak_spanish(app):
    page = app.test_client().get("/accounts/login", headers={"Accept-Language": "es"}).text
    assert '<html lang="es">' in page
    assert "Olvidé mi contraseña" in page
