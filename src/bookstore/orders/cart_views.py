"""The cart's page and what can be done there."""

from flask import flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bookstore.orders import cart, cart_review
from bookstore.orders.cart import CartOwner, NotForSale
from bookstore.orders.checkout import InvalidQuantity, OwnListing
from bookstore.orders.forms import AddForm, QuantityForm
from bookstore.orders.pages import MAX_ID, cart_owner, keep_cart_cookie, new_visitor, pages
from bookstore.orders.runtime import current
from bookstore.shared.access import Audience, audience, on_shared_pages
from bookstore.shared.edge import note_cart_count, show_cart_count

LINE = f"/cart/<int(max={MAX_ID}):listing_id>"


@pages.get("/cart")
@audience(Audience.EVERYONE)
def show_cart() -> ResponseReturnValue:
    """What is in the cart, and what has changed about it."""
    return _cart_page(cart_owner())


@pages.post("/cart")
@on_shared_pages
@audience(Audience.EVERYONE)
def add_to_cart() -> ResponseReturnValue:
    """Put copies of a listing into the cart."""
    form = AddForm()
    form.validate()
    listing_id, quantity = form.listing_id.data, form.quantity.data
    if not listing_id:
        raise NotForSale
    if form.errors or quantity is None:
        raise InvalidQuantity(listing_id)
    owner, secret = cart_owner(), None
    if owner == cart.NOBODY:
        owner, secret = new_visitor()
    runtime = current()
    try:
        with runtime.database.writing() as session:
            copies = cart.add(session, runtime.catalog, owner, listing_id, quantity)
    except OwnListing as own:
        # The page of a book is the same for everybody, its seller too, who came to change the offer.
        flash(gettext(own.title), "warning")
        return redirect(f"/sell/{listing_id}", 303)
    flash(gettext("Added to your cart."), "success")
    response = make_response(redirect(url_for("orders.show_cart"), 303))
    if secret is not None:
        keep_cart_cookie(response, secret)
    show_cart_count(response, copies)
    return response


@pages.post(LINE)
@audience(Audience.EVERYONE)
def change_quantity(listing_id: int) -> ResponseReturnValue:
    """Buy more or fewer copies of a listing."""
    form = QuantityForm()
    quantity = form.quantity.data
    if not form.validate() or quantity is None:
        return _cart_page(cart_owner(), (listing_id, form))
    with current().database.writing() as session:
        copies = cart.set_quantity(session, cart_owner(), listing_id, quantity)
    return _back_to_cart(copies)


@pages.post(f"{LINE}/remove")
@audience(Audience.EVERYONE)
def remove_from_cart(listing_id: int) -> ResponseReturnValue:
    """Do not buy this listing after all."""
    with current().database.writing() as session:
        copies = cart.remove(session, cart_owner(), listing_id)
    flash(gettext("Removed from your cart."), "success")
    return _back_to_cart(copies)


@pages.post("/cart/clear")
@audience(Audience.EVERYONE)
def clear_cart() -> ResponseReturnValue:
    """Empty the cart."""
    with current().database.writing() as session:
        cart.clear(session, cart_owner())
    flash(gettext("Your cart is empty now."), "success")
    return _back_to_cart(0)


@pages.post("/cart/accept")
@audience(Audience.EVERYONE)
def accept_changes() -> ResponseReturnValue:
    """Go on with the prices and copies of now."""
    runtime = current()
    with runtime.database.writing() as session:
        copies = cart.accept_changes(session, runtime.catalog, cart_owner())
    flash(gettext("Your cart is up to date."), "success")
    return _back_to_cart(copies)


def _back_to_cart(copies: int) -> ResponseReturnValue:
    response = make_response(redirect(url_for("orders.show_cart"), 303))
    show_cart_count(response, copies)
    return response


def _cart_page(owner: CartOwner, refused: tuple[int, QuantityForm] | None = None) -> ResponseReturnValue:
    """The page; `refused` is a quantity that was not accepted, shown beside its field."""
    runtime = current()
    with runtime.database.reading() as session:
        review = cart_review.review(session, runtime.catalog, owner, runtime.policy.currency)
    note_cart_count(review.copies)
    page = render_template("orders/cart.html", review=review, refused=refused)
    response = make_response(page, 422 if refused else 200)
    show_cart_count(response, review.copies)
    return response
