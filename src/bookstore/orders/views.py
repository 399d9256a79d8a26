"""The buyer's orders: the list, one order, paying, canceling and receiving it."""

import uuid
from datetime import datetime

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bookstore.orders import cancellation, fulfillment, lookup, payments
from bookstore.orders.forms import PaymentForm
from bookstore.orders.models import Order
from bookstore.orders.pages import MAX_ID, pages
from bookstore.orders.payment_models import Method, PaymentStatus
from bookstore.orders.ports import GatewayError, PaymentDeclined, ReservationExpired
from bookstore.orders.runtime import current
from bookstore.shared.access import Audience, audience, signed_in_user

ORDERS_PER_PAGE = 20
ENDED_EARLY = {"canceled", "expired", "refunded"}


@pages.get("/")
@audience(Audience.SIGNED_IN)
def list_orders() -> ResponseReturnValue:
    """The buyer's own orders, the newest first."""
    cursor = request.args.get("cursor")
    with current().database.reading() as session:
        page = lookup.orders_of_buyer(session, signed_in_user().user_id, cursor, ORDERS_PER_PAGE)
    return render_template("orders/orders.html", page=page, is_first=cursor is None)


@pages.get("/<reference>")
@audience(Audience.SIGNED_IN)
def show_order(reference: str) -> ResponseReturnValue:
    """One order with its steps, shipments and payments; a stranger finds nothing here."""
    order = _own_order(reference)
    return render_template("orders/order.html", order=order, steps=_steps(order))


@pages.get("/<reference>/pay")
@audience(Audience.SIGNED_IN)
def choose_payment(reference: str) -> ResponseReturnValue:
    """How to pay the order."""
    order = _own_order(reference)
    if not order.is_open or order.active_payment is not None:
        return redirect(url_for("orders.show_order", reference=reference), 303)
    return _payment_page(order, PaymentForm())


@pages.post("/<reference>/pay")
@audience(Audience.SIGNED_IN)
def pay(reference: str) -> ResponseReturnValue:
    """Pay the whole order; a decline is said on the same page, anything else on the order's."""
    order = _own_order(reference)
    form = PaymentForm()
    if not form.validate():
        return _payment_page(order, form), 422
    try:
        _pay(order, form)
    except PaymentDeclined as refusal:
        return _payment_page(_own_order(reference), form, gettext(refusal.title)), refusal.status
    except (GatewayError, payments.PaymentDelayed, ReservationExpired) as delay:
        flash(gettext(delay.title), "warning")
    return redirect(url_for("orders.show_order", reference=reference), 303)


@pages.post("/<reference>/cancel")
@audience(Audience.SIGNED_IN)
def cancel(reference: str) -> ResponseReturnValue:
    """Stop the order; what was paid is given back."""
    runtime = current()
    with runtime.database.writing() as session:
        cancellation.cancel(
            session,
            runtime.catalog,
            runtime.gateway,
            runtime.policy,
            buyer_id=signed_in_user().user_id,
            reference=reference,
        )
    return redirect(url_for("orders.show_order", reference=reference), 303)


@pages.post(f"/<reference>/shipments/<int(max={MAX_ID}):shipment_id>/received")
@audience(Audience.SIGNED_IN)
def receive(reference: str, shipment_id: int) -> ResponseReturnValue:
    """A parcel has arrived."""
    buyer_id = signed_in_user().user_id
    with current().database.writing() as session:
        fulfillment.receive(session, buyer_id=buyer_id, reference=reference, shipment_id=shipment_id)
    flash(gettext("Thank you. Enjoy your books!"), "success")
    return redirect(url_for("orders.show_order", reference=reference), 303)


def _own_order(reference: str) -> Order:
    with current().database.reading() as session:
        return lookup.order_of_buyer(session, signed_in_user().user_id, reference)


def _steps(order: Order) -> list[tuple[str, datetime | None, bool]]:
    """The timeline: what has happened and, unless the order has ended early, what is to come."""
    names = {
        "placed": gettext("Placed"),
        "paid": gettext("Paid"),
        "shipped": gettext("Shipped"),
        "delivered": gettext("Received"),
        "canceled": gettext("Canceled"),
        "expired": gettext("Expired"),
        "refunded": gettext("Money given back"),
    }
    made = {step.name: step.at for step in order.timeline}
    coming = [] if ENDED_EARLY & set(made) else ["paid", "shipped", "delivered"]
    steps: list[tuple[str, datetime | None, bool]] = [(names[name], at, True) for name, at in made.items()]
    return steps + [(names[name], None, False) for name in coming if name not in made]


def _pay(order: Order, form: PaymentForm) -> None:
    runtime = current()
    with runtime.database.writing() as session:
        payment = payments.pay(
            session,
            runtime.catalog,
            runtime.gateway,
            runtime.policy,
            buyer_id=signed_in_user().user_id,
            reference=order.reference,
            method=Method(form.method.data),
            token=form.token.data,
            request_key=_request_key(order),
        )
    if payment.status is PaymentStatus.CAPTURED:
        flash(gettext("Thank you! Your payment has been received."), "success")
    elif payment.status is PaymentStatus.PENDING:
        flash(gettext("Thank you! Now transfer the money, please; the details are below."), "success")


def _request_key(order: Order) -> str:
    """The key of the page that was sent, so that a second click is the same payment.

    The order is part of it: nobody can meet the key of somebody else's payment.
    """
    try:
        page = uuid.UUID(request.form.get("key", ""))
    except ValueError:
        page = uuid.uuid4()
    return f"{order.reference}-{page.hex}"


def _payment_page(order: Order, form: PaymentForm, refusal: str = "") -> str:
    methods = {
        Method.CARD.value: {"text": gettext("Charged at once.")},
        Method.PAYPAL.value: {"text": gettext("Charged at once.")},
        Method.BANK_TRANSFER.value: {
            "text": gettext("You transfer the money yourself; the books leave when it has arrived.")
        },
    }
    return render_template(
        "orders/pay.html",
        order=order,
        form=form,
        methods=methods,
        key=str(uuid.uuid4()),
        refusal=refusal,
    )
