"""Who may call a route, and who is calling: audiences, the identity in a request, cross-site refusal."""

import hmac
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, current_app, g, request
from flask_wtf.csrf import CSRFError

from bookstore.shared.edge import SAFE_METHODS, cookie_name, policy, wants_json
from bookstore.shared.errors import (
    AccountsUnavailable,
    CrossSiteRequest,
    Forbidden,
    ShopError,
    SignInRequired,
)
from bookstore.shared.identity import (
    VISITOR,
    ExpiredToken,
    Identity,
    InvalidToken,
    TokenVerifier,
    Visitor,
)
from bookstore.shared.sharing import sharing

View = TypeVar("View", bound=Callable[..., Any])


class Audience(StrEnum):
    """Who may call a route at all. What each of them may see there is the use case's affair."""

    EVERYONE = "everyone"
    SIGNED_IN = "signed_in"
    ADMIN = "admin"
    SERVICES = "services"


def audience(who: Audience) -> Callable[[View], View]:
    """Declare who may call a view. Every view must; `require_audiences` refuses to start otherwise."""

    def declare(view: View) -> View:
        view.audience = who  # type: ignore[attr-defined]
        return view

    return declare


def on_shared_pages(view: View) -> View:
    """Declare that a form of this view stands on pages that are the same for everybody, which have no token.

    What the browser says of where the form came from must do there; if it says nothing, the
    token is asked for.
    """
    view.on_shared_pages = True  # type: ignore[attr-defined]
    return view


def require_audiences(app: Flask) -> None:
    """Raise when a route does not say who may call it."""
    silent = [name for name, view in app.view_functions.items() if not hasattr(view, "audience")]
    if silent:
        raise RuntimeError(f"these views do not declare their audience: {', '.join(sorted(silent))}")


def current_user() -> Identity | Visitor:
    """Who sent this request."""
    who = g.get("identity", VISITOR)
    assert isinstance(who, Identity | Visitor)
    return who


def signed_in_user() -> Identity:
    """Who sent this request, on a route for people who are logged in. Raises SignInRequired."""
    who = current_user()
    if not isinstance(who, Identity):
        raise SignInRequired
    return who


def keep_token(response: Response, token: str) -> None:
    """Put the token into the browser; scripts cannot read it, other sites cannot send it with a form."""
    _settle_token()
    edge = policy()
    response.set_cookie(
        cookie_name("bookstore_token", edge),
        token,
        max_age=edge.session_lifetime,
        secure=edge.https,
        httponly=True,
        samesite="Lax",
    )


def forget_token(response: Response) -> None:
    """Take the token out of the browser."""
    _settle_token()
    edge = policy()
    response.delete_cookie(
        cookie_name("bookstore_token", edge), secure=edge.https, httponly=True, samesite="Lax"
    )


def _settle_token() -> None:
    """What a view decides about the token outweighs what was found out when the request came in."""
    g.pop("fresh_token", None)
    g.pop("forget_token", None)


def replace_identity(who: Identity | Visitor) -> None:
    """Go on with this request as somebody else, if they may call its route at all.

    A visitor's token is taken out of the browser. Raises SignInRequired or Forbidden.
    """
    g.identity = who
    if who is VISITOR:
        _settle_token()
        g.forget_token = True
    _check_audience()


def request_token() -> str | None:
    """The token that came with the request: a bearer in the API, a cookie on pages, never mixed."""
    if wants_json():
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" and token.strip() else None
    return request.cookies.get(cookie_name("bookstore_token", policy()))


def install(app: Flask, verifier: TokenVerifier) -> None:
    """Make the app know who is asking, and refuse whoever may not."""
    app.extensions["bookstore.verifier"] = verifier
    app.before_request(_identify)
    app.before_request(_check_audience)
    app.before_request(_refuse_cross_site)
    app.after_request(_keep_identity)


def _identify() -> None:
    g.identity = VISITOR
    token = request_token()
    if token is None or _is_alike_for_all() or _view_audience() is Audience.SERVICES:
        return
    try:
        g.identity = _verifier().verify(token)
    except ExpiredToken as expired:
        if wants_json():
            _unless_renewing(expired)
        elif sharing():
            # nginx would not hand a new token on; a name is all that is shown.
            g.identity = expired.identity
        else:
            g.identity = _renew(token, expired)
    except (InvalidToken, AccountsUnavailable) as error:
        if wants_json():
            _unless_renewing(error)
        elif isinstance(error, InvalidToken):
            g.forget_token = True
        else:
            g.unidentified = error
    if isinstance(g.identity, Identity):
        structlog.contextvars.bind_contextvars(user_id=g.identity.user_id)


def _is_alike_for_all() -> bool:
    """Whether nobody is asked who they are: a file, or what nginx keeps for everybody."""
    return request.endpoint == "static" or bool(sharing() and request.endpoint != "web.personal")


def _unless_renewing(error: ShopError) -> None:
    """A client of the API exchanges its expired token at a route for everyone, which checks it itself."""
    if _view_audience() is not Audience.EVERYONE:
        raise error


def _renew(token: str, expired: ExpiredToken) -> Identity | Visitor:
    verifier = _verifier()
    try:
        g.fresh_token = verifier.accounts.renew(token)
        return verifier.verify(g.fresh_token)
    except InvalidToken:
        g.forget_token = True
        return VISITOR
    except AccountsUnavailable as error:
        if expired.age < policy().accounts_outage_grace.total_seconds():
            return expired.identity
        g.unidentified = error
        return VISITOR


def _verifier() -> TokenVerifier:
    verifier = current_app.extensions["bookstore.verifier"]
    assert isinstance(verifier, TokenVerifier)
    return verifier


def _view_audience() -> Audience | None:
    """The audience of the view that was asked for; None when there is no such view."""
    view = _view()
    return None if view is None else Audience(view.__dict__["audience"])


def _view() -> Callable[..., Any] | None:
    return current_app.view_functions.get(request.endpoint or "")


def _check_audience() -> None:
    who = _view_audience()
    if who is None:
        return
    if who is Audience.SERVICES:
        _check_service_credential()
    elif who is not Audience.EVERYONE and not current_user().is_authenticated:
        # Somebody who may be logged in must not be sent to log in, least of all at accounts that is away.
        raise g.get("unidentified") or SignInRequired
    elif who is Audience.ADMIN and not current_user().is_admin:
        raise Forbidden


def _check_service_credential() -> None:
    expected = policy().service_token
    offered = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not expected or not hmac.compare_digest(offered.encode(), expected.encode()):
        raise Forbidden


def _refuse_cross_site() -> None:
    """Two walls: what the browser says of where the form came from, and the token in the form."""
    if request.method in SAFE_METHODS or wants_json() or request.endpoint is None:
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise CrossSiteRequest
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise CrossSiteRequest
    if origin is not None and hasattr(_view(), "on_shared_pages"):
        # As flask-wtf notes that the token was looked at, for the forms that would do it once more.
        g.csrf_valid = True
        return
    try:
        current_app.extensions["csrf"].protect()
    except CSRFError as error:
        raise CrossSiteRequest from error


def _keep_identity(response: Response) -> Response:
    if fresh_token := g.get("fresh_token"):
        keep_token(response, fresh_token)
    elif g.get("forget_token"):
        forget_token(response)
    return response
