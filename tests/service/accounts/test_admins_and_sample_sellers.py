"""Users that are made by commands: admins, and sample sellers."""

import pytest

from bookstore.accounts import users
from bookstore.accounts.models import User
from bookstore.accounts.passwords import PasswordTooCommon
from bookstore.accounts.users import EmailTaken
from tests.people import PASSWORD, log_in
from tests.service.accounts.rows import count, user_of

SELLER = "00000000-0000-4000-8000-000000000001"


def test_an_existing_user_becomes_an_admin_and_keeps_the_password(app, ana, database):
    with database.writing() as session:
        users.create_admin(session, "Other Name", "ANA@example.com", "a password not taken")
    user = user_of(database, "ana@example.com")
    assert (user.id, user.name, user.role) == (ana.user_id, "Ana Sells", "admin")
    again = log_in(app, ana.name, ana.email, ana.user_id, PASSWORD)
    assert again.get("/accounts/admin/users").status_code == 200


def test_the_operator_may_lift_the_ban_of_the_last_admin(database):
    with database.writing() as session:
        admin = users.create_admin(session, "Ada", "ada@example.com", PASSWORD)
        with session.begin():
            admin.ban()
        users.create_admin(session, "Ada", "ada@example.com", PASSWORD)
    assert not user_of(database, "ada@example.com").is_banned


def test_an_admin_has_no_common_password(database):
    with database.writing() as session, pytest.raises(PasswordTooCommon):
        users.create_admin(session, "Ada", "ada@example.com", "Password123")
    assert count(database, User) == 0


def test_a_sample_seller_is_made_once(database):
    with database.writing() as session:
        for name in ("Librería Uno", "Another Name"):
            users.ensure_user(session, SELLER, name, "uno@example.com")
    assert count(database, User) == 1
    user = user_of(database, "uno@example.com")
    assert (user.id, user.name, user.password_hash, user.role) == (SELLER, "Librería Uno", None, "user")


def test_a_sample_seller_does_not_take_the_place_of_somebody(ana, database):
    with database.writing() as session, pytest.raises(EmailTaken):
        users.ensure_user(session, SELLER, "Librería Uno", "ana@example.com")
    assert user_of(database, "ana@example.com").id == ana.user_id
    assert count(database, User) == 1
