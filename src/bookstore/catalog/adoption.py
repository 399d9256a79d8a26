"""Taking over what the original BookStore offered and sold. Each step may be repeated."""

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bookstore.catalog import books, listings
from bookstore.catalog.import_cleaning import Note, clean_book
from bookstore.catalog.listings import Offer
from bookstore.catalog.models import Condition, Listing, Reservation, ReservationLine, ReservationStatus
from bookstore.catalog.terms import Seller, Terms
from bookstore.shared.clock import utcnow
from bookstore.shared.money import Money


@dataclass(frozen=True)
class AdoptedListing:
    """The listing that a book of the original has become, and what of its texts had to be shortened."""

    listing_id: int
    is_new: bool
    notes: tuple[Note, ...]


def adopt_listing(
    session: Session,
    *,
    seller: Seller,
    offer_key: str,
    texts: dict[str, str],
    price: Money,
    copies: int,
    on_sale: bool,
) -> AdoptedListing:
    """The seller's listing with this key, made if it is not there yet; its book is entered if it is new.

    The original knew no condition: it becomes "good". Raises RowRejected when there is no title.
    """
    entry = clean_book(texts)
    description = books.Description(entry.title, entry.authors, description=entry.description)
    with session.begin():
        known = listings.of_key(session, seller.id, offer_key)
        if known is not None:
            return AdoptedListing(known.id, False, entry.notes)
        book = books.known_or_described(session, None, description)
        listing = listings.add_listing(
            session, book, seller, Terms(Condition.GOOD, price, copies), offer_key=offer_key
        )
        listing.withdrawn_at = None if on_sale else utcnow()
    return AdoptedListing(listing.id, True, entry.notes)


def adopt_sale(session: Session, *, reference: str, listing_id: int, quantity: int, sold: bool) -> Offer:
    """Record copies that the original sold, or gave back unpaid, as this order's; what was offered.

    The copies left are not touched: sold ones are added to what was ever offered.
    """
    with session.begin():
        offer = listings.offers(session, [listing_id])[listing_id]
        known = session.scalar(select(Reservation.id).where(Reservation.reference == reference))
        if known is None:
            _add_reservation(session, reference, offer, quantity, sold=sold)
        return offer


def _add_reservation(session: Session, reference: str, offer: Offer, quantity: int, *, sold: bool) -> None:
    status = ReservationStatus.COMMITTED if sold else ReservationStatus.RELEASED
    line = ReservationLine(
        listing_id=offer.listing_id,
        quantity=quantity,
        price_minor=offer.price.minor,
        currency=offer.price.currency,
    )
    session.add(Reservation(reference=reference, status=status, expires_at=utcnow(), lines=[line]))
    if sold:
        counted = {"offered": Listing.offered + quantity, "sold": Listing.sold + quantity}
        session.execute(
            update(Listing)
            .where(Listing.id == offer.listing_id)
            .values(**counted)
            .execution_options(synchronize_session=False)
        )
