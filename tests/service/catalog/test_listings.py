"""Sellers publish, change and withdraw their listings; the rules hold whoever calls."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from bookstore.catalog import books, listings, reservations
from bookstore.catalog.book_pages import offers_of
from bookstore.catalog.books import Description, NoTitle, TextTooLong, UnknownIsbn
from bookstore.catalog.listings import ChangedMeanwhile, CopiesTaken, ListingNotFound
from bookstore.catalog.models import Book, BookChange, Condition, Listing, NotYours
from bookstore.catalog.photos import NotAPhoto, PhotoFolder
from bookstore.catalog.policy import Policy
from bookstore.catalog.runtime import photo_folder
from bookstore.catalog.terms import (
    Changes,
    CopiesOutOfRange,
    NotesTooLong,
    PriceOutOfRange,
    Seller,
    Terms,
    WrongCurrency,
)
from bookstore.shared.clock import utcnow
from bookstore.shared.database import Database
from bookstore.shared.errors import InvalidCursor, ShopError
from bookstore.shared.money import Money
from tests.service.catalog.conftest import Media
from tests.service.catalog.images import image
from tests.service.catalog.stock import ANA, CARLA, USD, copies_of, count_changes, offer, terms

ISBN = "9788437604947"
Sell = Callable[..., Listing]
ONE_COPY = terms()
SOLEDAD = Description("Cien años de soledad", "Gabriel García Márquez", year=1967, language="es")


@pytest.fixture
def photos(policy: Policy) -> PhotoFolder:
    return photo_folder(policy)


@pytest.fixture
def sell(database: Database, photos: PhotoFolder) -> Sell:
    def publish(
        isbn13: str | None = None,
        description: Description | None = SOLEDAD,
        terms: Terms = ONE_COPY,
        photo: bytes | None = None,
        seller: Seller = ANA,
        offer_key: str | None = None,
    ) -> Listing:
        with database.writing() as session:
            return listings.publish(
                session, photos, USD, seller, isbn13, description, terms, photo, offer_key
            )

    return publish


def listing_in(database: Database, listing_id: int) -> Listing | None:
    with database.reading() as session:
        return session.get(Listing, listing_id)


def state_of(database: Database, listing_id: int) -> dict[str, object]:
    """All that the database knows of a listing."""
    with database.reading() as session:
        row = session.execute(select(Listing.__table__).where(Listing.id == listing_id)).one()
        return dict(row._mapping)


def counts(database: Database) -> tuple[int, int, int]:
    with database.reading() as session:
        return tuple(session.scalar(select(func.count(model.id))) for model in (Book, Listing, BookChange))


def hold(database: Database, listing_id: int, quantity: int, reference: str = "A1") -> None:
    with database.writing() as session:
        reservations.reserve(session, reference, [(listing_id, quantity)], timedelta(minutes=30))


# Publishing


def test_a_described_book_is_entered_with_its_listing(database: Database, sell: Sell) -> None:
    listing = sell(ISBN, SOLEDAD, terms(3, "12.50", Condition.VERY_GOOD, "Spine worn"))

    assert listing.book.title == "Cien años de soledad"
    assert listing.book.isbn13 == ISBN
    assert listing.book.title_key == "cien anos de soledad"
    assert listing.book.path == "/books/1-cien-anos-de-soledad"
    assert (listing.seller_id, listing.seller_name) == (ANA.id, "Ana Sells")
    assert listing.price == Money(1250, USD)
    assert (listing.condition, listing.notes, listing.version) == (Condition.VERY_GOOD, "Spine worn", 1)
    assert copies_of(database, listing.id) == (3, 3, 0, 0)
    assert counts(database) == (1, 1, 1)


def test_a_known_isbn_needs_no_description_and_ignores_one(database: Database, sell: Sell) -> None:
    first = sell(ISBN)
    second = sell(ISBN, None, seller=CARLA)
    third = sell(ISBN, Description("Something else altogether"), seller=CARLA)

    assert first.book_id == second.book_id == third.book_id
    assert third.book.title == "Cien años de soledad"
    assert counts(database) == (1, 3, 3)


def test_an_unknown_isbn_needs_a_description(database: Database, sell: Sell) -> None:
    with pytest.raises(UnknownIsbn) as refusal:
        sell(ISBN, None)
    assert refusal.value.details == {"isbn13": ISBN}
    assert counts(database) == (0, 0, 0)


def test_the_same_description_is_the_same_book(database: Database, sell: Sell) -> None:
    first = sell(description=Description("Pedro Páramo", "Juan Rulfo", year=1955))
    same = sell(description=Description("  PEDRO   PARAMO ", "juan rulfo", year=1955), seller=CARLA)
    other = sell(description=Description("Pedro Páramo", "Juan Rulfo", year=1999))

    assert first.book_id == same.book_id != other.book_id
    assert first.book.title == same.book.title == "Pedro Páramo"


def test_a_book_is_news_again_when_a_listing_is_published(database: Database, sell: Sell) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False):
        sell(ISBN)
    with time_machine.travel("2026-03-02T12:00:00Z", tick=False):
        second = sell(ISBN, None, seller=CARLA)
        assert second.book.listed_at == utcnow()
        assert second.book.created_at == utcnow() - timedelta(days=1)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (terms(price="0.00"), PriceOutOfRange),
        (terms(price="-1.00"), PriceOutOfRange),
        (terms(price="100000.01"), PriceOutOfRange),
        (Terms(Condition.GOOD, Money(100, "EUR"), 1), WrongCurrency),
        (terms(copies=0), CopiesOutOfRange),
        (terms(copies=-1), CopiesOutOfRange),
        (terms(copies=1001), CopiesOutOfRange),
        (terms(notes="x" * 1001), NotesTooLong),
    ],
)
def test_impossible_terms_are_refused_by_name(
    database: Database,
    sell: Sell,
    media: Media,
    wrong: Terms,
    error: type[ShopError],
) -> None:
    with pytest.raises(error):
        sell(terms=wrong, photo=image())
    assert counts(database) == (0, 0, 0)
    assert media.files == set()


def test_the_limits_themselves_are_accepted(sell: Sell) -> None:
    assert sell(terms=terms(1, "0.01")).price == Money(1, USD)
    dearest = sell(terms=terms(1000, "100000.00", notes="x" * 1000))
    assert (dearest.price, dearest.offered) == (Money(10_000_000, USD), 1000)


@pytest.mark.parametrize(
    ("described", "error", "details"),
    [
        (Description(" \t "), NoTitle, {}),
        (Description("—"), NoTitle, {}),
        (Description("x" * 256), TextTooLong, {"field": "title", "limit": 255}),
        (Description("T", "x" * 501), TextTooLong, {"field": "authors", "limit": 500}),
        (Description("T", publisher="x" * 161), TextTooLong, {"field": "publisher", "limit": 160}),
        (Description("T", category="x" * 81), TextTooLong, {"field": "category", "limit": 80}),
        (Description("T", description="x" * 16001), TextTooLong, {"field": "description", "limit": 16000}),
    ],
)
def test_an_impossible_description_is_refused_by_name(
    database: Database,
    sell: Sell,
    described: Description,
    error: type[ShopError],
    details: dict[str, object],
) -> None:
    with pytest.raises(error) as refusal:
        sell(description=described)
    assert refusal.value.details == details
    assert counts(database) == (0, 0, 0)


def test_the_same_form_publishes_once(database: Database, sell: Sell, media: Media) -> None:
    first = sell(photo=image(), offer_key="form:1")
    again = sell(photo=image(), offer_key="form:1")
    stranger = sell(offer_key="form:1", seller=CARLA)

    assert again.id == first.id
    assert stranger.id != first.id
    assert counts(database)[1] == 2
    assert media.files == {f"{first.photo}.jpg", f"{first.photo}-small.jpg"}


def test_a_refused_photo_publishes_nothing(database: Database, sell: Sell, media: Media) -> None:
    with pytest.raises(NotAPhoto):
        sell(photo=b"no photo")
    assert counts(database) == (0, 0, 0)
    assert media.files == set()


# Editing


def edit(
    database: Database, photos: PhotoFolder, listing_id: int, changes: Changes, **options: object
) -> Listing:
    seller_id = str(options.pop("seller_id", ANA.id))
    with database.writing() as session:
        return listings.edit(session, photos, USD, listing_id, seller_id, changes, **options)


def test_the_seller_changes_all_terms(database: Database, photos: PhotoFolder, sell: Sell) -> None:
    listing = sell(terms=terms(2))
    changes = count_changes(database)

    edited = edit(
        database, photos, listing.id, Changes(Condition.ACCEPTABLE, Money(999, USD), 5, "Torn"), version=1
    )

    assert (edited.condition, edited.price, edited.notes) == (Condition.ACCEPTABLE, Money(999, USD), "Torn")
    assert edited.version == 2
    assert copies_of(database, listing.id) == (5, 5, 0, 0)
    assert count_changes(database) == changes + 1


def test_what_is_left_out_stays(database: Database, photos: PhotoFolder, sell: Sell) -> None:
    listing = sell(terms=terms(2, "12.50", Condition.GOOD, "Spine worn"))
    edited = edit(database, photos, listing.id, Changes(price=Money(100, USD)))
    assert (edited.condition, edited.offered, edited.notes) == (Condition.GOOD, 2, "Spine worn")
    assert edited.price == Money(100, USD)


def test_copies_that_are_held_or_sold_cannot_be_taken_back(
    database: Database,
    photos: PhotoFolder,
    sell: Sell,
) -> None:
    listing = sell(terms=terms(5))
    hold(database, listing.id, 2, "A1")
    hold(database, listing.id, 1, "A2")
    with database.writing() as session:
        reservations.commit(session, "A2")
    before = state_of(database, listing.id)

    with pytest.raises(CopiesTaken) as refusal:
        edit(database, photos, listing.id, Changes(price=Money(100, USD), copies=2))

    assert refusal.value.details == {"taken": 3}
    assert state_of(database, listing.id) == before
    assert edit(database, photos, listing.id, Changes(copies=3)).available == 0
    assert copies_of(database, listing.id) == (3, 0, 2, 1)


def test_a_purchase_does_not_disturb_the_sellers_open_form(
    database: Database,
    photos: PhotoFolder,
    sell: Sell,
) -> None:
    listing = sell(terms=terms(5))
    hold(database, listing.id, 2)
    assert edit(database, photos, listing.id, Changes(price=Money(100, USD)), version=1).version == 2
    assert copies_of(database, listing.id) == (5, 3, 2, 0)


def test_two_open_forms_do_not_overwrite_one_another(
    database: Database,
    photos: PhotoFolder,
    sell: Sell,
    media: Media,
) -> None:
    listing = sell()
    edit(database, photos, listing.id, Changes(price=Money(100, USD)), version=1)
    before = state_of(database, listing.id)

    with pytest.raises(ChangedMeanwhile):
        edit(database, photos, listing.id, Changes(price=Money(200, USD)), version=1, photo=image())

    assert state_of(database, listing.id) == before
    assert media.files == set()


def test_a_stranger_changes_nothing(
    database: Database, photos: PhotoFolder, sell: Sell, media: Media
) -> None:
    listing = sell(photo=image())
    before, files = state_of(database, listing.id), media.files
    changes = count_changes(database)

    with pytest.raises(NotYours):
        edit(database, photos, listing.id, Changes(price=Money(1, USD)), seller_id=CARLA.id)
    with database.writing() as session:
        for attempt in (
            lambda: listings.find_own(session, listing.id, CARLA.id),
            lambda: listings.withdraw(session, photos, listing.id, CARLA.id),
            lambda: listings.put_back_on_sale(session, listing.id, CARLA.id),
            lambda: listings.replace_photo(session, photos, listing.id, CARLA.id, image()),
            lambda: listings.replace_photo(session, photos, listing.id, CARLA.id, None),
        ):
            with pytest.raises(NotYours):
                attempt()
            session.rollback()

    assert state_of(database, listing.id) == before
    assert media.files == files
    assert count_changes(database) == changes


def test_a_listing_that_is_not_there_cannot_be_changed(database: Database, photos: PhotoFolder) -> None:
    with pytest.raises(ListingNotFound):
        edit(database, photos, 999, Changes(price=Money(1, USD)))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        (Changes(price=Money(0, USD)), PriceOutOfRange),
        (Changes(price=Money(100, "EUR")), WrongCurrency),
        (Changes(copies=0), CopiesOutOfRange),
        (Changes(copies=1001), CopiesOutOfRange),
        (Changes(notes="x" * 1001), NotesTooLong),
    ],
)
def test_impossible_changes_change_nothing(
    database: Database,
    photos: PhotoFolder,
    sell: Sell,
    changes: Changes,
    error: type[ShopError],
) -> None:
    listing = sell()
    before = state_of(database, listing.id)
    with pytest.raises(error):
        edit(database, photos, listing.id, changes)
    assert state_of(database, listing.id) == before


# Photos of a listing


def test_a_new_photo_replaces_the_old_one(
    database: Database, photos: PhotoFolder, sell: Sell, media: Media
) -> None:
    listing = sell(photo=image())
    old = listing.photo

    with database.writing() as session:
        changed = listings.replace_photo(session, photos, listing.id, ANA.id, image("PNG"))
    assert changed.photo != old
    assert media.files == {f"{changed.photo}.jpg", f"{changed.photo}-small.jpg"}

    edited = edit(database, photos, listing.id, Changes(), photo=image("WEBP"))
    assert edited.photo not in (old, changed.photo)
    assert media.files == {f"{edited.photo}.jpg", f"{edited.photo}-small.jpg"}


def test_a_refused_photo_leaves_the_old_one(
    database: Database, photos: PhotoFolder, sell: Sell, media: Media
) -> None:
    listing = sell(photo=image())
    files = media.files
    with pytest.raises(NotAPhoto), database.writing() as session:
        listings.replace_photo(session, photos, listing.id, ANA.id, b"no photo")
    assert media.files == files
    stored = listing_in(database, listing.id)
    assert stored is not None
    assert stored.photo == listing.photo


def test_a_photo_can_be_taken_away(database: Database, photos: PhotoFolder, sell: Sell, media: Media) -> None:
    listing = sell(photo=image())
    with database.writing() as session:
        assert listings.replace_photo(session, photos, listing.id, ANA.id, None).photo is None
    assert media.files == set()


# Withdrawing


def withdraw(database: Database, photos: PhotoFolder, listing_id: int) -> bool:
    with database.writing() as session:
        return listings.withdraw(session, photos, listing_id, ANA.id)


def test_a_listing_that_nobody_ever_held_is_removed_with_its_photo(
    database: Database,
    photos: PhotoFolder,
    sell: Sell,
    media: Media,
) -> None:
    listing = sell(photo=image())
    changes = count_changes(database)

    assert withdraw(database, photos, listing.id) is True

    assert listing_in(database, listing.id) is None
    assert media.files == set()
    assert count_changes(database) == changes + 1
    assert offer(database) != listing.id  # its number does not come back


@pytest.mark.parametrize("fate", ["held", "sold", "released"])
def test_a_listing_that_orders_know_is_only_withdrawn(
    database: Database,
    photos: PhotoFolder,
    sell: Sell,
    media: Media,
    fate: str,
) -> None:
    listing = sell(terms=terms(3), photo=image())
    hold(database, listing.id, 2)
    with database.writing() as session:
        if fate == "sold":
            reservations.commit(session, "A1")
        elif fate == "released":
            reservations.release(session, "A1")
    copies, files = copies_of(database, listing.id), media.files

    assert withdraw(database, photos, listing.id) is False
    first = state_of(database, listing.id)["withdrawn_at"]
    assert withdraw(database, photos, listing.id) is False

    assert first is not None
    assert state_of(database, listing.id)["withdrawn_at"] == first
    assert copies_of(database, listing.id) == copies
    assert media.files == files


def test_a_withdrawn_listing_is_seen_by_its_seller_alone(
    database: Database, photos: PhotoFolder, sell: Sell
) -> None:
    listing = sell(terms=terms(3))
    hold(database, listing.id, 1)
    withdraw(database, photos, listing.id)

    with database.reading() as session:
        assert listings.find(session, listing.id, ANA.id).is_withdrawn
        for viewer in (CARLA.id, None):
            with pytest.raises(ListingNotFound):
                listings.find(session, listing.id, viewer)
        assert offers_of(session, listing.book_id, None, 10).items == []
        assert [mine.id for mine in listings.of_seller(session, ANA.id, None, 10).items] == [listing.id]


def test_a_withdrawn_listing_can_be_put_back_on_sale(
    database: Database, photos: PhotoFolder, sell: Sell
) -> None:
    listing = sell(terms=terms(3))
    hold(database, listing.id, 1)
    withdraw(database, photos, listing.id)

    with database.writing() as session:
        listings.put_back_on_sale(session, listing.id, ANA.id)

    with database.reading() as session:
        assert listings.quote(session, [listing.id])[listing.id].available == 2


# Reading


def test_a_quote_says_what_an_order_must_know(database: Database, sell: Sell) -> None:
    listing = sell(ISBN, terms=terms(3, "12.50", Condition.LIKE_NEW), photo=image())
    with database.reading() as session:
        quotes = listings.quote(session, [listing.id, listing.id, 999, -1, 2**70])
    assert list(quotes) == [listing.id]
    assert quotes[listing.id] == listings.Offer(
        listing_id=listing.id,
        book_id=1,
        title="Cien años de soledad",
        authors="Gabriel García Márquez",
        condition="like_new",
        price=Money(1250, USD),
        seller_id=ANA.id,
        seller_name="Ana Sells",
        available=3,
        book_path="/books/1-cien-anos-de-soledad",
        cover_url="/covers/1.svg",
    )


def test_own_listings_are_paged_newest_first(database: Database) -> None:
    mine = [offer(database) for _ in range(5)]
    offer(database, seller=CARLA)
    with database.reading() as session:
        first = listings.of_seller(session, ANA.id, None, 2)
        second = listings.of_seller(session, ANA.id, first.next_cursor, 2)
        third = listings.of_seller(session, ANA.id, second.next_cursor, 2)
        with pytest.raises(InvalidCursor):
            listings.of_seller(session, ANA.id, "nonsense", 2)
    pages = [[listing.id for listing in page.items] for page in (first, second, third)]
    assert pages == [[mine[4], mine[3]], [mine[2], mine[1]], [mine[0]]]
    assert third.next_cursor is None


def test_offers_of_a_book_come_cheapest_first_and_sold_out_last(database: Database) -> None:
    dear = offer(database, price="30.00")
    gone = offer(database, price="1.00")
    cheap = offer(database, price="2.00")
    same = offer(database, price="2.00", seller=CARLA)
    hold(database, gone, 1)
    with database.reading() as session:
        found, cursor = [], None
        while True:
            page = offers_of(session, 1, cursor, 1)
            found += [listing.id for listing in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
    assert found == [cheap, same, dear, gone]


def test_a_book_is_found_by_its_isbn(database: Database, sell: Sell) -> None:
    sell(ISBN)
    with database.reading() as session:
        found = books.find_by_isbn(session, ISBN)
        assert found is not None
        assert found.title == "Cien años de soledad"
        assert books.find_by_isbn(session, "9780306406157") is None
        with pytest.raises(books.BookNotFound):
            books.find(session, 999)
