"""Pages and answers that are the same for everybody, which nginx keeps for seconds (ADR 32).

nginx says in a header how it wants such a page: with the masthead of a visitor, or without what is personal,
which it adds itself from `/-/personal`. Without the header, as on a laptop, a page comes whole.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, request

from bookstore.shared.edge import LOCALES, SAFE_METHODS, policy, wants_json

# A change is seen by everybody after so many seconds together. Until they are over, nginx may answer with
# what it has; in the later ones it asks for the page anew meanwhile.
FRESH_SECONDS = 2
STALE_SECONDS = 3
# What belongs to one token and one number of copies in a cart does not change.
PERSONAL_SECONDS = 60
# Longer than a page is kept: so long those who have changed something get whole pages, made for them.
CHANGED_SECONDS = 10
CHANGED_COOKIE = "bookstore_changed"
PAGE_HEADER = "X-Shared-Page"
LOCALE_HEADER = "X-Shop-Locale"

View = TypeVar("View", bound=Callable[..., Any])


class Sharing(StrEnum):
    """How nginx wants what it keeps."""

    VISITOR = "visitor"
    MEMBER = "member"
    ANSWER = "answer"


def shared(*kinds: Sharing) -> Callable[[View], View]:
    """Declare in which ways nginx may keep what this view answers: nothing of it depends on who asks."""

    def declare(view: View) -> View:
        view.shared = kinds  # type: ignore[attr-defined]
        return view

    return declare


def sharing() -> Sharing | None:
    """How this request wants its answer to be shared; None for one that is made for who asks."""
    if "sharing" not in g:
        view = current_app.view_functions.get(request.endpoint or "")
        kinds: tuple[Sharing, ...] = getattr(view, "shared", ())
        asked = request.headers.get(PAGE_HEADER)
        g.sharing = next((kind for kind in kinds if kind == asked and request.method in SAFE_METHODS), None)
    found: Sharing | None = g.sharing
    return found


def stop_sharing() -> None:
    """What was to be shared became an answer to this request alone."""
    g.sharing = None


def told_locale() -> str | None:
    """The language for which nginx keeps this answer."""
    told = request.headers.get(LOCALE_HEADER)
    return told if sharing() and told in LOCALES else None


def install(app: Flask) -> None:
    app.jinja_env.globals["sharing"] = sharing
    app.after_request(_say_how_long)
    app.after_request(_show_changes)


def _say_how_long(response: Response) -> Response:
    if sharing() and response.status_code == 200 and "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = f"max-age={FRESH_SECONDS}, stale-while-revalidate={STALE_SECONDS}"
    return response


def _show_changes(response: Response) -> Response:
    """Whoever has changed something sees it at once, and reads what the shop says of it."""
    if request.method not in SAFE_METHODS and not wants_json() and response.status_code < 400:
        response.set_cookie(
            CHANGED_COOKIE,
            "1",
            max_age=CHANGED_SECONDS,
            secure=policy().https,
            httponly=True,
            samesite="Lax",
        )
    return response
