"""Owns what is for sale: books, listings, how many copies are available, held and sold, and the search."""

from typing import TYPE_CHECKING

from flask import Flask

from bookstore.catalog.background import jobs
from bookstore.catalog.policy import Policy
from bookstore.shared.database import Database

if TYPE_CHECKING:
    from bookstore.catalog.search import Search

__all__ = ["jobs", "register"]


def register(app: Flask, database: Database, policy: Policy, search: "Search") -> None:
    """Add the pages, the API and the internal routes of the catalog to an app."""
    from bookstore.catalog import web

    web.install(app, database, policy, search)
