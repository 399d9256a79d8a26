"""The blueprint of all pages of accounts."""

from flask import Blueprint

from bookstore.accounts.living_sessions import require_living_session

pages = Blueprint("accounts", __name__, url_prefix="/accounts", template_folder="templates")
pages.before_request(require_living_session)
