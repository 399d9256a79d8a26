"""What a seller has to send, and has sent."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bookstore.orders import fulfillment
from bookstore.orders.forms import TrackingForm
from bookstore.orders.fulfillment import InvalidTrackingNumber
from bookstore.orders.models import Shipment
from bookstore.orders.pages import MAX_ID, pages
from bookstore.orders.runtime import current
from bookstore.shared.access import Audience, audience, signed_in_user
from bookstore.shared.pagination import Page

SALES_PER_PAGE = 20


@pages.get("/sales")
@audience(Audience.SIGNED_IN)
def to_ship() -> ResponseReturnValue:
    """The parcels that wait for this seller."""
    return _sales_page(only_to_ship=True)


@pages.get("/sales/history")
@audience(Audience.SIGNED_IN)
def sales_history() -> ResponseReturnValue:
    """Everything that this seller has sold."""
    return _sales_page(only_to_ship=False)


@pages.post(f"/sales/<int(max={MAX_ID}):shipment_id>/ship")
@audience(Audience.SIGNED_IN)
def ship(shipment_id: int) -> ResponseReturnValue:
    """A parcel has been handed to the carrier."""
    form = TrackingForm(shipment_id)
    seller_id, number = signed_in_user().user_id, form.tracking_number.data or ""
    try:
        with current().database.writing() as session:
            fulfillment.ship(session, seller_id=seller_id, shipment_id=shipment_id, tracking_number=number)
    except InvalidTrackingNumber as error:
        with current().database.reading() as session:
            shipment = fulfillment.sale(session, seller_id, shipment_id)
        form.tracking_number.errors = [gettext(error.title)]
        return _one_sale_page(shipment, form), error.status
    flash(gettext("The buyer has been told that the parcel is on its way."), "success")
    return redirect(url_for("orders.to_ship"), 303)


def _sales_page(only_to_ship: bool) -> str:
    cursor = request.args.get("cursor")
    with current().database.reading() as session:
        page = fulfillment.sales(
            session, signed_in_user().user_id, cursor, SALES_PER_PAGE, to_ship=only_to_ship
        )
    forms = {shipment.id: TrackingForm(shipment.id, formdata=None) for shipment in page.items}
    return _render(page, forms, only_to_ship, is_first=cursor is None)


def _one_sale_page(shipment: Shipment, form: TrackingForm) -> str:
    """The parcel whose tracking number was not accepted, with the reason beside the field."""
    return _render(Page([shipment], None), {shipment.id: form}, only_to_ship=True, is_first=False)


def _render(page: Page[Shipment], forms: dict[int, TrackingForm], only_to_ship: bool, is_first: bool) -> str:
    return render_template(
        "orders/sales.html", page=page, forms=forms, only_to_ship=only_to_ship, is_first=is_first
    )
