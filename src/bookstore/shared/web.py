"""The Flask app that all services share: templates, languages, security headers."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, g, request
from flask_babel import Babel, format_date, format_datetime, get_locale
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from bookstore.shared import access, error_pages, sharing, telemetry, template_words
from bookstore.shared.access import Audience, audience, current_user
from bookstore.shared.edge import (
    LOCALES,
    YEAR,
    WebPolicy,
    cart_count,
    chosen_locale,
    cookie_name,
    policy,
)
from bookstore.shared.identity import Identity, TokenVerifier
from bookstore.shared.money import Money
from bookstore.shared.pages import pages
from bookstore.shared.sharing import Sharing
from bookstore.shared.tracing import Tracing

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)


def new_app(
    edge: WebPolicy, verifier: TokenVerifier, translations: list[Path], tracing: Tracing | None = None
) -> Flask:
    """A Flask app with everything that has nothing to do with books."""
    app = Flask("bookstore.shared", static_folder="static", template_folder="templates")
    app.config.update(
        SECRET_KEY=edge.secret_key,
        SESSION_COOKIE_NAME=cookie_name("bookstore_form", edge),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=edge.https,
        MAX_CONTENT_LENGTH=edge.max_body_bytes,
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=12 * 3600,
        BABEL_DEFAULT_LOCALE=edge.default_locale,
        BABEL_DEFAULT_TIMEZONE=edge.timezone,
        BABEL_TRANSLATION_DIRECTORIES=";".join(str(folder) for folder in translations),
    )
    app.extensions["bookstore.web"] = edge
    app.extensions["bookstore.readiness"] = {}
    app.extensions["bookstore.status"] = {}
    if tracing is not None:
        # First of all, so that the span of a request has begun when others ask neighbors about it.
        tracing.watch(app)
    if edge.trusted_proxies:
        hops = edge.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    telemetry.observe_requests(app)
    Babel(app, locale_selector=_select_locale)
    CSRFProtect(app)
    access.install(app, verifier)
    app.after_request(_answer_conditionally)
    app.after_request(_secure_headers)
    sharing.install(app)
    error_pages.install(app)
    _prepare_templates(app, edge)
    app.register_blueprint(pages)
    app.view_functions["static"] = audience(Audience.EVERYONE)(_as_function(app.view_functions["static"]))
    return app


def _as_function(view: Callable[..., Any]) -> Callable[..., Any]:
    """Flask's own static view is a bound method, which cannot carry an audience."""

    def serve(**values: Any) -> Any:
        return view(**values)

    return serve


def static_url(filename: str) -> str:
    """The address of a file of the app itself, which changes when its content does."""
    return f"{current_app.static_url_path}/{filename}?v={_static_version(filename)}"


@cache
def _static_version(filename: str) -> str:
    content = (Path(__file__).parent / "static" / filename).read_bytes()
    return hashlib.sha256(content).hexdigest()[:12]


def _secure_headers(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers["X-Served-By"] = f"{_serving()}/{policy().process.replica_label}"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=()"
    if policy().https:
        response.headers["Strict-Transport-Security"] = f"max-age={YEAR}; includeSubDomains"
    if request.endpoint == "static" and "v" in request.args:
        response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    elif "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store" if current_user().is_authenticated else "no-cache"
    return response


def _serving() -> str:
    return policy().process.service_of(request.blueprint)


def _answer_conditionally(response: Response) -> Response:
    """Whoever has the same answer already is told so (304), unless it is for nobody to keep."""
    is_kept = request.method == "GET" and response.status_code == 200 and not response.direct_passthrough
    if is_kept and not response.cache_control.no_store:
        response.add_etag()
        response.make_conditional(request)
    return response


def _select_locale() -> str:
    if told := sharing.told_locale():
        return told
    if chosen := chosen_locale():
        return chosen
    user = current_user()
    if isinstance(user, Identity) and user.locale in LOCALES:
        return user.locale
    return request.accept_languages.best_match(list(LOCALES)) or policy().default_locale


def _prepare_templates(app: Flask, edge: WebPolicy) -> None:
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters["money"] = _format_money
    app.jinja_env.filters["date"] = _format_date
    app.jinja_env.filters["datetime"] = format_datetime
    app.jinja_env.globals["static_url"] = static_url
    template_words.install(app)

    @app.context_processor
    def context() -> dict[str, Any]:
        return {
            "current_user": current_user(),
            "cart_count": 0 if sharing.sharing() == Sharing.VISITOR else cart_count(),
            "locale": str(get_locale()),
            "locales": LOCALES,
            "request_id": g.get("request_id", ""),
            "currency": edge.currency,
            "serving": _serving(),
            "replica": edge.process.replica_label,
        }


def _format_money(amount: Money | Mapping[str, str]) -> str:
    """Money, or the form it has in JSON (as in the parameters of a mail)."""
    money = amount if isinstance(amount, Money) else Money.parse(amount["amount"], amount["currency"])
    return money.localized(str(get_locale()))


def _format_date(value: date | datetime) -> str:
    return str(format_date(value, format="long"))
