"""The REST API of orders."""

# flask-smorest has no types.
# mypy: disable-error-code="untyped-decorator"

import secrets
from collections.abc import Callable
from typing import Any

from flask import Response, make_response, request

from bookstore.orders import cancellation, carriers, checkout, fulfillment, idempotency, lookup, payments
from bookstore.orders.addresses import InvalidAddress
from bookstore.orders.api_schemas import (
    MAX_ID,
    CountrySchema,
    DeliveryOptionListSchema,
    NewOrderSchema,
    NewPaymentSchema,
    OrderPageSchema,
    OrderSchema,
    PaidSchema,
    SalePageSchema,
    SaleSchema,
    SalesQuerySchema,
    ShipmentSchema,
    ShippingSchema,
)
from bookstore.orders.carriers import DeliveryNotOffered, DeliveryOption
from bookstore.orders.checkout import InvalidLines, InvalidQuantity, OwnListing
from bookstore.orders.fulfillment import InvalidTrackingNumber
from bookstore.orders.idempotency import (
    Answer,
    IdempotencyKeyRequired,
    IdempotencyKeyReused,
    Request,
    RequestInProgress,
)
from bookstore.orders.models import Address, Order, Shipment
from bookstore.orders.order_status import (
    AlreadyShipped,
    CannotCancel,
    CannotShip,
    NotShipped,
    OrderChanged,
)
from bookstore.orders.payment_models import Method, NotPayable, PaymentInProgress, TooManyPayments
from bookstore.orders.payments import PaymentDelayed
from bookstore.orders.ports import (
    CatalogUnavailable,
    GatewayError,
    Line,
    OutOfStock,
    PaymentDeclined,
    ReservationExpired,
)
from bookstore.orders.runtime import current
from bookstore.shared.access import Audience, audience, signed_in_user
from bookstore.shared.api import ApiBlueprint, PageArguments, error_responses
from bookstore.shared.errors import InvalidCursor, NotFound, SignInRequired
from bookstore.shared.identity import InvalidToken
from bookstore.shared.pagination import Page

BEARER: list[dict[str, list[str]]] = [{"bearer": []}]
KEY_HEADER = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": True,
    "description": "Of your choice, new for each order or payment. Repeat a request with the same key: "
    "it is carried out once, and each repetition gets the first answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~][ -~]*$"},
}
# Made once: a schema that is made anew copies all its fields, and those of the schemas in it.
_ORDER, _PAID = OrderSchema(), PaidSchema()
SHIPMENT = f"<int(min=1, max={MAX_ID}):shipment_id>"

blueprint = ApiBlueprint(
    "orders_api", __name__, url_prefix="/api/v1/orders", description="Orders, payments and sales"
)


@blueprint.route("/delivery-options", methods=["GET"])
@blueprint.arguments(CountrySchema, location="query")
@blueprint.response(200, DeliveryOptionListSchema)
@audience(Audience.EVERYONE)
def list_delivery_options(wanted: dict[str, Any]) -> Page[DeliveryOption]:
    """What carriers offer, to one country or to all."""
    policy = current().policy
    terms = {"currency": policy.currency, "home_country": policy.home_country}
    with current().database.reading() as session:
        if wanted["country"] is None:
            return Page(carriers.delivery_options(session, policy.currency), None)
        return Page(carriers.options_for(session, wanted["country"], **terms), None)


@blueprint.route("", methods=["POST"])
@blueprint.arguments(NewOrderSchema)
@blueprint.response(201, OrderSchema)
@blueprint.doc(security=BEARER, parameters=[KEY_HEADER])
@error_responses(
    blueprint,
    IdempotencyKeyRequired,
    SignInRequired,
    InvalidToken,
    OutOfStock,
    OwnListing,
    ReservationExpired,
    RequestInProgress,
    IdempotencyKeyReused,
    InvalidLines,
    InvalidQuantity,
    InvalidAddress,
    DeliveryNotOffered,
    CatalogUnavailable,
)
@audience(Audience.SIGNED_IN)
def place_order(wanted: dict[str, Any]) -> Response:
    """Order: the copies are held for you until `pay_by`, at the prices in the answer."""
    runtime, buyer = current(), signed_in_user()
    lines = [Line(**line) for line in wanted["lines"]]
    address = Address(**wanted["delivery"]["address"])
    with runtime.database.writing() as session:

        def place(reference: str) -> Answer:
            order = checkout.place_order(
                session,
                runtime.catalog,
                runtime.policy,
                reference=reference,
                buyer=buyer,
                lines=lines,
                option_id=wanted["delivery"]["option_id"],
                address=address,
            )
            return Answer(201, _ORDER.dump(order))

        asked = Request(buyer.user_id, "place_order", _idempotency_key(), wanted)
        answer = idempotency.once(session, runtime.policy, asked, checkout.new_reference, place)
    return _created(answer, f"/api/v1/orders/{answer.body['reference']}")


@blueprint.route("", methods=["GET"])
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, OrderPageSchema)
@blueprint.doc(security=BEARER)
@error_responses(blueprint, InvalidCursor, SignInRequired, InvalidToken)
@audience(Audience.SIGNED_IN)
def list_orders(wanted: dict[str, Any]) -> Page[Order]:
    """Your own orders, the newest first."""
    with current().database.reading() as session:
        return lookup.orders_of_buyer(session, signed_in_user().user_id, wanted["cursor"], wanted["limit"])


@blueprint.route("/<reference>", methods=["GET"])
@blueprint.response(200, OrderSchema)
@blueprint.doc(security=BEARER)
@error_responses(blueprint, SignInRequired, InvalidToken, NotFound)
@audience(Audience.SIGNED_IN)
def show_order(reference: str) -> Order:
    """One of your own orders."""
    with current().database.reading() as session:
        return lookup.order_of_buyer(session, signed_in_user().user_id, reference)


@blueprint.route("/<reference>/payments", methods=["POST"])
@blueprint.arguments(NewPaymentSchema)
@blueprint.response(201, PaidSchema)
@blueprint.doc(security=BEARER, parameters=[KEY_HEADER])
@error_responses(
    blueprint,
    IdempotencyKeyRequired,
    SignInRequired,
    InvalidToken,
    PaymentDeclined,
    NotFound,
    NotPayable,
    PaymentInProgress,
    TooManyPayments,
    ReservationExpired,
    OrderChanged,
    RequestInProgress,
    IdempotencyKeyReused,
    GatewayError,
    PaymentDelayed,
)
@audience(Audience.SIGNED_IN)
def pay(wanted: dict[str, Any], reference: str) -> Response:
    """Pay the whole order. A bank transfer is `pending` until its money has arrived."""
    runtime, buyer_id = current(), signed_in_user().user_id
    with runtime.database.writing() as session:

        def charge(request_key: str) -> Answer:
            payment = payments.pay(
                session,
                runtime.catalog,
                runtime.gateway,
                runtime.policy,
                buyer_id=buyer_id,
                reference=reference,
                method=Method(wanted["method"]),
                token=wanted["token"],
                request_key=request_key,
            )
            return Answer(201, _PAID.dump(payment))

        asked = Request(buyer_id, "pay", _idempotency_key(), {**wanted, "reference": reference})
        answer = idempotency.once(session, runtime.policy, asked, _new_request_key, charge)
    return _created(answer, f"/api/v1/orders/{reference}")


@blueprint.route("/<reference>/cancel", methods=["POST"])
@blueprint.response(200, OrderSchema)
@blueprint.doc(security=BEARER)
@error_responses(
    blueprint, SignInRequired, InvalidToken, NotFound, CannotCancel, PaymentInProgress, OrderChanged
)
@audience(Audience.SIGNED_IN)
def cancel(reference: str) -> Order:
    """Cancel one of your own orders before anything is sent; what you paid is refunded."""
    runtime = current()
    with runtime.database.writing() as session:
        return cancellation.cancel(
            session,
            runtime.catalog,
            runtime.gateway,
            runtime.policy,
            buyer_id=signed_in_user().user_id,
            reference=reference,
        )


@blueprint.route(f"/<reference>/shipments/{SHIPMENT}/received", methods=["POST"])
@blueprint.response(200, ShipmentSchema)
@blueprint.doc(security=BEARER)
@error_responses(blueprint, SignInRequired, InvalidToken, NotFound, NotShipped, OrderChanged)
@audience(Audience.SIGNED_IN)
def receive(reference: str, shipment_id: int) -> Shipment:
    """Confirm that a parcel of one of your own orders has arrived."""
    buyer_id = signed_in_user().user_id
    with current().database.writing() as session:
        return fulfillment.receive(session, buyer_id=buyer_id, reference=reference, shipment_id=shipment_id)


@blueprint.route("/sales", methods=["GET"])
@blueprint.arguments(SalesQuerySchema, location="query")
@blueprint.response(200, SalePageSchema)
@blueprint.doc(security=BEARER)
@error_responses(blueprint, InvalidCursor, SignInRequired, InvalidToken)
@audience(Audience.SIGNED_IN)
def list_sales(wanted: dict[str, Any]) -> Page[Shipment]:
    """What you have sold, the newest first, or only what is to be shipped now."""
    seller_id = signed_in_user().user_id
    with current().database.reading() as session:
        return fulfillment.sales(
            session, seller_id, wanted["cursor"], wanted["limit"], to_ship=wanted["to_ship"]
        )


@blueprint.route(f"/sales/{SHIPMENT}/ship", methods=["POST"])
@blueprint.arguments(ShippingSchema)
@blueprint.response(200, SaleSchema)
@blueprint.doc(security=BEARER)
@error_responses(
    blueprint,
    SignInRequired,
    InvalidToken,
    NotFound,
    CannotShip,
    AlreadyShipped,
    OrderChanged,
    InvalidTrackingNumber,
)
@audience(Audience.SIGNED_IN)
def ship(wanted: dict[str, str], shipment_id: int) -> Shipment:
    """Say that you have sent one of your own parcels."""
    seller_id = signed_in_user().user_id
    with current().database.writing() as session:
        return fulfillment.ship(session, seller_id=seller_id, shipment_id=shipment_id, **wanted)


def _idempotency_key() -> str:
    """The key of this request; none is as wrong as one that is not printable."""
    return request.headers.get("Idempotency-Key", "").strip()


_new_request_key: Callable[[], str] = secrets.token_hex


def _created(answer: Answer, location: str) -> Response:
    response = make_response(answer.body, answer.status)
    response.headers["Location"] = location
    return response
