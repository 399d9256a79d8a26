"""Owns people, their credentials and their sessions; says who is asking, by signing tokens."""

from flask import Flask

from bookstore.accounts.background import jobs
from bookstore.accounts.policy import Policy
from bookstore.shared.database import Database

__all__ = ["jobs", "register"]


def register(app: Flask, database: Database, policy: Policy) -> None:
    """Add the pages, the API and the internal routes of accounts to an app."""
    from bookstore.accounts import web

    web.install(app, database, policy)
