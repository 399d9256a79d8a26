"""What goes into and comes out of the REST API of orders.

A body with a field that we do not know is refused: nobody can bring a price of their own.
"""

from typing import Any

import marshmallow as ma
from flask_babel import gettext

from bookstore.orders.addresses import MAX_LENGTHS
from bookstore.orders.cart_models import MAX_QUANTITY, Coverage
from bookstore.orders.checkout import MAX_LINES
from bookstore.orders.countries import is_country
from bookstore.orders.order_status import OrderStatus, ShipmentStatus
from bookstore.orders.payment_models import Method, PaymentStatus
from bookstore.orders.payments import MAX_TOKEN
from bookstore.shared.api import MoneySchema, PageArguments, StrictSchema

MAX_ID = 2**63 - 1


def _id(**options: Any) -> ma.fields.Integer:
    """A number that names something; nothing that merely looks like one."""
    return ma.fields.Integer(required=True, strict=True, validate=ma.validate.Range(1, MAX_ID), **options)


def _words(values: Any) -> ma.fields.String:
    return ma.fields.String(required=True, validate=ma.validate.OneOf([word.value for word in values]))


def _printable(text: str) -> None:
    if not text.isprintable():
        raise ma.ValidationError(gettext("Only printable characters are accepted."))


def _not_blank(text: str) -> None:
    if not text.strip():
        raise ma.ValidationError(gettext("This must not be empty."))


def _country(code: str) -> None:
    if not is_country(code):
        raise ma.ValidationError(gettext("This is not an ISO 3166 country code."))


def _needed(name: str) -> ma.fields.String:
    length = ma.validate.Length(1, MAX_LENGTHS[name])
    return ma.fields.String(required=True, validate=[length, _printable, _not_blank])


def _optional(name: str) -> ma.fields.String:
    return ma.fields.String(load_default="", validate=[ma.validate.Length(0, MAX_LENGTHS[name]), _printable])


class LineSchema(StrictSchema):
    """So many copies of one listing."""

    listing_id = _id()
    quantity = ma.fields.Integer(
        required=True, strict=True, validate=ma.validate.Range(1, MAX_QUANTITY), metadata={"example": 1}
    )


class AddressSchema(StrictSchema):
    """Where an order goes."""

    name = _needed("name")
    street = _needed("street")
    extra = _optional("extra")
    city = _needed("city")
    region = _optional("region")
    postal_code = _optional("postal_code")
    country = ma.fields.String(
        required=True, validate=[ma.validate.Regexp(r"^[A-Z]{2}\Z"), _country], metadata={"example": "EC"}
    )
    phone = _optional("phone")


class DeliveryChoiceSchema(StrictSchema):
    """How and where the order is delivered."""

    option_id = _id()
    address = ma.fields.Nested(AddressSchema, required=True)


class NewOrderSchema(StrictSchema):
    """What to order. What it costs is the shop's to say."""

    lines = ma.fields.List(
        ma.fields.Nested(LineSchema), required=True, validate=ma.validate.Length(1, MAX_LINES)
    )
    delivery = ma.fields.Nested(DeliveryChoiceSchema, required=True)


class NewPaymentSchema(StrictSchema):
    """How to pay. A bank transfer needs no token; the others have it from the payment form."""

    method = _words(Method)
    token = ma.fields.String(
        load_default="",
        load_only=True,
        validate=[ma.validate.Length(0, MAX_TOKEN), _printable],
        metadata={"example": "tok_approved"},
    )

    @ma.validates_schema
    def token_for_all_but_transfers(self, values: dict[str, str], **kwargs: Any) -> None:
        if values.get("method") != Method.BANK_TRANSFER and not values.get("token"):
            raise ma.ValidationError(gettext("This payment method needs a token."), "token")


class ShippingSchema(StrictSchema):
    """Under which number the carrier has the parcel."""

    tracking_number = ma.fields.String(
        required=True, validate=ma.validate.Length(3, 40), metadata={"example": "DHL 1234-5678"}
    )


class CountrySchema(ma.Schema):
    """Where to deliver; without it, all options are listed."""

    class Meta:
        unknown = ma.EXCLUDE

    country = ma.fields.String(
        load_default=None,
        validate=[ma.validate.Regexp(r"^[A-Z]{2}\Z"), _country],
        metadata={"example": "EC"},
    )


class SalesQuerySchema(PageArguments):
    """Which sales to list."""

    to_ship = ma.fields.Boolean(load_default=False)


class DeliveryOptionSchema(ma.Schema):
    """What a carrier offers; the price is per order."""

    id = ma.fields.Integer(required=True)
    carrier = ma.fields.String(required=True)
    coverage = _words(Coverage)
    price = ma.fields.Nested(MoneySchema, required=True)
    days = ma.fields.Integer(required=True)


class DeliveryOptionListSchema(ma.Schema):
    """The options, cheapest first."""

    items = ma.fields.List(ma.fields.Nested(DeliveryOptionSchema), required=True)
    next_cursor = ma.fields.String(required=True, allow_none=True)


class OrderLineSchema(ma.Schema):
    """A line as it was offered when the order was placed."""

    listing_id = ma.fields.Integer(required=True)
    book_id = ma.fields.Integer(required=True)
    title = ma.fields.String(required=True)
    authors = ma.fields.String(required=True)
    condition = ma.fields.String(required=True)
    book_path = ma.fields.String(required=True)
    quantity = ma.fields.Integer(required=True)
    price = ma.fields.Nested(MoneySchema, required=True)
    total = ma.fields.Nested(MoneySchema, required=True)


class ShipmentSchema(ma.Schema):
    """A parcel from one seller."""

    id = ma.fields.Integer(required=True)
    seller_id = ma.fields.String(required=True)
    seller_name = ma.fields.String(required=True)
    status = _words(ShipmentStatus)
    carrier = ma.fields.String(required=True)
    tracking_number = ma.fields.String(required=True, allow_none=True)
    shipped_at = ma.fields.AwareDateTime(required=True, allow_none=True)
    received_at = ma.fields.AwareDateTime(required=True, allow_none=True)
    lines = ma.fields.List(ma.fields.Nested(OrderLineSchema), required=True)


class PaymentSchema(ma.Schema):
    """One attempt to pay."""

    attempt = ma.fields.Integer(required=True)
    method = _words(Method)
    status = _words(PaymentStatus)
    amount = ma.fields.Nested(MoneySchema, required=True)
    started_at = ma.fields.AwareDateTime(required=True)
    updated_at = ma.fields.AwareDateTime(required=True)


class PaidSchema(PaymentSchema):
    """A payment with the order that it pays."""

    reference = ma.fields.String(required=True, attribute="order.reference")
    order_status = ma.fields.String(required=True, attribute="order.status")


class StepSchema(ma.Schema):
    """Something that happened to an order, and when."""

    name = ma.fields.String(required=True)
    at = ma.fields.AwareDateTime(required=True)


class DeliverySchema(ma.Schema):
    """What the buyer chose."""

    option_id = ma.fields.Integer(required=True, attribute="delivery_option_id")
    carrier = ma.fields.String(required=True, attribute="delivery_carrier")
    days = ma.fields.Integer(required=True, attribute="delivery_days")
    address = ma.fields.Nested(AddressSchema, required=True)


_DELIVERY = DeliverySchema()


class OrderSchema(ma.Schema):
    """An order as its buyer sees it."""

    reference = ma.fields.String(required=True)
    status = _words(OrderStatus)
    placed_at = ma.fields.AwareDateTime(required=True)
    pay_by = ma.fields.AwareDateTime(required=True)
    can_be_canceled = ma.fields.Boolean(required=True)
    lines = ma.fields.List(ma.fields.Nested(OrderLineSchema), required=True)
    delivery = ma.fields.Method("describe_delivery", metadata={"type": "object"})
    items_total = ma.fields.Nested(MoneySchema, required=True)
    delivery_price = ma.fields.Nested(MoneySchema, required=True)
    total = ma.fields.Nested(MoneySchema, required=True)
    shipments = ma.fields.List(ma.fields.Nested(ShipmentSchema), required=True)
    payments = ma.fields.List(ma.fields.Nested(PaymentSchema), required=True)
    timeline = ma.fields.List(ma.fields.Nested(StepSchema), required=True)

    def describe_delivery(self, order: Any) -> Any:
        return _DELIVERY.dump(order)


class OrderPageSchema(ma.Schema):
    """Some of the buyer's own orders, the newest first."""

    items = ma.fields.List(ma.fields.Nested(OrderSchema), required=True)
    next_cursor = ma.fields.String(required=True, allow_none=True)


class SaleSchema(ShipmentSchema):
    """A parcel as its seller sees it; the address is there as long as the order is to reach it."""

    reference = ma.fields.String(required=True, attribute="order.reference")
    order_status = ma.fields.String(required=True, attribute="order.status")
    buyer_name = ma.fields.String(required=True, attribute="order.buyer_name")
    paid_at = ma.fields.AwareDateTime(required=True, allow_none=True, attribute="order.paid_at")
    can_be_shipped = ma.fields.Boolean(required=True)
    items_total = ma.fields.Nested(MoneySchema, required=True)
    address = ma.fields.Nested(AddressSchema, required=True, allow_none=True)


class SalePageSchema(ma.Schema):
    """Some of the seller's own parcels, the newest first."""

    items = ma.fields.List(ma.fields.Nested(SaleSchema), required=True)
    next_cursor = ma.fields.String(required=True, allow_none=True)
