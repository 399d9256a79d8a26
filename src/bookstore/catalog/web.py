"""Puts the catalog into a Flask app."""

from functools import partial

from flask import Flask

from bookstore.catalog import (  # the view modules add their routes to the blueprints
    api,
    book_views,
    browse_api,
    browse_views,
    internal,
    kept_markup,
    selling_views,
    upload_views,
)
from bookstore.catalog.models import Replica
from bookstore.catalog.pages import pages
from bookstore.catalog.policy import Policy
from bookstore.catalog.queues import queues
from bookstore.catalog.runtime import EXTENSION, Runtime
from bookstore.catalog.search import Search
from bookstore.shared.api import register_api
from bookstore.shared.database import Database
from bookstore.shared.pages import database_is_ready, ready_when
from bookstore.shared.status import Reporter
from bookstore.shared.status_views import report_status

DESCRIPTION = "Books, the listings that offer copies of them, and the search."

__all__ = ["book_views", "browse_api", "browse_views", "install", "selling_views", "upload_views"]


def install(app: Flask, database: Database, policy: Policy, search: Search) -> None:
    app.extensions[EXTENSION] = Runtime(database, policy, search)
    app.register_blueprint(pages)
    kept_markup.install(app)
    app.register_blueprint(internal.internal)
    register_api(app, "catalog", api.blueprint, DESCRIPTION)
    ready_when(app, "catalog_database", database_is_ready(database))

    def facts() -> dict[str, bool]:
        return {"search_ready": search.is_ready}

    report_status(app, "catalog", Reporter(database, Replica, partial(queues, search=search), facts))
