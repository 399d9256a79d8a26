"""The blueprint of all pages of orders, and whose cart a request is about."""

import secrets
from datetime import datetime

from flask import Blueprint, Response, after_this_request, request
from flask_babel import format_datetime, get_locale

from bookstore.orders import cart
from bookstore.orders.cart import CartOwner, visitor_key
from bookstore.orders.countries import country_name
from bookstore.orders.runtime import current
from bookstore.shared.access import current_user
from bookstore.shared.edge import CART_COUNT_COOKIE, cookie_name, note_cart_count, policy, show_cart_count
from bookstore.shared.identity import Identity

CART_COOKIE = "bookstore_cart"
# No database keeps a whole number beyond this, so no address has one.
MAX_ID = 2**63 - 1

pages = Blueprint("orders", __name__, url_prefix="/orders", template_folder="templates")


@pages.before_request
def _merge_visitors_cart() -> None:
    """At the first request after a login, what the visitor had chosen goes into the member's cart."""
    user, secret = current_user(), _cart_secret()
    if not isinstance(user, Identity) or secret is None:
        return
    with current().database.writing() as session:
        copies = cart.merge(session, user.user_id, visitor_key(secret))
    note_cart_count(copies)

    @after_this_request
    def forget(response: Response) -> Response:
        edge = policy()
        response.delete_cookie(
            cookie_name(CART_COOKIE, edge), secure=edge.https, httponly=True, samesite="Lax"
        )
        told = (cookie.startswith(CART_COUNT_COOKIE) for cookie in response.headers.getlist("Set-Cookie"))
        if not any(told):
            show_cart_count(response, copies)
        return response


@pages.app_template_filter("country")
def _country(code: str) -> str:
    return country_name(code, str(get_locale()))


@pages.app_template_filter("moment")
def _moment(text: str) -> str:
    """A moment that a mail carries as ISO 8601 text."""
    return str(format_datetime(datetime.fromisoformat(text), format="long"))


def cart_owner() -> CartOwner:
    """Whose cart this request is about; a visitor without a cookie has none yet."""
    user = current_user()
    if isinstance(user, Identity):
        return CartOwner(user_id=user.user_id)
    secret = _cart_secret()
    return CartOwner(visitor_key=visitor_key(secret)) if secret else cart.NOBODY


def new_visitor() -> tuple[CartOwner, str]:
    """An owner for the cart of a visitor who has none, and the secret for the cookie."""
    secret = secrets.token_urlsafe(32)
    return CartOwner(visitor_key=visitor_key(secret)), secret


def keep_cart_cookie(response: Response, secret: str) -> None:
    """Let the browser, but no script, keep the key to a visitor's cart."""
    edge = policy()
    response.set_cookie(
        cookie_name(CART_COOKIE, edge),
        secret,
        max_age=cart.VISITOR_CART_LIFETIME,
        secure=edge.https,
        httponly=True,
        samesite="Lax",
    )


def _cart_secret() -> str | None:
    secret = request.cookies.get(cookie_name(CART_COOKIE, policy()), "")
    return secret if 20 <= len(secret) <= 100 else None
