"""A new password by whoever knows the old one."""

import pytest

from tests.deadlocks import deadlocks
from tests.people import PASSWORD, join, log_in
from tests.service.accounts.rows import mails_to, reset_link, sessions_of, user_of

NEW = "a wholly new password"


def test_the_new_password_holds_and_the_old_one_does_not(app, ana):
    answer = ana.post("/accounts/password", {"current": PASSWORD, "new": NEW})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/profile")
    old = app.test_client().post("/api/v1/accounts/sessions", json={"email": ana.email, "password": PASSWORD})
    assert old.status_code == 401
    assert log_in(app, ana.name, ana.email, ana.user_id, NEW).get("/accounts/profile").status_code == 200


def test_a_deadlock_is_not_the_users_trouble(app, ana):
    with deadlocks() as server:
        answer = ana.post("/accounts/password", {"current": PASSWORD, "new": NEW})
    assert len(server.met) > 0
    assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/profile")
    assert log_in(app, ana.name, ana.email, ana.user_id, NEW).get("/accounts/profile").status_code == 200


def test_every_other_session_ends_and_this_one_gets_a_new_id(app, database, ana):
    elsewhere = log_in(app, ana.name, ana.email, ana.user_id)
    before = ana.browser.get_cookie("bookstore_token").value
    ana.post("/accounts/password", {"current": PASSWORD, "new": NEW})
    assert sessions_of(database, ana.user_id) == 1
    assert ana.get("/accounts/profile").status_code == 200
    assert elsewhere.get("/accounts/profile").status_code == 302
    assert elsewhere.api("GET", "/accounts/users/me").status_code == 401
    thief = app.test_client()
    thief.set_cookie("bookstore_token", before)
    assert thief.get("/accounts/profile").status_code == 302


def test_the_owner_is_told_by_mail(app, database, ana):
    ana.post("/accounts/password", {"current": PASSWORD, "new": NEW})
    [(kind, subject, text)] = mails_to(app, database, "ana@example.com")
    assert (kind, subject) == ("password_changed", "Your password for BookStore was changed")
    assert "Hello Ana Sells," in text
    assert "https://shop.example/accounts/reset" in text
    assert NEW not in text


def test_a_link_that_was_asked_for_before_is_good_no_longer(app, database, ana):
    ana.post("/accounts/reset", {"email": ana.email})
    link = reset_link(app, database, ana.email)
    ana.post("/accounts/password", {"current": PASSWORD, "new": NEW})
    assert app.test_client().get(link, follow_redirects=True).status_code == 410


@pytest.mark.parametrize(
    ("current", "new", "field", "message"),
    [
        ("not her password", NEW, "current", "This is not your current password."),
        (PASSWORD, "short", "new", "A password has 10 characters or more."),
        (PASSWORD, "ana@example.com", "new", "Your name or e-mail address is not a password."),
        (PASSWORD, "1234567890", "new", "This password is one of those that everybody tries first."),
        ("", NEW, "current", "Please fill this in."),
    ],
)
def test_a_refusal_stands_beside_its_field_and_changes_nothing(
    app, database, ana, current, new, field, message
):
    before = (user_of(database, ana.email).password_hash, sessions_of(database, ana.user_id))
    answer = ana.post("/accounts/password", {"current": current, "new": new})
    assert answer.status_code == 422
    assert message in answer.text.split(f'id="{field}-error"')[1]
    assert (user_of(database, ana.email).password_hash, sessions_of(database, ana.user_id)) == before
    assert mails_to(app, database, ana.email) == []


def test_nobody_changes_the_password_of_somebody_else(app, database, ana):
    carla = join(app, "Carla Strange", "carla@example.com")
    before = user_of(database, ana.email).password_hash
    carla.post(
        "/accounts/password", {"current": PASSWORD, "new": NEW, "user_id": ana.user_id, "email": ana.email}
    )
    assert user_of(database, ana.email).password_hash == before
