"""What every view may ask about its request: the edge's policy, where it came from, which language."""

from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Response, current_app, g, request

from bookstore.shared.process import Process

LOCALES = {"es": "Español", "en": "English"}
LOCALE_COOKIE = "bookstore_locale"
CART_COUNT_COOKIE = "bookstore_cart_count"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
YEAR = 365 * 24 * 3600


@dataclass(frozen=True)
class WebPolicy:
    """What the web edge needs to know from the settings."""

    secret_key: str
    https: bool = False
    trusted_proxies: int = 0
    default_locale: str = "en"
    timezone: str = "UTC"
    currency: str = "USD"
    session_lifetime: timedelta = timedelta(days=14)
    accounts_outage_grace: timedelta = timedelta(hours=12)
    service_token: str = ""
    max_body_bytes: int = 1024 * 1024
    process: Process = field(default_factory=Process)


def policy() -> WebPolicy:
    found = current_app.extensions["bookstore.web"]
    assert isinstance(found, WebPolicy)
    return found


def wants_json() -> bool:
    """Whether this request came to the API, where every answer is JSON."""
    return request.path.startswith(("/api/v1/", "/internal/"))


def local_path(target: str | None, default: str = "/") -> str:
    """The target if it is a path of this shop, else the default: nobody is sent to another site."""
    if not target:
        return default
    parts = urlsplit(target)
    same_site = not parts.netloc or parts.netloc == request.host
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    safe = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if same_site and safe else default


def cookie_name(name: str, edge: WebPolicy) -> str:
    return f"__Host-{name}" if edge.https else name


def chosen_locale() -> str | None:
    """The language that was chosen in this browser; it goes before the one that a member has on record."""
    chosen = request.cookies.get(LOCALE_COOKIE)
    return chosen if chosen in LOCALES else None


def remember_locale(response: Response, locale: str) -> None:
    response.set_cookie(LOCALE_COOKIE, locale, max_age=YEAR, samesite="Lax", secure=policy().https)


def cart_count() -> int:
    """How many copies are in the cart, as far as this request or the browser knows."""
    told = request.cookies.get(CART_COUNT_COOKIE, "0")
    known: int = g.get("cart_count", int(told) if told.isdecimal() and len(told) < 5 else 0)
    return known


def note_cart_count(count: int) -> None:
    """What this request has found out is what its page says, though the browser was told otherwise before."""
    g.cart_count = count


def show_cart_count(response: Response, count: int) -> None:
    """Tell the pages of every service how many copies are in the cart, without asking orders."""
    response.set_cookie(CART_COUNT_COOKIE, str(count), max_age=YEAR, samesite="Lax", secure=policy().https)
