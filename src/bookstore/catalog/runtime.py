"""What the views of the catalog work with, fetched from the app that serves the request."""

from dataclasses import dataclass

from flask import current_app

from bookstore.catalog.photos import PhotoFolder
from bookstore.catalog.policy import Policy
from bookstore.catalog.search import Search
from bookstore.shared.database import Database

EXTENSION = "bookstore.catalog"


@dataclass(frozen=True)
class Runtime:
    """The service's database and policy, its search, and the folder of its photos."""

    database: Database
    policy: Policy
    search: Search

    @property
    def photos(self) -> PhotoFolder:
        return photo_folder(self.policy)


def current() -> Runtime:
    """The runtime of the app that serves this request."""
    runtime = current_app.extensions[EXTENSION]
    assert isinstance(runtime, Runtime)
    return runtime


def photo_folder(policy: Policy) -> PhotoFolder:
    return PhotoFolder(policy.media_dir, policy.max_upload_bytes)
