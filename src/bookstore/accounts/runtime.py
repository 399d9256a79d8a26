"""What the views of accounts work with, fetched from the app that serves the request."""

from dataclasses import dataclass

from flask import current_app, request

from bookstore.accounts.devices import Device
from bookstore.accounts.policy import Policy
from bookstore.shared.database import Database
from bookstore.shared.mail import Render

EXTENSION = "bookstore.accounts"


@dataclass(frozen=True)
class Runtime:
    """The service's database and policy, and what turns a queued mail into text."""

    database: Database
    policy: Policy
    render: Render


def current() -> Runtime:
    """The runtime of the app that serves this request."""
    runtime = current_app.extensions[EXTENSION]
    assert isinstance(runtime, Runtime)
    return runtime


def client_address() -> str:
    """Where the request came from, behind the trusted proxies."""
    return request.remote_addr or ""


def client_device() -> Device:
    """What the request was sent from."""
    return Device(client_address(), request.user_agent.string)
