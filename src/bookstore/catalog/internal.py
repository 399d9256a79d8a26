# mypy: disable-error-code="untyped-decorator"
"""What orders asks of the catalog: quotes and reservations. Not routed from outside."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import marshmallow as ma
from flask import jsonify
from flask.typing import ResponseReturnValue

from bookstore.catalog import listings, reservations
from bookstore.catalog.listings import Offer
from bookstore.catalog.reservations import HeldCopies
from bookstore.catalog.runtime import current
from bookstore.shared.access import Audience, audience
from bookstore.shared.api import ApiBlueprint, StrictSchema

MAX_LINES = 200
MAX_HOLD_SECONDS = 31 * 24 * 3600
REFERENCE = "/reservations/<string(minlength=1, maxlength=64):reference>"

internal = ApiBlueprint("catalog_internal", __name__, url_prefix="/internal/catalog")


class QuotesSchema(StrictSchema):
    listing_ids = ma.fields.List(
        ma.fields.Integer(strict=True), required=True, validate=ma.validate.Length(max=1000)
    )


class LineSchema(StrictSchema):
    listing_id = ma.fields.Integer(strict=True, required=True)
    quantity = ma.fields.Integer(strict=True, required=True)


class ReserveSchema(StrictSchema):
    lines = ma.fields.List(
        ma.fields.Nested(LineSchema), required=True, validate=ma.validate.Length(1, MAX_LINES)
    )
    hold_seconds = ma.fields.Integer(
        strict=True, required=True, validate=ma.validate.Range(1, MAX_HOLD_SECONDS)
    )


@internal.post("/quotes")
@internal.arguments(QuotesSchema)
@audience(Audience.SERVICES)
def quote(wanted: Mapping[str, Any]) -> ResponseReturnValue:
    """Price and copies of the listings that are on sale."""
    with current().database.reading() as session:
        offers = listings.quote(session, wanted["listing_ids"])
    return jsonify(quotes=[_offer(offer) for offer in offers.values()])


@internal.put(REFERENCE)
@internal.arguments(ReserveSchema)
@audience(Audience.SERVICES)
def reserve(wanted: Mapping[str, Any], reference: str) -> ResponseReturnValue:
    """Hold copies for an order; repeating it renews the hold."""
    lines = [(line["listing_id"], line["quantity"]) for line in wanted["lines"]]
    with current().database.writing() as session:
        held = reservations.reserve(session, reference, lines, timedelta(seconds=wanted["hold_seconds"]))
    return jsonify(_held(held))


@internal.post(f"{REFERENCE}/commit")
@audience(Audience.SERVICES)
def commit(reference: str) -> ResponseReturnValue:
    """The held copies are sold."""
    with current().database.writing() as session:
        reservations.commit(session, reference)
    return "", 204


@internal.post(f"{REFERENCE}/release")
@audience(Audience.SERVICES)
def release(reference: str) -> ResponseReturnValue:
    """The copies come back, held or sold."""
    with current().database.writing() as session:
        reservations.release(session, reference)
    return "", 204


def _offer(offer: Offer) -> dict[str, Any]:
    return asdict(offer) | {"price": offer.price.wire()}


def _held(held: HeldCopies) -> dict[str, Any]:
    return {
        "reference": held.reference,
        "expires_at": held.expires_at.isoformat(),
        "lines": [{"quote": _offer(line.offer), "quantity": line.quantity} for line in held.lines],
    }
