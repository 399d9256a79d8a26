# mypy: disable-error-code="untyped-decorator"
"""The REST API of the catalog."""

from typing import Any

from flask import jsonify, request

from bookstore.catalog import books, isbn, listings
from bookstore.catalog.api_schemas import (
    BookSchema,
    ListingChangesSchema,
    NewListingSchema,
    OffersArguments,
    OwnListingPageSchema,
    OwnListingsArguments,
    OwnListingSchema,
    ShownListingSchema,
)
from bookstore.catalog.book_pages import offers_of
from bookstore.catalog.book_summaries import summarize
from bookstore.catalog.books import BookNotFound, Description, NoTitle, TextTooLong, UnknownIsbn
from bookstore.catalog.isbn import InvalidIsbn
from bookstore.catalog.listings import ChangedMeanwhile, CopiesTaken, ListingNotFound
from bookstore.catalog.models import MAX_ID, Listing, NotYours
from bookstore.catalog.pages import seller
from bookstore.catalog.photos import NotAPhoto, PhotoTooLarge, StorageFull
from bookstore.catalog.runtime import current
from bookstore.catalog.terms import (
    Changes,
    CopiesOutOfRange,
    NotesTooLong,
    PriceOutOfRange,
    Terms,
    WrongCurrency,
)
from bookstore.shared.access import Audience, audience, current_user
from bookstore.shared.api import ApiBlueprint, error_responses
from bookstore.shared.errors import InvalidCursor, SignInRequired
from bookstore.shared.identity import InvalidToken
from bookstore.shared.money import InvalidAmount, Money
from bookstore.shared.pagination import Page
from bookstore.shared.sharing import Sharing, shared

BEARER: list[dict[str, list[str]]] = [{"bearer": []}]
TERM_ERRORS = (PriceOutOfRange, WrongCurrency, CopiesOutOfRange, NotesTooLong, InvalidAmount)
LISTING = f"/listings/<int(max={MAX_ID}):listing_id>"
PHOTO_BODY = {
    "required": True,
    "description": "The image itself.",
    "content": {
        kind: {"schema": {"type": "string", "contentMediaType": kind}}
        for kind in ("image/jpeg", "image/png", "image/webp")
    },
}

blueprint = ApiBlueprint(
    "catalog_api", __name__, url_prefix="/api/v1/catalog", description="Books and the listings of them"
)


@blueprint.url_value_preprocessor
def _allow_photos(endpoint: str | None, values: dict[str, Any] | None) -> None:
    if endpoint == "catalog_api.put_photo":
        request.max_content_length = current().policy.max_upload_bytes


@blueprint.route(f"/books/<int(max={MAX_ID}):book_id>", methods=["GET"])
@blueprint.arguments(OffersArguments, location="query")
@blueprint.response(200, BookSchema)
@error_responses(blueprint, BookNotFound, InvalidCursor)
@shared(Sharing.ANSWER)
@audience(Audience.EVERYONE)
def show_book(wanted: dict[str, Any], book_id: int) -> dict[str, Any]:
    """A book and its listings, cheapest first."""
    runtime = current()
    with runtime.database.reading() as session:
        book = books.find(session, book_id)
        offers = offers_of(session, book_id, wanted["cursor"], wanted["limit"])
        summary = summarize(session, [book_id], runtime.policy.currency)[0]
    fields = {name: getattr(book, name) for name in BookSchema().fields if hasattr(book, name)}
    return fields | {
        "url": book.path,
        "from_price": summary.from_price,
        "copies_available": summary.copies_available,
        "listings": offers.items,
        "next_cursor": offers.next_cursor,
    }


@blueprint.route("/listings", methods=["POST"])
@blueprint.arguments(NewListingSchema)
@blueprint.response(201, OwnListingSchema)
@blueprint.doc(security=BEARER)
@error_responses(
    blueprint, SignInRequired, InvalidToken, UnknownIsbn, InvalidIsbn, NoTitle, TextTooLong, *TERM_ERRORS
)
@audience(Audience.SIGNED_IN)
def publish(wanted: dict[str, Any]) -> Listing:
    """Offer copies of a book."""
    described = wanted.pop("book")
    number = wanted["isbn13"] or (described or {}).get("isbn13")
    runtime = current()
    with runtime.database.writing() as session:
        return listings.publish(
            session,
            runtime.photos,
            runtime.policy.currency,
            seller(),
            isbn.normalize(number) if number else None,
            Description(**described | {"isbn13": None}) if described else None,
            Terms(wanted["condition"], _price(wanted["price"]), wanted["copies"], wanted["notes"]),
        )


@blueprint.route("/listings", methods=["GET"])
@blueprint.arguments(OwnListingsArguments, location="query")
@blueprint.response(200, OwnListingPageSchema)
@blueprint.doc(security=BEARER)
@error_responses(blueprint, InvalidCursor, SignInRequired, InvalidToken)
@audience(Audience.SIGNED_IN)
def list_own(wanted: dict[str, Any]) -> Page[Listing]:
    """The seller's own listings, newest first, withdrawn ones too."""
    with current().database.reading() as session:
        return listings.of_seller(session, seller().id, wanted["cursor"], wanted["limit"])


@blueprint.route(LISTING, methods=["GET"])
@blueprint.response(200, ShownListingSchema)
@error_responses(blueprint, ListingNotFound)
@shared(Sharing.ANSWER)
@audience(Audience.EVERYONE)
def show(listing_id: int) -> Any:
    """A listing on sale; its seller sees it also when it is withdrawn, with all that buyers do not see."""
    viewer = current_user().user_id
    with current().database.reading() as session:
        listing = listings.find(session, listing_id, viewer)
    if listing.seller_id == viewer:
        return jsonify(OwnListingSchema().dump(listing))
    return listing


@blueprint.route(LISTING, methods=["PATCH"])
@blueprint.arguments(ListingChangesSchema)
@blueprint.response(200, OwnListingSchema)
@blueprint.doc(security=BEARER)
@error_responses(
    blueprint,
    SignInRequired,
    InvalidToken,
    NotYours,
    ListingNotFound,
    ChangedMeanwhile,
    CopiesTaken,
    *TERM_ERRORS,
)
@audience(Audience.SIGNED_IN)
def change(wanted: dict[str, Any], listing_id: int) -> Listing:
    """Change the terms of one's own listing."""
    version = wanted.pop("version", None)
    if "price" in wanted:
        wanted["price"] = _price(wanted["price"])
    runtime = current()
    with runtime.database.writing() as session:
        return listings.edit(
            session,
            runtime.photos,
            runtime.policy.currency,
            listing_id,
            seller().id,
            Changes(**wanted),
            version,
        )


@blueprint.route(LISTING, methods=["DELETE"])
@blueprint.response(204)
@blueprint.doc(security=BEARER)
@error_responses(blueprint, SignInRequired, InvalidToken, NotYours, ListingNotFound)
@audience(Audience.SIGNED_IN)
def remove(listing_id: int) -> None:
    """Take one's own listing off sale. One with copies that were ever held or sold is only withdrawn."""
    runtime = current()
    with runtime.database.writing() as session:
        listings.withdraw(session, runtime.photos, listing_id, seller().id)


@blueprint.route(f"{LISTING}/on-sale", methods=["POST"])
@blueprint.response(200, OwnListingSchema)
@blueprint.doc(security=BEARER)
@error_responses(blueprint, SignInRequired, InvalidToken, NotYours, ListingNotFound)
@audience(Audience.SIGNED_IN)
def put_back_on_sale(listing_id: int) -> Listing:
    """Offer a withdrawn listing again; one that is on sale stays so."""
    with current().database.writing() as session:
        return listings.put_back_on_sale(session, listing_id, seller().id)


@blueprint.route(f"{LISTING}/photo", methods=["PUT"])
@blueprint.response(200, OwnListingSchema)
@blueprint.doc(security=BEARER, requestBody=PHOTO_BODY)
@error_responses(
    blueprint, SignInRequired, InvalidToken, NotYours, ListingNotFound, NotAPhoto, PhotoTooLarge, StorageFull
)
@audience(Audience.SIGNED_IN)
def put_photo(listing_id: int) -> Listing:
    """Give one's own listing a photo, instead of the one it had."""
    runtime = current()
    with runtime.database.writing() as session:
        return listings.replace_photo(
            session, runtime.photos, listing_id, seller().id, request.get_data(cache=False)
        )


@blueprint.route(f"{LISTING}/photo", methods=["DELETE"])
@blueprint.response(204)
@blueprint.doc(security=BEARER)
@error_responses(blueprint, SignInRequired, InvalidToken, NotYours, ListingNotFound)
@audience(Audience.SIGNED_IN)
def remove_photo(listing_id: int) -> None:
    """Show one's own listing without a photo."""
    runtime = current()
    with runtime.database.writing() as session:
        listings.replace_photo(session, runtime.photos, listing_id, seller().id, None)


def _price(wire: dict[str, str]) -> Money:
    currency = current().policy.currency
    if wire["currency"] != currency:
        raise WrongCurrency(currency=currency)
    return Money.parse(wire["amount"], currency)
