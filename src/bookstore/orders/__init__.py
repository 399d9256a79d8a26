"""Owns purchases: carts, orders with their payments, shipments and deliveries, and the mails about them."""

from flask import Flask

from bookstore.orders.background import jobs
from bookstore.orders.policy import Policy
from bookstore.orders.ports import Catalog, PaymentGateway
from bookstore.shared.database import Database

__all__ = ["jobs", "register"]


def register(
    app: Flask, database: Database, policy: Policy, catalog: Catalog, gateway: PaymentGateway
) -> None:
    """Add the pages and the API of orders to an app."""
    from bookstore.orders import web

    web.install(app, database, policy, catalog, gateway)
