"""Getting an account."""

import threading

import pytest

from bookstore.accounts import users
from bookstore.accounts.models import AttemptCounter, User
from bookstore.accounts.users import EmailTaken
from tests.people import PASSWORD, join, submit
from tests.service.accounts.rows import count, user_of

NEW = {"name": "Ana Sells", "email": "ana@example.com", "password": PASSWORD}


def register_by_api(app, **changed):
    return app.test_client().post("/api/v1/accounts/users", json={**NEW, **changed})


def test_whoever_registers_on_the_page_is_logged_in(app):
    browser = app.test_client()
    answer = submit(browser, "/accounts/register", {**NEW, "next": "/books/7"})
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/books/7"
    assert "Ana Sells" in browser.get("/accounts/profile").text


def test_the_api_answers_with_id_name_and_email_and_nothing_else(app, database):
    answer = register_by_api(app)
    assert answer.status_code == 201
    user = user_of(database, "ana@example.com")
    assert answer.json == {"id": user.id, "name": "Ana Sells", "email": "ana@example.com"}


def test_the_password_is_kept_as_an_argon2id_hash_only(app, database):
    register_by_api(app)
    kept = user_of(database, "ana@example.com").password_hash
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in kept


def test_an_address_in_another_case_is_the_same_address(app, database):
    register_by_api(app)
    answer = register_by_api(app, name="Another Ana", email="ANA@Example.COM")
    assert answer.status_code == 409
    assert answer.json["code"] == "email_taken"
    assert count(database, User) == 1
    assert user_of(database, "ana@example.com").name == "Ana Sells"


def test_a_taken_address_is_said_beside_the_field(app, database):
    join(app, "Ana Sells", "ana@example.com")
    answer = submit(app.test_client(), "/accounts/register", {**NEW, "email": "Ana@example.com"})
    assert answer.status_code == 422
    assert 'id="email-error"' in answer.text
    assert "There is already an account with this e-mail address." in answer.text
    assert count(database, User) == 1


def test_of_eight_who_want_an_address_at_the_same_moment_one_gets_it(database, policy):
    start, outcomes = threading.Barrier(8), []

    def try_it():
        start.wait()
        try:
            with database.writing() as session:
                users.register_user(session, policy, **NEW, locale="en", address="127.0.0.1")
            outcomes.append("made")
        except EmailTaken:
            outcomes.append("taken")

    threads = [threading.Thread(target=try_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made"] + ["taken"] * 7
    assert count(database, User) == 1


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "   ", "invalid_name"),
        ("name", "Ana\nSells", "invalid_name"),
        ("name", "Ana\u202eslleS", "invalid_name"),
        ("name", "Ana \ud800", "invalid_name"),
        ("name", "x" * 101, "invalid_request"),
        ("email", "nobody", "invalid_email"),
        ("email", "ana@", "invalid_email"),
        ("email", "Ana <ana@example.com>", "invalid_email"),
        ("email", "ana@example.com\r\nBcc: x@example.com", "invalid_email"),
        ("password", "too short", "invalid_request"),
        ("password", "x" * 129, "invalid_request"),
        ("password", "ana@example.com", "password_is_personal"),
        ("password", "anasellsbooks\ud800", "password_too_long"),
        ("password", "QWERTYUIOP", "password_too_common"),
        ("password", "Password123456", "password_too_common"),
    ],
)
def test_what_is_not_acceptable_is_named_and_changes_nothing(app, database, field, value, code):
    answer = register_by_api(app, **{field: value})
    assert answer.status_code == 422
    assert answer.json["code"] == code
    assert count(database, User) == 0


def test_each_wrong_field_of_the_page_says_what_is_wrong(app, database):
    answer = submit(
        app.test_client(), "/accounts/register", {"name": " ", "email": "ana@", "password": "short"}
    )
    assert answer.status_code == 422
    assert "A name has 1 to 100 characters, and no control characters." in answer.text
    assert "This is not a valid e-mail address." in answer.text
    assert "A password has 10 characters or more." in answer.text
    assert "short" not in answer.text.replace("shortcut", "")
    assert count(database, User) == 0


@pytest.mark.parametrize("extra", [{"roles": ["admin"]}, {"role": "admin"}, {"is_admin": True}, {"id": "1"}])
def test_nobody_registers_as_an_admin_through_the_api(app, database, extra):
    assert register_by_api(app, **extra).status_code == 422
    assert count(database, User) == 0


def test_nobody_registers_as_an_admin_through_the_page(app, database):
    submit(
        app.test_client(), "/accounts/register", {**NEW, "role": "admin", "roles": "admin", "is_admin": "1"}
    )
    assert user_of(database, "ana@example.com").role == "user"


def test_a_name_with_markup_is_shown_as_text(app):
    person = join(app, "<script>alert(1)</script>", "ana@example.com")
    page = person.get("/accounts/profile").text
    assert "<script>alert(1)</script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_language_of_the_browser_becomes_that_of_the_account(app, database):
    app.test_client().post("/api/v1/accounts/users", json=NEW, headers={"Accept-Language": "es-EC,es;q=0.9"})
    assert user_of(database, "ana@example.com").locale == "es"


def test_registrations_from_one_address_have_a_limit(new_app, database):
    app = new_app(registrations_per_address=2)
    codes = [register_by_api(app, email=f"person{number}@example.com").status_code for number in range(3)]
    assert codes == [201, 201, 429]
    assert count(database, User) == 2


def test_a_registration_that_is_not_acceptable_does_not_count(new_app, database):
    app = new_app(registrations_per_address=1)
    register_by_api(app, password="qwertyuiop")
    assert count(database, AttemptCounter) == 0
    assert register_by_api(app).status_code == 201


def test_whoever_is_logged_in_is_not_asked_to_register(app, ana):
    answer = ana.get("/accounts/register")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
