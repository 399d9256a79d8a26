"""Keys rotate with overlap, and nobody else's tokens are good."""

import base64
import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from bookstore.accounts import keys, sessions
from bookstore.accounts.cleanup import forget_expired
from bookstore.accounts.devices import Device
from bookstore.accounts.models import SigningKey
from bookstore.accounts.policy import Policy
from bookstore.shared.identity import ExpiredToken, InvalidToken, TokenVerifier
from bookstore.wiring import LocalAccounts
from tests.people import PASSWORD, join
from tests.service.accounts.rows import count

MORNING = datetime(2030, 5, 4, 9, 0, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(MORNING, tick=False) as clock:
        yield clock


def verify(database, policy, token):
    """As a verifier does that has just fetched the keys."""
    return TokenVerifier(LocalAccounts(database, policy)).verify(token)


def token_of_ana(database, policy):
    with database.writing() as session:
        return sessions.log_in(session, policy, "ana@example.com", PASSWORD, Device("10.0.0.1")).token.text


def kid_of(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["kid"]


def published(app):
    return app.test_client().get("/.well-known/jwks.json").json["keys"]


def test_the_published_keys_have_no_private_part(app, ana):
    answer = app.test_client().get("/.well-known/jwks.json")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    [key] = answer.json["keys"]
    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert (key["kty"], key["crv"], key["alg"]) == ("OKP", "Ed25519", "Ed25519")


def test_before_the_first_key_nothing_is_published_and_nothing_cached(app):
    answer = app.test_client().get("/.well-known/jwks.json")
    assert answer.json == {"keys": []}
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_private_key_lies_sealed_in_the_database(app, ana, database, policy):
    with database.reading() as session:
        row = session.query(SigningKey).one()
    assert row.sealed_private_key.startswith("gAAAA")
    with database.writing() as session:
        private = keys.signing_key(session, policy).as_dict(private=True)["d"]
    assert private not in row.sealed_private_key


def test_of_several_replicas_that_make_the_first_key_one_succeeds(database, policy):
    start, kids = threading.Barrier(6), []

    def make():
        start.wait()
        with database.writing() as session:
            kids.append(keys.signing_key(session, policy).kid)

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kids) == 6
    assert len(set(kids)) == 1
    assert count(database, SigningKey) == 1


def test_a_new_key_is_published_before_it_signs_and_the_old_one_long_after(app, database, policy, clock):
    join(app, "Ana Sells", "ana@example.com")
    old = token_of_ana(database, policy)
    with database.writing() as session:
        new_kid = keys.rotate(session, policy)
    assert [key["kid"] for key in published(app)] == [kid_of(old), new_kid]
    assert kid_of(token_of_ana(database, policy)) == kid_of(old)

    clock.shift(keys.PUBLISHED_BEFORE_USE)
    new = token_of_ana(database, policy)
    assert kid_of(new) == new_kid
    assert verify(database, policy, new).email == "ana@example.com"
    with pytest.raises(ExpiredToken):
        verify(database, policy, old)
    with database.writing() as session:
        assert kid_of(sessions.renew(session, policy, old)) == new_kid

    clock.shift(policy.session_lifetime)
    assert len(published(app)) == 2
    clock.shift(policy.access_token)
    assert [key["kid"] for key in published(app)] == [new_kid]
    with pytest.raises(InvalidToken) as refused:
        verify(database, policy, old)
    assert not isinstance(refused.value, ExpiredToken)


def test_keys_rotate_when_they_are_old_enough(database, policy, clock):
    def rotate():
        with database.writing() as session:
            return keys.rotate_when_due(session, policy)

    assert [rotate(), rotate()] == [1, 0]
    clock.shift(timedelta(days=30) - timedelta(seconds=1))
    assert rotate() == 0
    clock.shift(1)
    assert [rotate(), rotate()] == [1, 0]
    assert count(database, SigningKey) == 2


def test_a_retired_key_is_forgotten(database, policy, clock):
    with database.writing() as session:
        keys.ensure_signing_key(session, policy)
        keys.rotate(session, policy)
        clock.shift(timedelta(days=15))
        assert forget_expired(session) == 1
    assert count(database, SigningKey) == 1


def test_a_new_secret_key_in_the_settings_makes_a_new_signing_key(app, database, policy):
    ana = join(app, "Ana Sells", "ana@example.com")
    changed = Policy(secret_key="another secret key of the settings, 0123456789")
    new = token_of_ana(database, changed)
    assert kid_of(new) != kid_of(ana.api_token)
    assert verify(database, changed, new).user_id == ana.user_id
    assert verify(database, changed, ana.api_token).user_id == ana.user_id
    assert kid_of(token_of_ana(database, changed)) == kid_of(new)


def claims_of(ana, **changed):
    return {
        "iss": "bookstore",
        "aud": "bookstore",
        "sub": ana.user_id,
        "name": "Ana Sells",
        "email": "ana@example.com",
        "roles": ["user", "admin"],
        "locale": "en",
        "sid": "x",
        "iat": int(time.time()),
        "exp": int(time.time()) + 300,
        **changed,
    }


def encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def tampered(ana, kid):
    header, body, signature = ana.api_token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    return f"{header}.{encoded({**claims, 'roles': ['admin', 'user']})}.{signature}"


def unsigned(ana, kid):
    return f"{encoded({'alg': 'none', 'kid': kid})}.{encoded(claims_of(ana))}."


def without_signature(ana, kid):
    return ana.api_token.rpartition(".")[0] + "."


def of_another_key(ana, kid):
    key = OKPKey.generate_key("Ed25519", private=True)
    return jwt.encode({"alg": "Ed25519", "kid": kid}, claims_of(ana), key, algorithms=["Ed25519"])


def signed_with_the_public_key(ana, kid):
    """The classic confusion: the public key taken as the secret of an HMAC."""
    public = ana.app.test_client().get("/.well-known/jwks.json").json["keys"][0]["x"]
    key = OctKey.import_key(base64.urlsafe_b64decode(public + "=="))
    return jwt.encode({"alg": "HS256", "kid": kid}, claims_of(ana), key, algorithms=["HS256"])


def with_its_own_key(ana, kid):
    key = OKPKey.generate_key("Ed25519", private=True)
    header = {"alg": "Ed25519", "jwk": key.as_dict(private=False)}
    return jwt.encode(header, claims_of(ana), key, algorithms=["Ed25519"])


@pytest.mark.parametrize(
    "forge",
    [tampered, unsigned, without_signature, of_another_key, signed_with_the_public_key, with_its_own_key],
)
def test_a_forged_token_is_refused_everywhere(app, database, policy, ana, forge):
    token = forge(ana, kid_of(ana.api_token))
    with pytest.raises(InvalidToken):
        verify(database, policy, token)
    headers = {"Authorization": f"Bearer {token}"}
    client = app.test_client()
    for method, path in [("GET", "/users"), ("GET", "/users/me"), ("PUT", "/sessions/current")]:
        answer = client.open(f"/api/v1/accounts{path}", method=method, headers=headers)
        assert (answer.status_code, answer.json["code"]) == (401, "invalid_token")
    browser = app.test_client()
    browser.set_cookie("bookstore_token", token)
    assert browser.get("/accounts/admin/users").status_code == 302
    with database.writing() as session, pytest.raises(InvalidToken):
        sessions.renew(session, policy, token)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "..", "é.é.é", "\ud800", "x" * 10_000])
def test_nonsense_is_no_token(ana, database, policy, token):
    with database.writing() as session, pytest.raises(InvalidToken):
        sessions.renew(session, policy, token)
    with pytest.raises(InvalidToken):
        verify(database, policy, token)
