"""What the views of orders work with, fetched from the app that serves the request."""

from dataclasses import dataclass

from flask import current_app

from bookstore.orders.policy import Policy
from bookstore.orders.ports import Catalog, PaymentGateway
from bookstore.shared.database import Database

EXTENSION = "bookstore.orders"


@dataclass(frozen=True)
class Runtime:
    """The service's database and policy, and whom it talks to."""

    database: Database
    policy: Policy
    catalog: Catalog
    gateway: PaymentGateway


def current() -> Runtime:
    """The runtime of the app that serves this request."""
    runtime = current_app.extensions[EXTENSION]
    assert isinstance(runtime, Runtime)
    return runtime
