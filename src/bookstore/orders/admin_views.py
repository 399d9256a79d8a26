"""What admins do about orders: look into them, decide on bank transfers, read the mails that went out."""

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bookstore.orders import payments
from bookstore.orders.lookup import order_by_reference
from bookstore.orders.models import Mail
from bookstore.orders.pages import MAX_ID, pages
from bookstore.orders.runtime import current
from bookstore.orders.saga_timeline import saga_timeline
from bookstore.shared import mail
from bookstore.shared.access import Audience, audience
from bookstore.shared.errors import NotFound
from bookstore.shared.mail import Render
from bookstore.shared.mail_text import renderer
from bookstore.shared.pagination import decode_cursor, encode_cursor

TRANSFERS_PER_PAGE = 20
MAILS_PER_PAGE = 30


@pages.get("/admin/orders")
@audience(Audience.ADMIN)
def find_order() -> ResponseReturnValue:
    """Any order by its reference."""
    reference = request.args.get("reference", "").strip().upper()
    with current().database.reading() as session:
        order = order_by_reference(session, reference) if reference else None
    if order is not None:
        return redirect(url_for("orders.inspect_order", reference=order.reference), 303)
    return render_template("orders/admin_orders.html", reference=reference), 404 if reference else 200


@pages.get("/admin/orders/<reference>")
@audience(Audience.ADMIN)
def inspect_order(reference: str) -> ResponseReturnValue:
    """Anybody's order, and how the saga carried it out."""
    with current().database.reading() as session:
        order = order_by_reference(session, reference)
        if order is None:
            raise NotFound
        saga = saga_timeline(session, order)
    return render_template("orders/admin_order.html", order=order, saga=saga)


@pages.get("/admin/transfers")
@audience(Audience.ADMIN)
def list_transfers() -> ResponseReturnValue:
    """Bank transfers that wait for somebody to look at the bank's statement."""
    cursor = request.args.get("cursor")
    with current().database.reading() as session:
        page = payments.pending_transfers(session, cursor, TRANSFERS_PER_PAGE)
    return render_template("orders/transfers.html", page=page, is_first=cursor is None)


@pages.post(f"/admin/transfers/<int(max={MAX_ID}):payment_id>/confirm")
@audience(Audience.ADMIN)
def confirm_transfer(payment_id: int) -> ResponseReturnValue:
    """The money has arrived."""
    runtime = current()
    with runtime.database.writing() as session:
        payment = payments.confirm_transfer(
            session, runtime.catalog, runtime.gateway, runtime.policy, payment_id
        )
    flash(gettext("Order %(reference)s is paid.", reference=payment.order.reference), "success")
    return redirect(url_for("orders.list_transfers"), 303)


@pages.post(f"/admin/transfers/<int(max={MAX_ID}):payment_id>/reject")
@audience(Audience.ADMIN)
def reject_transfer(payment_id: int) -> ResponseReturnValue:
    """The money has not arrived and is not expected any more."""
    runtime = current()
    with runtime.database.writing() as session:
        payment = payments.reject_transfer(
            session, runtime.catalog, runtime.gateway, runtime.policy, payment_id
        )
    flash(gettext("Order %(reference)s is canceled.", reference=payment.order.reference), "success")
    return redirect(url_for("orders.list_transfers"), 303)


@pages.get("/admin/mailbox")
@audience(Audience.ADMIN)
def list_mails() -> ResponseReturnValue:
    """The mails about orders, the newest first, sent or waiting."""
    cursor = request.args.get("cursor")
    before = decode_cursor(cursor, int)[0] if cursor is not None else None
    assert before is None or isinstance(before, int)
    with current().database.reading() as session:
        found = mail.latest(session, Mail, before, MAILS_PER_PAGE + 1)
    shown = found[:MAILS_PER_PAGE]
    next_cursor = encode_cursor([shown[-1].id]) if len(found) > MAILS_PER_PAGE else None
    render = _render()
    mails = [(letter, render(letter)) for letter in shown]
    return render_template(
        "orders/mailbox.html", mails=mails, next_cursor=next_cursor, is_first=cursor is None
    )


@pages.get(f"/admin/mailbox/<int(max={MAX_ID}):mail_id>")
@audience(Audience.ADMIN)
def show_mail(mail_id: int) -> ResponseReturnValue:
    """One mail as its reader gets it."""
    with current().database.reading() as session:
        letter = session.get(Mail, mail_id)
    if letter is None:
        raise NotFound
    return render_template("orders/mail.html", mail=letter, rendered=_render()(letter))


def _render() -> Render:
    return renderer(current_app._get_current_object(), "orders", request.host_url.rstrip("/"))  # type: ignore[attr-defined]
