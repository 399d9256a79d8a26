"""What other services ask of accounts: the public keys, and fresh tokens for expired ones."""

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from bookstore.accounts import keys, sessions
from bookstore.accounts.runtime import current
from bookstore.shared.access import Audience, audience
from bookstore.shared.identity import KEYS_CACHE_SECONDS

internal = Blueprint("accounts_internal", __name__, url_prefix="/internal/accounts")
well_known = Blueprint("accounts_keys", __name__, url_prefix="/.well-known")


@well_known.get("/jwks.json")
@audience(Audience.EVERYONE)
def public_keys() -> ResponseReturnValue:
    """The keys that tokens are verified with (RFC 7517)."""
    with current().database.reading() as session:
        published = keys.public_keys(session)
    response = jsonify(published)
    lasting = f"public, max-age={KEYS_CACHE_SECONDS}"
    response.headers["Cache-Control"] = lasting if published["keys"] else "no-store"
    return response


@internal.post("/renewals")
@audience(Audience.SERVICES)
def renew() -> ResponseReturnValue:
    """Exchange a token whose session lives for a fresh one."""
    body = request.get_json()
    token = body.get("token") if isinstance(body, dict) else None
    if not isinstance(token, str):
        raise BadRequest
    runtime = current()
    with runtime.database.writing() as session:
        response = jsonify(access_token=sessions.renew(session, runtime.policy, token))
    response.headers["Cache-Control"] = "no-store"
    return response
