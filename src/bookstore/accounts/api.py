"""The REST API of accounts."""

# flask-smorest has no types.
# mypy: disable-error-code="untyped-decorator"

from typing import Any

import marshmallow as ma
from flask import Response
from flask_babel import get_locale

from bookstore.accounts import bans, sessions, users
from bookstore.accounts.bans import CannotBanYourself
from bookstore.accounts.email_addresses import InvalidEmail
from bookstore.accounts.living_sessions import require_living_session
from bookstore.accounts.models import User
from bookstore.accounts.names import MAX_NAME, InvalidName
from bookstore.accounts.passwords import (
    MAX_LENGTH,
    MAX_RAW_LENGTH,
    MIN_LENGTH,
    PasswordIsPersonal,
    PasswordTooCommon,
    PasswordTooLong,
    PasswordTooShort,
)
from bookstore.accounts.runtime import client_address, client_device, current
from bookstore.accounts.sessions import BadCredentials, UserBanned
from bookstore.accounts.tokens import AccessToken
from bookstore.accounts.users import EmailTaken
from bookstore.shared.access import Audience, audience, request_token, signed_in_user
from bookstore.shared.api import ApiBlueprint, PageArguments, StrictSchema, error_responses
from bookstore.shared.errors import (
    Forbidden,
    InvalidCursor,
    NotFound,
    SignInRequired,
    TooManyRequests,
)
from bookstore.shared.identity import InvalidToken
from bookstore.shared.pagination import Page

BEARER: list[dict[str, list[str]]] = [{"bearer": []}]

blueprint = ApiBlueprint(
    "accounts_api", __name__, url_prefix="/api/v1/accounts", description="People and their sessions"
)
blueprint.before_request(require_living_session)


class RegistrationSchema(StrictSchema):
    """Who wants an account."""

    name = ma.fields.String(required=True, validate=ma.validate.Length(1, MAX_NAME))
    email = ma.fields.String(
        required=True,
        validate=ma.validate.Length(3, 254),
        metadata={"format": "email", "example": "ana@example.com"},
    )
    password = ma.fields.String(
        required=True,
        load_only=True,
        validate=ma.validate.Length(MIN_LENGTH, MAX_LENGTH),
        metadata={"format": "password"},
    )


class CredentialsSchema(StrictSchema):
    """Who wants to log in."""

    email = ma.fields.String(
        required=True,
        validate=ma.validate.Length(3, 254),
        metadata={"format": "email", "example": "ana@example.com"},
    )
    password = ma.fields.String(
        required=True,
        load_only=True,
        validate=ma.validate.Length(1, MAX_RAW_LENGTH),
        metadata={"format": "password"},
    )


class NewUserSchema(ma.Schema):
    """Somebody who has just got an account."""

    id = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    email = ma.fields.String(required=True)


class OwnUserSchema(NewUserSchema):
    """Who is asking."""

    roles = ma.fields.List(ma.fields.String(), required=True)
    locale = ma.fields.String(required=True)


class ManagedUserSchema(OwnUserSchema):
    """A user as an admin sees it; `banned_at` is null for who may log in."""

    created_at = ma.fields.AwareDateTime(required=True)
    banned_at = ma.fields.AwareDateTime(required=True, allow_none=True)


class UserPageSchema(ma.Schema):
    """Some users, newest first."""

    items = ma.fields.List(ma.fields.Nested(ManagedUserSchema), required=True)
    next_cursor = ma.fields.String(required=True, allow_none=True)


class UserQuerySchema(PageArguments):
    """Which users to list: those whose name or address holds each word of `q`."""

    q = ma.fields.String(load_default="", validate=ma.validate.Length(max=200))


class AccessTokenSchema(ma.Schema):
    """What to send as `Authorization: Bearer` until it expires."""

    access_token = ma.fields.String(required=True)
    token_type = ma.fields.String(required=True, metadata={"example": "Bearer"})
    expires_at = ma.fields.AwareDateTime(required=True)


@blueprint.route("/users", methods=["POST"])
@blueprint.arguments(RegistrationSchema)
@blueprint.response(201, NewUserSchema)
@error_responses(
    blueprint,
    EmailTaken,
    InvalidName,
    InvalidEmail,
    PasswordTooShort,
    PasswordTooLong,
    PasswordIsPersonal,
    PasswordTooCommon,
    TooManyRequests,
)
@audience(Audience.EVERYONE)
def register(wanted: dict[str, str]) -> User:
    """Make an account."""
    runtime = current()
    with runtime.database.writing() as session:
        return users.register_user(
            session, runtime.policy, **wanted, locale=str(get_locale()), address=client_address()
        )


@blueprint.route("/users", methods=["GET"])
@blueprint.arguments(UserQuerySchema, location="query")
@blueprint.response(200, UserPageSchema)
@blueprint.doc(security=BEARER)
@error_responses(blueprint, InvalidCursor, SignInRequired, InvalidToken, Forbidden)
@audience(Audience.ADMIN)
def list_users(wanted: dict[str, Any]) -> Page[User]:
    """List users, for admins."""
    with current().database.reading() as session:
        return users.search_users(session, wanted["q"], wanted["cursor"], wanted["limit"])


@blueprint.route("/users/me", methods=["GET"])
@blueprint.response(200, OwnUserSchema)
@blueprint.doc(security=BEARER)
@error_responses(blueprint, SignInRequired, InvalidToken)
@audience(Audience.SIGNED_IN)
def show_me() -> User:
    """Who is asking."""
    with current().database.reading() as session:
        return users.get_user(session, signed_in_user().user_id)


@blueprint.route("/users/<user_id>/ban", methods=["POST"])
@blueprint.response(200, ManagedUserSchema)
@blueprint.doc(security=BEARER)
@error_responses(blueprint, SignInRequired, InvalidToken, Forbidden, NotFound, CannotBanYourself)
@audience(Audience.ADMIN)
def ban(user_id: str) -> User:
    """Close somebody's account and end its sessions, for admins."""
    with current().database.writing() as session:
        return bans.ban(session, signed_in_user().user_id, user_id)


@blueprint.route("/users/<user_id>/unban", methods=["POST"])
@blueprint.response(200, ManagedUserSchema)
@blueprint.doc(security=BEARER)
@error_responses(blueprint, SignInRequired, InvalidToken, Forbidden, NotFound)
@audience(Audience.ADMIN)
def unban(user_id: str) -> User:
    """Open somebody's account again, for admins."""
    with current().database.writing() as session:
        return bans.unban(session, signed_in_user().user_id, user_id)


@blueprint.route("/sessions", methods=["POST"])
@blueprint.arguments(CredentialsSchema)
@blueprint.response(201, AccessTokenSchema)
@error_responses(blueprint, BadCredentials, UserBanned, InvalidEmail, TooManyRequests)
@audience(Audience.EVERYONE)
def log_in(credentials: dict[str, str]) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Log in: open a session and get its first token."""
    runtime = current()
    with runtime.database.writing() as session:
        entered = sessions.log_in(session, runtime.policy, **credentials, device=client_device())
    return _token(entered.token), 201, {"Cache-Control": "no-store"}


@blueprint.route("/sessions/current", methods=["PUT"])
@blueprint.response(200, AccessTokenSchema)
@blueprint.doc(security=BEARER)
@error_responses(blueprint, SignInRequired, InvalidToken)
@audience(Audience.EVERYONE)  # an expired token is refused everywhere else
def refresh() -> tuple[dict[str, Any], int, dict[str, str]]:
    """Exchange a token, expired or not, for a fresh one while its session lives."""
    token = request_token()
    if token is None:
        raise SignInRequired
    runtime = current()
    with runtime.database.writing() as session:
        fresh = sessions.refresh(session, runtime.policy, token)
    return _token(fresh), 200, {"Cache-Control": "no-store"}


@blueprint.route("/sessions/current", methods=["DELETE"])
@blueprint.response(204)
@blueprint.doc(security=BEARER)
@error_responses(blueprint, SignInRequired, InvalidToken)
@audience(Audience.SIGNED_IN)
def log_out() -> Response:
    """Log out: end the session."""
    with current().database.writing() as session:
        sessions.end_session(session, signed_in_user().session_id)
    return Response(status=204)


def _token(token: AccessToken) -> dict[str, Any]:
    return {"access_token": token.text, "token_type": "Bearer", "expires_at": token.expires_at}
