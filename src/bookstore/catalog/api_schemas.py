"""What the API of the catalog takes and gives."""

from collections.abc import Mapping
from typing import Any

import marshmallow as ma

from bookstore.catalog.import_cleaning import (
    MAX_AUTHORS,
    MAX_CATEGORY,
    MAX_DESCRIPTION,
    MAX_PAGES,
    MAX_PUBLISHER,
)
from bookstore.catalog.languages import language_code
from bookstore.catalog.models import MAX_ID, MAX_TITLE, Condition
from bookstore.catalog.terms import MAX_COPIES, MAX_NOTES
from bookstore.shared.api import MoneySchema, PageArguments, StrictSchema
from bookstore.shared.clock import utcnow
from bookstore.shared.pagination import MAX_LIMIT

ISBN_LENGTH = ma.validate.Length(1, 40)


class PriceSchema(StrictSchema):
    """The price of one copy, as an exact decimal text in the shop's currency."""

    amount = ma.fields.String(
        required=True,
        validate=ma.validate.Regexp(r"[0-9]{1,8}(\.[0-9]{1,4})?\Z"),
        metadata={"example": "12.50", "pattern": r"^[0-9]{1,8}(\.[0-9]{1,4})?$"},
    )
    currency = ma.fields.String(
        required=True, validate=ma.validate.Length(equal=3), metadata={"example": "USD"}
    )


class DescribedBookSchema(StrictSchema):
    """A book that the catalog may not know yet."""

    title = ma.fields.String(required=True, validate=ma.validate.Length(1, MAX_TITLE))
    authors = ma.fields.String(load_default="", validate=ma.validate.Length(max=MAX_AUTHORS))
    isbn13 = ma.fields.String(
        load_default=None, allow_none=True, validate=ISBN_LENGTH, metadata={"description": "ISBN-10 or -13"}
    )
    year = ma.fields.Integer(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=lambda year: ma.validate.Range(1, utcnow().year + 1)(year),
        metadata={"minimum": 1},
    )
    publisher = ma.fields.String(
        load_default=None, allow_none=True, validate=ma.validate.Length(max=MAX_PUBLISHER)
    )
    language = ma.fields.String(load_default=None, allow_none=True, metadata={"example": "es"})
    category = ma.fields.String(
        load_default=None, allow_none=True, validate=ma.validate.Length(max=MAX_CATEGORY)
    )
    description = ma.fields.String(
        load_default=None, allow_none=True, validate=ma.validate.Length(max=MAX_DESCRIPTION)
    )
    pages = ma.fields.Integer(
        strict=True, load_default=None, allow_none=True, validate=ma.validate.Range(1, MAX_PAGES)
    )

    @ma.validates("language")
    def _known_language(self, value: str | None, data_key: str) -> None:
        if value is not None and language_code(value) != value:
            raise ma.ValidationError("This is not a two-letter language code (ISO 639-1).")


class NewListingSchema(StrictSchema):
    """An offer of a book that is known by its ISBN, or described."""

    isbn13 = ma.fields.String(
        load_default=None, allow_none=True, validate=ISBN_LENGTH, metadata={"description": "ISBN-10 or -13"}
    )
    book = ma.fields.Nested(DescribedBookSchema, load_default=None, allow_none=True)
    condition = ma.fields.Enum(Condition, by_value=True, required=True)
    price = ma.fields.Nested(PriceSchema, required=True)
    copies = ma.fields.Integer(strict=True, required=True, validate=ma.validate.Range(1, MAX_COPIES))
    notes = ma.fields.String(load_default="", validate=ma.validate.Length(max=MAX_NOTES))

    @ma.validates_schema
    def _some_book(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if not data.get("isbn13") and not data.get("book"):
            raise ma.ValidationError("Give the ISBN, or describe the book.", "isbn13")


class ListingChangesSchema(StrictSchema):
    """New terms; what is left out stays as it is. With `version`, only if nobody was faster."""

    condition = ma.fields.Enum(Condition, by_value=True)
    price = ma.fields.Nested(PriceSchema)
    copies = ma.fields.Integer(
        strict=True,
        validate=ma.validate.Range(1, MAX_COPIES),
        metadata={"description": "All copies that were ever offered: available, held and sold."},
    )
    notes = ma.fields.String(validate=ma.validate.Length(max=MAX_NOTES))
    version = ma.fields.Integer(strict=True, validate=ma.validate.Range(1, MAX_ID))


class ListingSchema(ma.Schema):
    """An offer as everybody sees it."""

    id = ma.fields.Integer(required=True)
    book_id = ma.fields.Integer(required=True)
    condition = ma.fields.Enum(Condition, by_value=True, required=True)
    price = ma.fields.Nested(MoneySchema, required=True)
    copies_available = ma.fields.Integer(required=True, attribute="available")
    notes = ma.fields.String(required=True)
    seller_name = ma.fields.String(required=True)
    photo_url = ma.fields.String(required=True, allow_none=True)
    thumbnail_url = ma.fields.String(required=True, allow_none=True)


class ShownListingSchema(ListingSchema):
    """A listing as everybody sees it; its own seller gets the further fields of an OwnListing."""

    class Meta:
        unknown = ma.INCLUDE


class OwnListingSchema(ListingSchema):
    """An offer as its seller sees it."""

    title = ma.fields.String(required=True, attribute="book.title")
    copies = ma.fields.Integer(required=True, attribute="offered")
    copies_held = ma.fields.Integer(required=True, attribute="held")
    copies_sold = ma.fields.Integer(required=True, attribute="sold")
    version = ma.fields.Integer(required=True)
    withdrawn_at = ma.fields.AwareDateTime(required=True, allow_none=True)
    created_at = ma.fields.AwareDateTime(required=True)
    updated_at = ma.fields.AwareDateTime(required=True)


class OwnListingsArguments(PageArguments):
    """Whose listings; for now, one can list one's own."""

    seller = ma.fields.String(required=True, validate=ma.validate.OneOf(["me"]))


class OwnListingPageSchema(ma.Schema):
    """Some of the seller's listings, newest first."""

    items = ma.fields.List(ma.fields.Nested(OwnListingSchema), required=True)
    next_cursor = ma.fields.String(required=True, allow_none=True)


class OffersArguments(PageArguments):
    """How the listings of a book are paged."""

    limit = ma.fields.Integer(load_default=MAX_LIMIT, validate=ma.validate.Range(1, MAX_LIMIT))


class BookSchema(ma.Schema):
    """A book, and what is offered of it, cheapest first."""

    id = ma.fields.Integer(required=True)
    title = ma.fields.String(required=True)
    authors = ma.fields.String(required=True)
    isbn13 = ma.fields.String(required=True, allow_none=True)
    year = ma.fields.Integer(required=True, allow_none=True)
    publisher = ma.fields.String(required=True, allow_none=True)
    language = ma.fields.String(required=True, allow_none=True)
    category = ma.fields.String(required=True, allow_none=True)
    description = ma.fields.String(required=True, allow_none=True)
    pages = ma.fields.Integer(required=True, allow_none=True)
    url = ma.fields.String(required=True, metadata={"description": "The book's page"})
    cover_url = ma.fields.String(required=True)
    from_price = ma.fields.Nested(MoneySchema, required=True, allow_none=True)
    copies_available = ma.fields.Integer(required=True)
    listings = ma.fields.List(ma.fields.Nested(ListingSchema), required=True)
    next_cursor = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "Of the next page of listings"}
    )
