"""The one place where an error becomes a page or problem+json (RFC 9457)."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, g, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from bookstore.shared import telemetry
from bookstore.shared.database import DATABASE_AWAY
from bookstore.shared.edge import SAFE_METHODS, local_path, wants_json
from bookstore.shared.errors import N_, DatabaseUnavailable, ShopError, SignInRequired
from bookstore.shared.money import Money
from bookstore.shared.sharing import stop_sharing

# Of a body that is refused at sight so much is still taken off the wire.
MOST_DISCARDED = 64 * 1024 * 1024
CHUNK = 64 * 1024


def install(app: Flask) -> None:
    for error in (ShopError, HTTPException, Exception):
        app.register_error_handler(error, _show_error)


TITLES: Mapping[int, str] = {
    400: N_("The request is not valid"),
    401: N_("Please log in"),
    403: N_("This is not yours to see"),
    404: N_("Page not found"),
    405: N_("This cannot be done here"),
    409: N_("Something has changed meanwhile"),
    413: N_("Too large"),
    415: N_("This kind of file is not accepted"),
    422: N_("Some values are not valid"),
    429: N_("Too many requests"),
    500: N_("Something went wrong on our side"),
    503: N_("A part of the shop is away"),
    507: N_("No room left"),
}

MESSAGES: Mapping[int, str] = {
    400: N_("The request cannot be carried out."),
    404: N_("There is nothing at this address. It may have been moved or removed."),
    405: N_("This address does not accept this kind of request."),
    413: N_("What you sent is larger than we accept."),
    500: N_("The error has been recorded. Nothing that you had already completed is lost."),
}

CODES: Mapping[int, str] = {
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid_request",
    500: "internal_error",
}


def _show_error(error: Exception) -> ResponseReturnValue:
    """The one place where an error becomes a page or problem+json."""
    if isinstance(error, HTTPException) and error.code is not None and error.code < 400:
        return error  # a redirect of the router
    if isinstance(error, DATABASE_AWAY):
        telemetry.log.error("the database does not answer", path=request.path, error=type(error).__name__)
        error = DatabaseUnavailable()
    if not isinstance(error, ShopError | HTTPException):
        telemetry.log.exception("unhandled error", path=request.path)
    if isinstance(error, SignInRequired) and not wants_json():
        return redirect(_login_address())
    if isinstance(error, RequestEntityTooLarge):
        _discard_body()
    stop_sharing()
    status = _status(error)
    answer = _problem(error, status) if wants_json() else _error_page(error, status)
    for name, value in _error_headers(error).items():
        answer.headers[name] = value
    return answer


def _discard_body() -> None:
    """A client who is still sending when the connection closes loses the answer with it: let it finish."""
    length, most = request.content_length, request.max_content_length
    refused_at_sight = length is not None and most is not None and most < length <= MOST_DISCARDED
    body = request.environ["wsgi.input"]
    while refused_at_sight and length and (chunk := body.read(min(CHUNK, length))):
        length -= len(chunk)


def _login_address() -> str:
    wanted = request.full_path.rstrip("?") if request.method in SAFE_METHODS else local_path(request.referrer)
    return f"/accounts/login?next={quote(wanted, safe='/')}"


def _status(error: Exception) -> int:
    if isinstance(error, ShopError):
        return error.status
    return error.code or 500 if isinstance(error, HTTPException) else 500


def _error_headers(error: Exception) -> Mapping[str, str]:
    if isinstance(error, SignInRequired):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, ShopError):
        return error.headers
    valid_methods = getattr(error, "valid_methods", None)
    return {"Allow": ", ".join(sorted(valid_methods))} if valid_methods else {}


def _message(error: Exception, status: int) -> str:
    if isinstance(error, ShopError):
        return str(gettext(error.title)) % error.details if error.details else str(gettext(error.title))
    return str(gettext(MESSAGES.get(status, MESSAGES[400])))


def _problem(error: Exception, status: int) -> Response:
    """RFC 9457: a stable `code`, the details of the event, and the fields that were wrong."""
    code = error.code if isinstance(error, ShopError) else CODES.get(status, "bad_request")
    body: dict[str, Any] = {
        "type": f"urn:bookstore:error:{code}",
        "title": gettext(TITLES.get(status, TITLES[400])),
        "status": status,
        "detail": _message(error, status),
        "code": code,
        "instance": request.path,
        "request_id": g.get("request_id", ""),
    }
    if isinstance(error, ShopError):
        body |= {name: _plain(value) for name, value in error.details.items() if name not in body}
    if fields := _invalid_fields(error):
        body["errors"] = fields
    response = jsonify(body)
    response.status_code = status
    response.mimetype = "application/problem+json"
    return response


def _plain(value: Any) -> Any:
    if isinstance(value, Money):
        return value.wire()
    return value if isinstance(value, str | int | bool | list | dict | None) else str(value)


def _invalid_fields(error: Exception) -> list[dict[str, str]]:
    """What the request parser found, as a flat list of field paths and messages."""
    messages = (getattr(error, "data", None) or {}).get("messages")
    return list(_flatten(messages, ())) if messages else []


def _flatten(node: Any, path: tuple[str, ...]) -> Iterator[dict[str, str]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _flatten(value, (*path, str(key)))
    elif isinstance(node, list | tuple):
        for message in node:
            yield from _flatten(message, path)
    else:
        yield {"field": ".".join(path), "message": str(node)}


def _error_page(error: Exception, status: int) -> Response:
    page = render_template(
        "errors/error.html",
        status=status,
        title=gettext(TITLES.get(status, TITLES[400])),
        message=_message(error, status),
        request_id=g.get("request_id", ""),
    )
    return Response(page, status)
