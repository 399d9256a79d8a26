"""The pages of people who sell: their books, a new offer, and changes to it."""

import secrets

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bookstore.catalog import books, isbn, listings
from bookstore.catalog.forms import DescribedOfferForm, EditForm, IsbnForm, OfferForm, say_beside_field
from bookstore.catalog.labels import CONDITION_MEANINGS, language_name
from bookstore.catalog.listings import ChangedMeanwhile
from bookstore.catalog.models import MAX_ID, Book, Listing
from bookstore.catalog.pages import pages, seller
from bookstore.catalog.runtime import current
from bookstore.shared.access import Audience, audience
from bookstore.shared.errors import ShopError

LISTINGS_PER_PAGE = 25
LISTING = f"/sell/<int(max={MAX_ID}):listing_id>"


@pages.get("/sell")
@audience(Audience.SIGNED_IN)
def my_books() -> ResponseReturnValue:
    """What the seller offers, newest first."""
    cursor = request.args.get("cursor")
    with current().database.reading() as session:
        page = listings.of_seller(session, seller().id, cursor, LISTINGS_PER_PAGE)
    following = url_for("catalog.my_books", cursor=page.next_cursor) if page.next_cursor else None
    return render_template(
        "catalog/my_books.html", listings=page.items, next_url=following, is_first_page=cursor is None
    )


@pages.get("/sell/new")
@audience(Audience.SIGNED_IN)
def new_listing() -> ResponseReturnValue:
    """First the ISBN, which may be all that is needed to know the book; then the offer."""
    if "no_isbn" in request.args:
        return _offer_page(DescribedOfferForm(offer_key=secrets.token_hex(16)), None)
    if "isbn" not in request.args:
        return render_template("catalog/new_isbn.html", form=IsbnForm(formdata=None))
    form = IsbnForm(formdata=request.args)
    if not form.validate():
        return render_template("catalog/new_isbn.html", form=form), 422
    book = _known_book(form.isbn.data or "")
    kind = DescribedOfferForm if book is None else OfferForm
    return _offer_page(kind(isbn=form.isbn.data, offer_key=secrets.token_hex(16)), book)


@pages.post("/sell/new")
@audience(Audience.SIGNED_IN)
def publish_listing() -> ResponseReturnValue:
    """Put the copies on sale."""
    book = _known_book(isbn.normalize(request.form["isbn"])) if request.form.get("isbn") else None
    form = DescribedOfferForm() if book is None else OfferForm()
    if not form.validate():
        return _offer_page(form, book)
    runtime = current()
    try:
        with runtime.database.writing() as session:
            listing = listings.publish(
                session,
                runtime.photos,
                runtime.policy.currency,
                seller(),
                form.isbn13,
                form.description(),
                form.terms(),
                form.photo_content,
                f"form:{form.offer_key.data}",
            )
    except ShopError as error:
        say_beside_field(form, error)
        return _offer_page(form, book, _status_of(error))
    flash(gettext("“%(title)s” is on sale now.", title=listing.book.title), "success")
    return redirect(listing.book.path, 303)


@pages.get(LISTING)
@audience(Audience.SIGNED_IN)
def show_listing(listing_id: int) -> ResponseReturnValue:
    """The seller's own listing, to be changed."""
    listing = _own_listing(listing_id)
    return _edit_page(EditForm.of(listing), listing)


@pages.post(LISTING)
@audience(Audience.SIGNED_IN)
def edit_listing(listing_id: int) -> ResponseReturnValue:
    """Save new terms."""
    listing, form, runtime = _own_listing(listing_id), EditForm(), current()
    if not form.validate():
        return _edit_page(form, listing, 422)
    try:
        with runtime.database.writing() as session:
            listings.edit(
                session,
                runtime.photos,
                runtime.policy.currency,
                listing_id,
                seller().id,
                form.changes(),
                form.version.data,
                form.photo_content,
            )
    except ChangedMeanwhile as error:
        form.form_errors = [gettext(error.title)]
        return _edit_page(form, listing, error.status)
    except ShopError as error:
        say_beside_field(form, error)
        return _edit_page(form, listing, _status_of(error))
    flash(gettext("Your changes are saved."), "success")
    return redirect(url_for("catalog.my_books"), 303)


@pages.post(f"{LISTING}/withdraw")
@audience(Audience.SIGNED_IN)
def withdraw_listing(listing_id: int) -> ResponseReturnValue:
    """Take a listing off sale."""
    runtime = current()
    with runtime.database.writing() as session:
        removed = listings.withdraw(session, runtime.photos, listing_id, seller().id)
    if removed:
        flash(gettext("The listing has been removed."), "success")
    else:
        flash(gettext("The listing is withdrawn. Orders that already hold its copies go on."), "success")
    return redirect(url_for("catalog.my_books"), 303)


@pages.post(f"{LISTING}/on-sale")
@audience(Audience.SIGNED_IN)
def put_listing_back_on_sale(listing_id: int) -> ResponseReturnValue:
    """Offer a withdrawn listing again."""
    with current().database.writing() as session:
        listings.put_back_on_sale(session, listing_id, seller().id)
    flash(gettext("The listing is on sale again."), "success")
    return redirect(url_for("catalog.my_books"), 303)


@pages.post(f"{LISTING}/photo/remove")
@audience(Audience.SIGNED_IN)
def remove_photo(listing_id: int) -> ResponseReturnValue:
    """Show the listing without a photo."""
    runtime = current()
    with runtime.database.writing() as session:
        listings.replace_photo(session, runtime.photos, listing_id, seller().id, None)
    flash(gettext("The photo has been removed."), "success")
    return redirect(url_for("catalog.show_listing", listing_id=listing_id), 303)


def _known_book(isbn13: str) -> Book | None:
    with current().database.reading() as session:
        return books.find_by_isbn(session, isbn13)


def _own_listing(listing_id: int) -> Listing:
    with current().database.reading() as session:
        return listings.find_own(session, listing_id, seller().id)


def _status_of(error: ShopError) -> int:
    """Of a form that comes back: wrong values are the seller's affair, what the shop cannot do is its own."""
    return error.status if error.status >= 500 else 422


def _offer_page(form: OfferForm, book: Book | None, status: int = 422) -> ResponseReturnValue:
    page = render_template(
        "catalog/new_listing.html",
        form=form,
        book=book,
        language=language_name(book.language) if book and book.language else None,
        meanings=_meanings(),
    )
    return page, status if form.errors else 200


def _edit_page(form: EditForm, listing: Listing, status: int = 200) -> ResponseReturnValue:
    page = render_template("catalog/listing.html", form=form, listing=listing, meanings=_meanings())
    return page, status


def _meanings() -> dict[str, dict[str, str]]:
    return {condition.value: {"text": text} for condition, text in CONDITION_MEANINGS.items()}
