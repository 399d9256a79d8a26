"""Which passwords are accepted, and how they are compared."""

import unicodedata
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstore.accounts import passwords
from bookstore.accounts.passwords import (
    PasswordIsPersonal,
    PasswordTooCommon,
    PasswordTooLong,
    PasswordTooShort,
)

ANA = {"email": "ana.nunez@example.com", "name": "Ana Núñez Ortega"}


@pytest.mark.parametrize(
    ("password", "error"),
    [
        ("", PasswordTooShort),
        ("123456789", PasswordTooShort),
        ("\ufb03" * 3, PasswordTooShort),  # three ligatures are nine letters
        ("x" * 129, PasswordTooLong),
        ("\ufdfa" * 50, PasswordTooLong),  # fifty characters that are nine hundred
        ("x" * 1_000_000, PasswordTooLong),
        ("a lone half \ud800", PasswordTooLong),
        ("1234567890", PasswordTooCommon),
        ("QwertyUiop", PasswordTooCommon),
        ("\uff31\uff37\uff25\uff32\uff34\uff39\uff35\uff29\uff2f\uff30", PasswordTooCommon),  # in full width
        ("aaaaaaaaaaaa", PasswordTooCommon),
        ("contraseña123", PasswordTooCommon),
        ("Ana.Nunez@Example.com", PasswordIsPersonal),
        ("ana nunez@example.com".replace(" ", "."), PasswordIsPersonal),
        ("ANA NÚÑEZ ORTEGA", PasswordIsPersonal),
        ("anan\u0303", PasswordTooShort),
        ("AnaNúñezOrtega", PasswordIsPersonal),
    ],
)
def test_a_bad_password_is_refused(password, error):
    with pytest.raises(error):
        passwords.check(password, **ANA)


def test_the_local_part_of_the_address_is_no_password():
    with pytest.raises(PasswordIsPersonal):
        passwords.check("Longlocalpart", email="longlocalpart@example.com", name="Ana")


@pytest.mark.parametrize(
    "password",
    ["x7!k2p9q0z", "correct horse battery", "año nuevo, vida nueva", "пароль подлиннее", "z9" * 64],
)
def test_a_good_password_is_accepted_and_recognized(password):
    passwords.check(password, **ANA)
    kept = passwords.hash_password(password)
    assert passwords.is_right(password, kept)
    assert not passwords.is_right(password + " ", kept)
    assert not passwords.is_outdated(kept)


def test_two_ways_of_typing_one_letter_are_one_password():
    kept = passwords.hash_password("ma\u00f1ana ser\u00e1 otro d\u00eda")
    assert passwords.is_right("man\u0303ana sera\u0301 otro di\u0301a", kept)
    assert not passwords.is_right("manana sera otro dia", kept)


def test_no_password_is_right_where_there_is_none():
    for guess in ("", "x" * 10, "\ud800", "x" * 100_000):
        assert not passwords.is_right(guess, None)


def test_the_comparison_without_a_hash_costs_what_one_with_a_hash_costs():
    assert not passwords.is_outdated(passwords.DUMMY_HASH)


@given(st.text(max_size=600))
def test_whatever_is_typed_is_judged_without_an_accident(text):
    try:
        passwords.check(text, **ANA)
        accepted = True
    except passwords.PasswordRefused:
        accepted = False
    assert not accepted or passwords.MIN_LENGTH <= len(unicodedata.normalize("NFKC", text)) <= 128


def test_the_list_of_common_passwords_is_long_and_in_the_form_that_is_compared():
    listed = (files("bookstore.accounts") / "common_passwords.txt").read_text(encoding="utf-8").splitlines()
    assert sum(len(password) >= passwords.MIN_LENGTH for password in listed) >= 1000
    assert listed == sorted(set(listed))
    assert [unicodedata.normalize("NFKC", line).casefold() for line in listed] == listed
    assert {"123456", "password", "qwertyuiop", "password123"} <= set(listed)
