"""Puts orders into a Flask app."""

from flask import Flask

from bookstore.orders import (  # the view modules add their routes to the blueprint
    admin_views,
    api,
    cart_views,
    checkout_views,
    sales_views,
    views,
)
from bookstore.orders.models import Replica
from bookstore.orders.pages import pages
from bookstore.orders.policy import Policy
from bookstore.orders.ports import Catalog, PaymentGateway
from bookstore.orders.queues import queues
from bookstore.orders.runtime import EXTENSION, Runtime
from bookstore.shared.api import register_api
from bookstore.shared.database import Database
from bookstore.shared.pages import database_is_ready, ready_when
from bookstore.shared.status import Reporter
from bookstore.shared.status_views import report_status

DESCRIPTION = (
    "Purchases: place an order, pay it, cancel it, follow it; for sellers, what to ship. "
    "Prices are the shop's to compute; a body that brings one is refused."
)

__all__ = ["admin_views", "cart_views", "checkout_views", "install", "sales_views", "views"]


def install(
    app: Flask, database: Database, policy: Policy, catalog: Catalog, gateway: PaymentGateway
) -> None:
    app.extensions[EXTENSION] = Runtime(database, policy, catalog, gateway)
    app.register_blueprint(pages)
    register_api(app, "orders", api.blueprint, DESCRIPTION)
    ready_when(app, "orders_database", database_is_ready(database))
    report_status(app, "orders", Reporter(database, Replica, queues))
