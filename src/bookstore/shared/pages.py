"""Pages that every process has: health, metrics, the choice of language, where the API is described."""

from collections.abc import Callable

from flask import Blueprint, Flask, current_app, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from bookstore.shared import migrations, telemetry
from bookstore.shared.access import Audience, audience, on_shared_pages
from bookstore.shared.database import Database
from bookstore.shared.edge import LOCALES, local_path, remember_locale
from bookstore.shared.errors import ServiceUnavailable
from bookstore.shared.process import SERVICES
from bookstore.shared.sharing import PERSONAL_SECONDS, Sharing, shared, sharing

Readiness = Callable[[], None]

pages = Blueprint("web", __name__)


@pages.get("/livez")
@audience(Audience.EVERYONE)
def livez() -> ResponseReturnValue:
    """The process answers."""
    return {"status": "ok"}


@pages.get("/readyz")
@audience(Audience.EVERYONE)
def readyz() -> ResponseReturnValue:
    """What this process itself needs in order to serve is there; a neighbor's absence does not count."""
    missing = {}
    for name, check in current_app.extensions["bookstore.readiness"].items():
        try:
            check()
        except Exception as error:  # whatever it is, we are not ready
            telemetry.log.warning("not ready", check=name, error=str(error))
            missing[name] = type(error).__name__
    return ({"status": "not ready", "missing": missing}, 503) if missing else {"status": "ok"}


@pages.get("/metrics")
@audience(Audience.EVERYONE)
def metrics() -> ResponseReturnValue:
    """For Prometheus; the reverse proxy does not route it from outside."""
    return telemetry.metrics_page()


@pages.get("/-/personal")
@shared(Sharing.MEMBER)
@audience(Audience.EVERYONE)
def personal() -> ResponseReturnValue:
    """The end of a page that is the same for everybody: who is here, and what is in the cart.

    nginx keeps it under all cookies of the request. It may show a name when its token has expired: where more
    than a name depends on it, a page is not shared, and asks.
    """
    response = make_response(render_template("personal.html"))
    if sharing():
        response.headers["Cache-Control"] = f"max-age={PERSONAL_SECONDS}"
    return response


@pages.post("/language")
@on_shared_pages
@audience(Audience.EVERYONE)
def set_language() -> ResponseReturnValue:
    """Remember the chosen language in this browser and return to where it was chosen."""
    response = make_response(redirect(local_path(request.form.get("next"))))
    chosen = request.form.get("locale", "")
    if chosen in LOCALES:
        remember_locale(response, chosen)
    return response


@pages.get("/api/docs")
@audience(Audience.EVERYONE)
def api_docs() -> ResponseReturnValue:
    """Where the documentation of each service's API is."""
    return render_template("api/index.html", services=SERVICES)


def ready_when(app: Flask, name: str, check: Readiness) -> None:
    """/readyz is red, naming this, while the check raises."""
    app.extensions["bookstore.readiness"][name] = check


def database_is_ready(database: Database) -> Readiness:
    """The check that the database answers and is migrated; once it was, only that it answers."""
    migrated = False

    def check() -> None:
        nonlocal migrated
        database.ping()
        migrated = migrated or migrations.is_current(database)
        if not migrated:
            raise ServiceUnavailable

    return check
