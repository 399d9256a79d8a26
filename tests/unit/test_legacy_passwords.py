"""Hashes as Werkzeug wrote them: recognized, bounded in what they cost, and never right by accident."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.security import generate_password_hash

from bookstore.accounts import legacy_passwords, passwords

METHODS = [
    "pbkdf2:sha256:1000",
    "pbkdf2:sha1:1000",
    "pbkdf2:sha512:1000",
    "scrypt:16384:8:1",
    "scrypt",
    "pbkdf2",
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("password", ["short", "contraseña 🔑", "x" * 200])
def test_a_password_of_the_original_is_recognized_and_to_be_replaced(method, password):
    kept = generate_password_hash(password, method)
    assert legacy_passwords.is_usable(kept)
    assert passwords.is_right(password, kept)
    assert not passwords.is_right(password + " ", kept)
    assert not passwords.is_right("", kept)
    assert passwords.is_outdated(kept)


@pytest.mark.parametrize(
    "kept",
    [
        "pbkdf2:sha256:1000001$salt$" + "0" * 64,
        "pbkdf2:sha256:99999999$salt$" + "0" * 64,
        "pbkdf2:sha256:999999999999$salt$" + "0" * 64,
        "pbkdf2:sha256:0$salt$" + "0" * 64,
        "pbkdf2:sha256$salt$" + "0" * 64,
        "pbkdf2:sha256:1000$salt$" + "0" * 62,
        "pbkdf2:sha256:1000$$" + "0" * 64,
        "pbkdf2:shake_128:1000$salt$" + "0" * 64,
        "pbkdf2:",
        "scrypt:1048576:8:1$salt$" + "0" * 128,
        "scrypt:32768:8:64$salt$" + "0" * 128,
        "scrypt:32767:8:1$salt$" + "0" * 128,
        "scrypt:0:8:1$salt$" + "0" * 128,
        "scrypt:32768:0:1$salt$" + "0" * 128,
        "pbkdf2:sha256:1000$salt$" + "0" * 64 + "\n",
    ],
)
def test_a_hash_that_costs_too_much_or_is_none_is_never_right_and_costs_nothing(kept):
    assert not legacy_passwords.is_usable(kept)
    started = time.process_time()
    assert not passwords.is_right("password", kept)
    assert time.process_time() - started < 1


def test_the_dearest_hash_that_is_compared_is_a_matter_of_seconds_at_most():
    kept = f"pbkdf2:sha512:{legacy_passwords.MAX_ITERATIONS}$salt$" + "0" * 128
    assert legacy_passwords.is_usable(kept)
    started = time.process_time()
    assert not passwords.is_right("password", kept)
    assert time.process_time() - started < 5


def test_no_half_of_a_surrogate_pair_reaches_the_hash():
    assert not passwords.is_right("\ud800", generate_password_hash("x", "pbkdf2:sha256:1000"))


@given(st.text(max_size=40))
def test_whatever_a_foreign_database_holds_is_judged_without_an_accident(text):
    for prefix in ("pbkdf2:", "scrypt:", "pbkdf2:sha256:10$", "scrypt:2:1:1$s$"):
        assert not legacy_passwords.is_right("password", prefix + text)
