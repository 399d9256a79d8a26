"""Refusing whom the shop would keep waiting too long, so that those whom it serves are served in time.

More people than a server can serve make a line that grows as long as they come: soon everybody waits longer
than they are willing to, and what they asked for is made for nobody. So whoever has waited too long for a
thread is sent away at once, for next to nothing, and told when to come again. Orders, payments and whatever
else changes something may wait longer than pages.
"""

import time
from collections.abc import Callable, Iterable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from bookstore.shared.edge import SAFE_METHODS
from bookstore.shared.telemetry import OPERATORS_ROUTES, REFUSED
from bookstore.shared.web import CONTENT_SECURITY_POLICY

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# How much longer than for a page one waits to change something.
PATIENCE_OF_CHANGES = 2
# A line that has stood for so many times the longest wait does not go by itself; then this part of it is.
STANDS_AFTER, SHORTER = 5, 0.1
# Of another service, which does not wait for long, whatever it asks for.
INSIDE = "/internal/"
RETRY_AFTER_SECONDS = "3"
PROBLEM = (
    b'{"type":"urn:bookstore:error:crowded","title":"Too many people at once","status":503,'
    b'"detail":"The shop is too busy to answer in time. Nothing was changed; please try again in a moment.",'
    b'"code":"crowded"}'
)


def refuse_late(app: "WSGIApplication", waited: Callable[[], float], seconds: float) -> "WSGIApplication":
    """The app, for those who have not waited longer than that; `waited` tells of the request at hand."""

    line = Line(seconds)

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        so_long = waited()
        if so_long <= _patience(environ, line.longest_wait(so_long)):
            return app(environ, start_response)
        REFUSED.inc()
        return _refuse(environ, start_response)

    return serve


class Line:
    """Those who wait for a thread.

    While it stands, whoever is served has waited as long as one may, and a line of that length would stand
    long after the crowd has gone; so the longest wait is shorter then.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._stood_since: float | None = None

    def longest_wait(self, waited: float) -> float:
        """For somebody whose turn it is now, after having waited for so many seconds."""
        # Read once: another thread may say meanwhile that the line is gone.
        now, since = self._clock(), self._stood_since
        if waited <= SHORTER * self._seconds / 2:
            self._stood_since = None
        elif since is None:
            self._stood_since = now
        elif now - since > STANDS_AFTER * self._seconds:
            return SHORTER * self._seconds
        return self._seconds


def _patience(environ: "WSGIEnvironment", seconds: float) -> float:
    path = environ["PATH_INFO"]
    # A busy server is not a dead one, and tells so.
    if path in OPERATORS_ROUTES:
        return float("inf")
    if environ["REQUEST_METHOD"] in SAFE_METHODS or path.startswith(INSIDE):
        return seconds
    return PATIENCE_OF_CHANGES * seconds


def _refuse(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    for_programs = environ["PATH_INFO"].startswith(("/api/", INSIDE))
    body = PROBLEM if for_programs else _page()
    headers = [
        ("Content-Type", "application/problem+json" if for_programs else "text/html; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Retry-After", RETRY_AFTER_SECONDS),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Request-ID", environ.get("HTTP_X_REQUEST_ID", "")),
    ]
    start_response("503 Service Unavailable", headers)
    return [body]


@cache
def _page() -> bytes:
    """In every language of the shop: to find out the reader's takes time that is not there."""
    return (files("bookstore.shared") / "crowded.html").read_bytes()
