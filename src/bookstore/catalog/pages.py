"""The blueprint of all pages of the catalog, and what their templates need to know."""

from typing import Any

from flask import Blueprint, request

from bookstore.catalog.runtime import current
from bookstore.catalog.terms import Seller
from bookstore.shared.access import signed_in_user

# What a form with a file has besides the file.
FORM_BYTES = 64 * 1024
MAX_SELLER_NAME = 100

pages = Blueprint("catalog", __name__, template_folder="templates")

UPLOADS = {"catalog.publish_listing", "catalog.edit_listing", "catalog.upload_listings"}


@pages.url_value_preprocessor
def _allow_files(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Forms with a file may be larger than others. It must be said before anybody reads the form."""
    if endpoint in UPLOADS:
        request.max_content_length = current().policy.max_upload_bytes + FORM_BYTES


def seller() -> Seller:
    """Who sells, on pages and in calls of people who are logged in. Raises SignInRequired."""
    user = signed_in_user()
    return Seller(user.user_id, user.name[:MAX_SELLER_NAME])
