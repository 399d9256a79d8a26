"""Listings: what sellers offer, and how they change it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from bookstore.catalog import books
from bookstore.catalog.models import MAX_ID, Book, Listing, ReservationLine
from bookstore.catalog.photos import PhotoFolder
from bookstore.catalog.terms import Changes, Seller, Terms
from bookstore.shared.clock import utcnow
from bookstore.shared.errors import N_, NotFound, ShopError
from bookstore.shared.money import Money
from bookstore.shared.pagination import Page, decode_cursor, encode_cursor
from bookstore.shared.retries import retried


class ListingNotFound(NotFound):
    """There is no such listing, or it is withdrawn and somebody else's."""

    code = "listing_not_found"
    title = N_("We could not find this listing. It may have been removed.")


class CopiesTaken(ShopError):
    """Copies that are held or sold cannot be taken back from the offer; `taken` says how many they are."""

    status = 409
    code = "copies_taken"
    title = N_("%(taken)s of these copies are already held or sold, so you cannot offer fewer.")


class ChangedMeanwhile(ShopError):
    """Somebody, perhaps the seller in another window, has edited the listing since it was read."""

    status = 409
    code = "changed_meanwhile"
    title = N_("This listing has been changed meanwhile. Please look at it again before you save.")


# Built once: every cart and every order asks for offers.
_WITH_BOOK = select(Listing).options(joinedload(Listing.book)).execution_options(populate_existing=True)
_IDS: BindParameter[int] = bindparam("ids", expanding=True)
_OF_IDS = _WITH_BOOK.where(Listing.id.in_(_IDS))
_ON_SALE = _OF_IDS.where(Listing.withdrawn_at.is_(None))


@dataclass(frozen=True)
class Offer:
    """A listing as a buyer sees it now; what an order keeps of it as a snapshot."""

    listing_id: int
    book_id: int
    title: str
    authors: str
    condition: str
    price: Money
    seller_id: str
    seller_name: str
    available: int
    book_path: str
    cover_url: str


@retried
def publish(
    session: Session,
    photos: PhotoFolder,
    currency: str,
    seller: Seller,
    isbn13: str | None,
    description: books.Description | None,
    terms: Terms,
    photo: bytes | None = None,
    offer_key: str | None = None,
) -> Listing:
    """Offer copies of the book with this ISBN or, if it is not known, of the book described.

    The same `offer_key` of the same seller publishes once: a repeated call gives the first listing.
    Raises UnknownIsbn, NoTitle, TextTooLong, NotAPhoto, PhotoTooLarge, StorageFull and the errors of the
    terms.
    """
    terms = terms.accepted(currency)
    try:
        with photos.kept(photo) as name, session.begin():
            book = books.known_or_described(session, isbn13, description)
            listing = add_listing(session, book, seller, terms, offer_key)
            listing.photo = name
    except IntegrityError:
        with session.begin():
            published = of_key(session, seller.id, offer_key)
        if published is None:
            raise
        return published
    return listing


def add_listing(
    session: Session, book: Book, seller: Seller, terms: Terms, offer_key: str | None = None
) -> Listing:
    """Put a new listing on sale in the caller's transaction; the book is news again."""
    now = utcnow()
    listing = Listing(
        book=book,
        seller_id=seller.id,
        seller_name=seller.name,
        condition=terms.condition,
        price_minor=terms.price.minor,
        currency=terms.price.currency,
        offered=terms.copies,
        available=terms.copies,
        notes=terms.notes,
        offer_key=offer_key,
        created_at=now,
        updated_at=now,
    )
    session.add(listing)
    book.listed_at = now
    session.flush()
    books.mark_changed(session, [book.id])
    return listing


@retried
def edit(
    session: Session,
    photos: PhotoFolder,
    currency: str,
    listing_id: int,
    seller_id: str,
    changes: Changes,
    version: int | None = None,
    photo: bytes | None = None,
) -> Listing:
    """Change the terms, if the listing still is at the version that the seller saw (None: whichever it is).

    Raises ListingNotFound, NotYours, ChangedMeanwhile, CopiesTaken, NotAPhoto, PhotoTooLarge,
    StorageFull and the errors of the terms.
    """
    with session.begin():
        seen = _own(session, listing_id, seller_id)
        if version is not None and seen.version != version:
            raise ChangedMeanwhile
        terms, old_photo = changes.applied_to(seen).accepted(currency), seen.photo
    with photos.kept(photo) as name, session.begin():
        change_terms(session, seen, terms, **({"photo": name} if name else {}))
    if name:
        photos.remove(old_photo)
    return seen


def change_terms(session: Session, listing: Listing, terms: Terms, **values: Any) -> None:
    """Write new terms in the caller's transaction, unless copies are taken or somebody else was faster."""
    taken = Listing.held + Listing.sold
    same = update(Listing).where(
        Listing.id == listing.id, Listing.version == listing.version, taken <= terms.copies
    )
    written = session.execute(
        same.values(
            condition=terms.condition,
            price_minor=terms.price.minor,
            currency=terms.price.currency,
            offered=terms.copies,
            available=terms.copies - taken,
            notes=terms.notes,
            version=listing.version + 1,
            updated_at=utcnow(),
            **values,
        ).execution_options(synchronize_session=False)
    )
    seen = listing.version
    if session.scalar(_WITH_BOOK.where(Listing.id == listing.id)) is None:
        raise ListingNotFound
    if written.rowcount != 1:  # type: ignore[attr-defined]  # an update has it
        raise ChangedMeanwhile if listing.version != seen else CopiesTaken(taken=listing.held + listing.sold)
    books.mark_changed(session, [listing.book_id])


@retried
def withdraw(session: Session, photos: PhotoFolder, listing_id: int, seller_id: str) -> bool:
    """Take a listing off sale, and return whether it is gone altogether.

    Without a copy that was ever held or sold it is removed with its photo. Else it stays, withdrawn, for
    the orders that know it. Raises ListingNotFound, NotYours.
    """
    with session.begin():
        listing = _own(session, listing_id, seller_id, lock=True)
        removed = not _was_ever_held(session, listing)
        if removed:
            session.delete(listing)
        else:
            _set_withdrawn(session, listing, listing.withdrawn_at or utcnow())
        books.mark_changed(session, [listing.book_id])
    if removed:
        photos.remove(listing.photo)
    return removed


@retried
def put_back_on_sale(session: Session, listing_id: int, seller_id: str) -> Listing:
    """Offer a withdrawn listing again. Raises ListingNotFound, NotYours."""
    with session.begin():
        listing = _own(session, listing_id, seller_id, lock=True)
        _set_withdrawn(session, listing, None)
        books.mark_changed(session, [listing.book_id])
        return listing


@retried
def replace_photo(
    session: Session, photos: PhotoFolder, listing_id: int, seller_id: str, content: bytes | None
) -> Listing:
    """Give the listing this photo instead of the one it had; None takes it away.

    Raises ListingNotFound, NotYours, NotAPhoto, PhotoTooLarge, StorageFull.
    """
    with session.begin():
        _own(session, listing_id, seller_id)
    with photos.kept(content) as name, session.begin():
        listing = _own(session, listing_id, seller_id, lock=True)
        old_photo, listing.photo = listing.photo, name
        listing.version += 1
    photos.remove(old_photo)
    return listing


def find(session: Session, listing_id: int, viewer_id: str | None) -> Listing:
    """A listing on sale with its book, or one of the viewer's own. Raises ListingNotFound."""
    listing = session.scalar(_WITH_BOOK.where(Listing.id == listing_id))
    if listing is None or (listing.is_withdrawn and listing.seller_id != viewer_id):
        raise ListingNotFound
    return listing


def find_own(session: Session, listing_id: int, seller_id: str) -> Listing:
    """The seller's own listing with its book. Raises ListingNotFound, NotYours."""
    return _own(session, listing_id, seller_id)


def of_seller(session: Session, seller_id: str, cursor: str | None, limit: int) -> Page[Listing]:
    """All listings of a seller, newest first. Raises InvalidCursor."""
    query = _WITH_BOOK.where(Listing.seller_id == seller_id).order_by(Listing.id.desc())
    if cursor is not None:
        query = query.where(Listing.id < decode_cursor(cursor, int)[0])
    found = list(session.scalars(query.limit(limit + 1)))
    more = len(found) > limit
    return Page(found[:limit], encode_cursor([found[limit - 1].id]) if more else None)


def of_key(session: Session, seller_id: str, offer_key: str | None) -> Listing | None:
    """The seller's listing with this offer key."""
    key = Listing.offer_key == offer_key
    return session.scalar(_WITH_BOOK.where(Listing.seller_id == seller_id, key))


def quote(session: Session, listing_ids: Iterable[int]) -> dict[int, Offer]:
    """The offer of each of these listings that is on sale; the others are left out."""
    return _offers(session, _ON_SALE, listing_ids)


def offers(session: Session, listing_ids: Iterable[int]) -> dict[int, Offer]:
    """The offer of each of these listings, on sale or withdrawn."""
    return _offers(session, _OF_IDS, listing_ids)


def _offers(session: Session, which: Select[Listing], listing_ids: Iterable[int]) -> dict[int, Offer]:
    ids = [key for key in set(listing_ids) if 0 < key <= MAX_ID]
    return {listing.id: _offer(listing) for listing in session.scalars(which, {"ids": ids})}


def _offer(listing: Listing) -> Offer:
    return Offer(
        listing_id=listing.id,
        book_id=listing.book_id,
        title=listing.book.title,
        authors=listing.book.authors,
        condition=listing.condition.value,
        price=listing.price,
        seller_id=listing.seller_id,
        seller_name=listing.seller_name,
        available=listing.available,
        book_path=listing.book.path,
        cover_url=listing.book.cover_url,
    )


def _own(session: Session, listing_id: int, seller_id: str, lock: bool = False) -> Listing:
    if lock:
        session.execute(select(Listing.id).where(Listing.id == listing_id).with_for_update())
    listing = session.scalar(_WITH_BOOK.where(Listing.id == listing_id))
    if listing is None:
        raise ListingNotFound
    listing.require_seller(seller_id)
    return listing


def _was_ever_held(session: Session, listing: Listing) -> bool:
    line = select(ReservationLine.id).where(ReservationLine.listing_id == listing.id).limit(1)
    return session.scalar(line) is not None


def _set_withdrawn(session: Session, listing: Listing, moment: datetime | None) -> None:
    listing.withdrawn_at = moment
    listing.version += 1
    listing.updated_at = utcnow()
