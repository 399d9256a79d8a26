"""The checkout: where to and with whom, a last look, and the order."""

import time
from dataclasses import asdict

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, gettext

from bookstore.orders import cart, cart_review, checkout, lookup
from bookstore.orders.carriers import (
    DeliveryNotOffered,
    DeliveryOption,
    chosen_option,
    delivery_options,
)
from bookstore.orders.cart import CartOwner, Delivery
from bookstore.orders.cart_models import Coverage
from bookstore.orders.cart_review import CartReview
from bookstore.orders.countries import country_name
from bookstore.orders.forms import DeliveryForm
from bookstore.orders.models import Order
from bookstore.orders.pages import pages
from bookstore.orders.ports import CatalogUnavailable, Line, OutOfStock, ReservationExpired
from bookstore.orders.runtime import current
from bookstore.shared.access import Audience, audience, signed_in_user
from bookstore.shared.edge import show_cart_count
from bookstore.shared.errors import NotFound, ShopError

# How long the slower of two clicks waits for the order of the faster one.
OTHER_CLICK_SECONDS = 1.5
OTHER_CLICK_LOOKS = 15


@pages.get("/checkout")
@audience(Audience.SIGNED_IN)
def enter_delivery() -> ResponseReturnValue:
    """Where the books shall go, and with which carrier."""
    review = _review()
    if not review.ready:
        return _back_to_cart(review)
    return _delivery_page(review, _delivery_form())


@pages.post("/checkout")
@audience(Audience.SIGNED_IN)
def keep_delivery() -> ResponseReturnValue:
    """Remember the address and the carrier, and go on to the last look."""
    review = _review()
    if not review.lines:
        return _back_to_cart(review)
    form = _delivery_form()
    if not form.validate():
        return _delivery_page(review, form), 422
    with current().database.writing() as session:
        cart.keep_delivery(session, _owner(), form.address(), form.option_id.data)
    return redirect(url_for("orders.review_order"), 303)


@pages.get("/checkout/review")
@audience(Audience.SIGNED_IN)
def review_order() -> ResponseReturnValue:
    """Everything that is about to be ordered, with its total."""
    review = _review()
    if not review.lines:
        return _back_to_cart(review)
    return _review_page(review)


@pages.post("/checkout/accept")
@audience(Audience.SIGNED_IN)
def accept_at_checkout() -> ResponseReturnValue:
    """Go on with the prices and copies of now, without losing the address."""
    runtime = current()
    with runtime.database.writing() as session:
        copies = cart.accept_changes(session, runtime.catalog, _owner())
    response = make_response(redirect(url_for("orders.review_order"), 303))
    show_cart_count(response, copies)
    return response


@pages.post("/checkout/place")
@audience(Audience.SIGNED_IN)
def place_order() -> ResponseReturnValue:
    """Place the order as it was shown, and no other."""
    reference = request.form.get("reference", "")
    review, delivery = _review(), _kept_delivery()
    option = _option(delivery)
    # After the cart was read: if the first of two clicks had emptied it by then, its order is found.
    placed = _placed_before(reference)
    if placed is not None:
        return _to_payment(placed)
    if not review.lines or delivery is None or option is None:
        return _back_to_cart(review)
    seen = cart_review.seen_digest(review, option, delivery.address)
    if not review.ready or (delivery.reference, seen) != (reference, request.form.get("seen")):
        # What has changed may be our own doing: the other of two clicks holds the copies already and is
        # about to record the order.
        placed = _placed_soon(reference) if delivery.reference == reference else None
        if placed is not None:
            return _to_payment(placed)
        away = review.catalog_away
        return _review_page(review, CatalogUnavailable() if away else checkout.TotalChanged())
    try:
        return _to_payment(_place(review, delivery, option))
    except (checkout.TotalChanged, OutOfStock, ReservationExpired) as refusal:
        with current().database.writing() as session:
            cart.renew_reference(session, _owner(), reference)
        return _review_page(_review(), refusal)
    except CatalogUnavailable as refusal:
        return _review_page(_review(), refusal)


def _place(review: CartReview, delivery: Delivery, option: DeliveryOption) -> Order:
    runtime = current()
    with runtime.database.writing() as session:
        return checkout.place_order(
            session,
            runtime.catalog,
            runtime.policy,
            reference=delivery.reference,
            buyer=signed_in_user(),
            lines=review.order_lines(),
            option_id=option.id,
            address=delivery.address,
            agreed_total=review.total + option.price,
        )


def _placed_soon(reference: str) -> Order | None:
    """The order of this reference, if another request records it within a moment."""
    for _ in range(OTHER_CLICK_LOOKS):
        placed = _placed_before(reference)
        if placed is not None:
            return placed
        time.sleep(OTHER_CLICK_SECONDS / OTHER_CLICK_LOOKS)
    return None


def _placed_before(reference: str) -> Order | None:
    """The order that an earlier click on the same button has placed."""
    try:
        with current().database.reading() as session:
            return lookup.order_of_buyer(session, signed_in_user().user_id, reference)
    except NotFound:
        return None


def _to_payment(order: Order) -> ResponseReturnValue:
    ordered = [Line(line.listing_id, line.quantity) for line in order.lines]
    with current().database.writing() as session:
        copies = cart.remove_ordered(session, _owner(), order.reference, ordered)
    response = make_response(redirect(url_for("orders.choose_payment", reference=order.reference), 303))
    show_cart_count(response, copies)
    return response


def _owner() -> CartOwner:
    return CartOwner(user_id=signed_in_user().user_id)


def _review() -> CartReview:
    runtime = current()
    with runtime.database.reading() as session:
        return cart_review.review(session, runtime.catalog, _owner(), runtime.policy.currency)


def _kept_delivery() -> Delivery | None:
    with current().database.reading() as session:
        return cart.delivery(session, _owner())


def _option(delivery: Delivery | None) -> DeliveryOption | None:
    """The option that was chosen, if it is still offered."""
    if delivery is None:
        return None
    policy = current().policy
    terms = {"currency": policy.currency, "home_country": policy.home_country}
    try:
        with current().database.reading() as session:
            return chosen_option(session, delivery.option_id, delivery.address.country, **terms)
    except DeliveryNotOffered:
        return None


def _back_to_cart(review: CartReview) -> ResponseReturnValue:
    if not review.lines:
        flash(gettext("Your cart is empty."), "info")
    elif review.changed:
        flash(gettext("Your cart has changed. Please look at it before you order."), "warning")
    return redirect(url_for("orders.show_cart"), 303)


def _delivery_form() -> DeliveryForm:
    """The form, filled with what was entered last, or with the address of the latest order."""
    runtime = current()
    user = signed_in_user()
    with runtime.database.reading() as session:
        options = delivery_options(session, runtime.policy.currency)
        kept = cart.delivery(session, _owner())
        latest = lookup.orders_of_buyer(session, user.user_id, None, 1).items
    if kept is not None:
        known = {**asdict(kept.address), "option_id": kept.option_id}
    elif latest:
        known = {**asdict(latest[0].address), "option_id": latest[0].delivery_option_id}
    else:
        known = {"name": user.name, "country": runtime.policy.home_country}
    return DeliveryForm(options, runtime.policy.home_country, data=known)


def _delivery_page(review: CartReview, form: DeliveryForm) -> str:
    details = {option.id: _described(option) for option in form.options}
    return render_template("orders/checkout.html", review=review, form=form, details=details)


def _described(option: DeliveryOption) -> dict[str, str]:
    """What stands beside the carrier's name."""
    locale = str(get_locale())
    if option.coverage is Coverage.NATIONAL:
        home = country_name(current().policy.home_country, locale)
        text = gettext("Within %(country)s only, %(days)s days at most", country=home, days=option.days)
    else:
        text = gettext("To every country, %(days)s days at most", days=option.days)
    return {"text": text, "price": option.price.localized(locale)}


def _review_page(review: CartReview, refusal: ShopError | None = None) -> ResponseReturnValue:
    """The last look. A `refusal` is why the order was not placed; it gives the answer its status."""
    delivery = _kept_delivery()
    option = _option(delivery)
    if delivery is None or option is None:
        return redirect(url_for("orders.enter_delivery"), 303)
    page = render_template(
        "orders/review.html",
        review=review,
        delivery=delivery,
        option=option,
        total=review.total + option.price,
        seen=cart_review.seen_digest(review, option, delivery.address),
        refusal=refusal,
    )
    return page, refusal.status if refusal else 200
