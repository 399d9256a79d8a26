"""A new password by a link in a mail."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from bookstore.accounts import password_resets
from bookstore.accounts.models import Mail, PasswordReset, User
from bookstore.accounts.password_resets import ResetLinkInvalid
from tests.deadlocks import deadlocks
from tests.people import PASSWORD, join, log_in, submit
from tests.service.accounts.rows import count, mails_to, reset_link, sessions_of, user_of

NEW = "a wholly new password"
MORNING = datetime(2030, 5, 4, 9, 0, tzinfo=UTC)


def ask(app, email="ana@example.com"):
    return submit(app.test_client(), "/accounts/reset", {"email": email})


def use(app, link, new=NEW):
    """Follow the link as a browser does, and choose a password."""
    browser = app.test_client()
    browser.get(link)
    return submit(browser, "/accounts/reset/new", {"new": new})


def test_the_link_sets_a_new_password(app, database, ana):
    ask(app)
    answer = use(app, reset_link(app, database, ana.email))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/login")
    assert log_in(app, ana.name, ana.email, ana.user_id, NEW).get("/accounts/profile").status_code == 200
    assert [kind for kind, _, _ in mails_to(app, database, ana.email)] == [
        "password_reset",
        "password_changed",
    ]


def test_a_deadlock_does_not_use_the_link_up(app, database, ana):
    ask(app)
    link = reset_link(app, database, ana.email)
    with deadlocks() as server:
        answer = use(app, link)
    assert len(server.met) > 0
    assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/login")
    assert log_in(app, ana.name, ana.email, ana.user_id, NEW).get("/accounts/profile").status_code == 200


def test_every_session_ends(app, database, ana):
    ask(app)
    use(app, reset_link(app, database, ana.email))
    assert sessions_of(database, ana.user_id) == 0
    assert ana.get("/accounts/profile").status_code == 302


def test_the_link_works_once(app, database, ana):
    ask(app)
    link = reset_link(app, database, ana.email)
    use(app, link)
    kept = user_of(database, ana.email).password_hash
    again = use(app, link, "yet another password")
    assert again.status_code == 410
    assert "This link is no longer valid" in again.text
    assert user_of(database, ana.email).password_hash == kept


def test_of_two_uses_at_the_same_moment_one_wins(app, database, policy, ana):
    ask(app)
    token = reset_link(app, database, ana.email).rpartition("/")[2]
    start, outcomes = threading.Barrier(2), []

    def use_it(password):
        start.wait()
        try:
            with database.writing() as session:
                password_resets.reset_password(session, policy, token, password)
            outcomes.append(password)
        except ResetLinkInvalid:
            outcomes.append("refused")

    threads = [threading.Thread(target=use_it, args=(f"new password no. {n}",)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("refused") == 1
    [winner] = [outcome for outcome in outcomes if outcome != "refused"]
    assert log_in(app, ana.name, ana.email, ana.user_id, winner).name == "Ana Sells"
    assert [kind for kind, _, _ in mails_to(app, database, ana.email)].count("password_changed") == 1


def test_the_link_expires(app, database):
    with time_machine.travel(MORNING, tick=False) as clock:
        ana = join(app, "Ana Sells", "ana@example.com")
        ask(app)
        link = reset_link(app, database, ana.email)
        before = user_of(database, ana.email).password_hash
        clock.shift(timedelta(minutes=59, seconds=59))
        assert app.test_client().get(link, follow_redirects=True).status_code == 200
        clock.shift(1)
        assert app.test_client().get(link, follow_redirects=True).status_code == 410
        assert use(app, link).status_code == 410
        assert user_of(database, ana.email).password_hash == before


def test_following_the_link_uses_nothing_up(app, database, ana):
    ask(app)
    link = reset_link(app, database, ana.email)
    for _ in range(3):
        assert app.test_client().get(link, follow_redirects=True).status_code == 200
    assert use(app, link).status_code == 302


def test_the_token_leaves_no_trace_in_addresses(app, database, ana):
    ask(app)
    link = reset_link(app, database, ana.email)
    answer = app.test_client().get(link)
    assert answer.headers["Location"] == "/accounts/reset/new"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"


def test_neither_the_token_nor_the_link_is_in_the_database(app, database, ana):
    ask(app)
    token = reset_link(app, database, ana.email).rpartition("/")[2]
    with database.reading() as session:
        rows = [(reset.fingerprint, reset.user_id) for reset in session.query(PasswordReset)]
        params = [str(mail.params) for mail in session.query(Mail)]
    assert len(token) == 43
    assert rows[0][0] != token
    assert not any(token in text for text in params)


def test_the_answer_does_not_tell_whether_there_is_an_account(app, database, ana):
    answers = [ask(app, email) for email in ("ana@example.com", "nobody@example.com")]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0].headers["Location"] == answers[1].headers["Location"] == "/accounts/reset/sent"
    assert answers[0].text == answers[1].text
    assert count(database, PasswordReset) == 2
    assert mails_to(app, database, "nobody@example.com") == []


def test_a_banned_user_and_a_sample_seller_get_no_link(app, database, ana, ada):
    from bookstore.accounts import users

    with database.writing() as session:
        users.ensure_user(session, "00000000-0000-4000-8000-000000000001", "Sample Seller", "s@example.com")
    ada.api("POST", f"/accounts/users/{ana.user_id}/ban")
    for email in ("ana@example.com", "s@example.com"):
        assert ask(app, email).status_code == 302
    assert count(database, Mail) == 0


def test_a_ban_outlasts_a_link(app, database, ana, ada):
    ask(app)
    link = reset_link(app, database, ana.email)
    before = user_of(database, ana.email).password_hash
    ada.api("POST", f"/accounts/users/{ana.user_id}/ban")
    assert use(app, link).status_code == 410
    assert user_of(database, ana.email).password_hash == before


def test_the_mail_speaks_the_language_of_its_reader(app, database):
    app.test_client().post(
        "/api/v1/accounts/users",
        json={"name": "Ana", "email": "ana@example.com", "password": PASSWORD},
        headers={"Accept-Language": "es"},
    )
    ask(app)
    [(_, subject, text)] = mails_to(app, database, "ana@example.com")
    assert subject == "Elige una contraseña nueva para BookStore"
    assert text.startswith("Hola, Ana:")
    assert "60 minutos" in text


@pytest.mark.parametrize("new", ["short", "qwertyuiop", "ana@example.com", ""])
def test_a_bad_password_is_refused_and_the_link_stays_good(app, database, ana, new):
    ask(app)
    link = reset_link(app, database, ana.email)
    assert use(app, link, new).status_code == 422
    assert use(app, link).status_code == 302


def test_without_a_link_there_is_nothing_to_choose(app, database, ana):
    before = user_of(database, ana.email).password_hash
    assert app.test_client().get("/accounts/reset/new").status_code == 410
    assert submit(app.test_client(), "/accounts/reset/new", {"new": NEW}).status_code == 410
    assert use(app, "/accounts/reset/" + "x" * 43).status_code == 410
    assert user_of(database, ana.email).password_hash == before


def test_an_invalid_address_is_said_beside_the_field(app, database):
    answer = ask(app, "nobody")
    assert answer.status_code == 422
    assert "This is not a valid e-mail address." in answer.text
    assert count(database, PasswordReset) == 0


def test_requests_have_a_limit_per_client_and_per_address_written_to(new_app, database):
    app = new_app(resets_per_address=2)
    join(app, "Ana Sells", "ana@example.com")
    assert [ask(app).status_code for _ in range(3)] == [302, 302, 429]
    assert count(database, Mail) == 2
    elsewhere = app.test_client()
    answer = submit(
        elsewhere, "/accounts/reset", {"email": "ana@example.com"}, environ_base={"REMOTE_ADDR": "10.9.9.9"}
    )
    assert answer.status_code == 429
    assert count(database, Mail) == 2


def test_a_reset_frees_an_account_that_was_locked_by_guesses(new_app, database):
    app = new_app(failures_per_account=1)
    ana = join(app, "Ana Sells", "ana@example.com")
    app.test_client().post("/api/v1/accounts/sessions", json={"email": ana.email, "password": "a guess"})
    ask(app)
    use(app, reset_link(app, database, ana.email))
    assert log_in(app, ana.name, ana.email, ana.user_id, NEW).user_id == ana.user_id
    assert count(database, User) == 1
