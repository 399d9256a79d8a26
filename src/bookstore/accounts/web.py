"""Puts accounts into a Flask app."""

from functools import partial

from flask import Flask

from bookstore.accounts import (  # the view modules add their routes to the blueprints
    admin_views,
    api,
    internal,
    profile_views,
    reset_views,
    views,
)
from bookstore.accounts.models import Replica
from bookstore.accounts.pages import pages
from bookstore.accounts.policy import Policy
from bookstore.accounts.queues import queues
from bookstore.accounts.runtime import EXTENSION, Runtime
from bookstore.accounts.secrets_at_rest import BrokenSeal, unseal
from bookstore.shared.api import register_api
from bookstore.shared.database import Database
from bookstore.shared.mail_text import renderer
from bookstore.shared.pages import database_is_ready, ready_when
from bookstore.shared.status import Reporter
from bookstore.shared.status_views import report_status

DESCRIPTION = "People, credentials and sessions: register, log in, renew and end sessions; admins ban."

__all__ = ["admin_views", "install", "profile_views", "reset_views", "views"]


def install(app: Flask, database: Database, policy: Policy) -> None:
    render = renderer(app, "accounts", policy.public_url)
    app.extensions[EXTENSION] = Runtime(database, policy, render)
    app.jinja_env.filters["unsealed"] = partial(_unsealed, policy.secret_key)
    app.register_blueprint(pages)
    app.register_blueprint(internal.internal)
    app.register_blueprint(internal.well_known)
    register_api(app, "accounts", api.blueprint, DESCRIPTION)
    ready_when(app, "accounts_database", database_is_ready(database))
    report_status(app, "accounts", Reporter(database, Replica, queues))


def _unsealed(secret_key: str, sealed: str) -> str:
    """A sealed value in a mail's template; one sealed with another secret key is of no use to anybody."""
    try:
        return unseal(secret_key, sealed)
    except BrokenSeal:
        return "expired"
