"""What every adapter of the catalog port promises (`orders/ports.py`)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from bookstore.orders.catalog_client import HttpCatalog
from bookstore.orders.ports import CatalogUnavailable, Line, OutOfStock, ReservationExpired
from bookstore.shared.clock import utcnow
from bookstore.shared.money import Money
from bookstore.shared.neighbor import Neighbor
from tests.contract.conftest import ANA, World

HOLD = timedelta(minutes=30)
UNKNOWN = 987_654


def test_a_quote_says_price_copies_and_seller(world: World) -> None:
    listing = world.offer("12.50", copies=3)
    quote = world.catalog.quote([listing])[listing]
    assert quote.price == Money(1250, "USD")
    assert (quote.available, quote.condition, quote.title) == (3, "good", "Pedro Páramo")
    assert (quote.seller_id, quote.seller_name) == (ANA.id, "Ana Sells")
    assert quote.book_path.startswith(f"/books/{quote.book_id}")


def test_what_is_not_on_sale_has_no_quote(world: World) -> None:
    listing, withdrawn = world.offer("5.00", 1), world.offer("6.00", 1)
    world.withdraw(withdrawn)
    assert set(world.catalog.quote([listing, withdrawn, UNKNOWN])) == {listing}
    assert world.catalog.quote([]) == {}


def test_reserving_holds_the_copies_until_a_time(world: World) -> None:
    listing = world.offer("12.50", copies=3)
    before = utcnow()
    reservation = world.catalog.reserve("BS-1", [Line(listing, 2)], HOLD)
    assert reservation.reference == "BS-1"
    assert before + HOLD <= reservation.expires_at <= utcnow() + HOLD + timedelta(seconds=1)
    assert [(line.quote.price, line.quantity) for line in reservation.lines] == [(Money(1250, "USD"), 2)]
    assert world.copies(listing) == (1, 2, 0)


def test_all_lines_are_held_or_none(world: World) -> None:
    plenty, scarce = world.offer("5.00", 10), world.offer("6.00", 1)
    with pytest.raises(OutOfStock) as refused:
        world.catalog.reserve("BS-1", [Line(plenty, 2), Line(scarce, 2)], HOLD)
    assert refused.value.details["listing_ids"] == [scarce]
    assert world.copies(plenty) == (10, 0, 0)
    assert world.copies(scarce) == (1, 0, 0)


def test_unknown_and_withdrawn_listings_are_out_of_stock(world: World) -> None:
    withdrawn = world.offer("5.00", 3)
    world.withdraw(withdrawn)
    with pytest.raises(OutOfStock) as refused:
        world.catalog.reserve("BS-1", [Line(UNKNOWN, 1), Line(withdrawn, 1)], HOLD)
    assert refused.value.details["listing_ids"] == sorted([UNKNOWN, withdrawn])
    assert world.copies(withdrawn) == (3, 0, 0)


def test_reserving_again_renews_the_hold_at_the_first_prices(world: World) -> None:
    listing = world.offer("12.50", copies=3)
    first = world.catalog.reserve("BS-1", [Line(listing, 2)], HOLD)
    world.change_price(listing, "99.00")
    again = world.catalog.reserve("BS-1", [Line(listing, 2)], HOLD * 2)
    assert again.expires_at > first.expires_at
    assert again.lines[0].quote.price == Money(1250, "USD")
    assert world.copies(listing) == (1, 2, 0)


def test_lines_of_one_listing_are_one_line(world: World) -> None:
    listing = world.offer("5.00", copies=3)
    world.catalog.reserve("BS-1", [Line(listing, 1), Line(listing, 2)], HOLD)
    assert world.copies(listing) == (0, 3, 0)


def test_a_reference_keeps_its_lines(world: World) -> None:
    listing = world.offer("5.00", copies=5)
    world.catalog.reserve("BS-1", [Line(listing, 2)], HOLD)
    with pytest.raises(ReservationExpired):
        world.catalog.reserve("BS-1", [Line(listing, 3)], HOLD)
    assert world.copies(listing) == (3, 2, 0)


def test_an_expired_hold_is_taken_anew_if_copies_are_left(world: World) -> None:
    listing = world.offer("5.00", copies=2)
    world.catalog.reserve("BS-1", [Line(listing, 2)], HOLD)
    world.run_out("BS-1")
    world.catalog.reserve("BS-1", [Line(listing, 2)], HOLD)
    assert world.copies(listing) == (0, 2, 0)
    world.catalog.commit("BS-1")
    assert world.copies(listing) == (0, 0, 2)


def test_committing_sells_the_copies_once(world: World) -> None:
    listing = world.offer("5.00", copies=3)
    world.catalog.reserve("BS-1", [Line(listing, 2)], HOLD)
    world.catalog.commit("BS-1")
    world.catalog.commit("BS-1")
    assert world.copies(listing) == (1, 0, 2)


def test_what_is_not_held_cannot_be_committed(world: World) -> None:
    listing = world.offer("5.00", copies=3)
    world.catalog.reserve("BS-1", [Line(listing, 2)], HOLD)
    world.run_out("BS-1")
    world.catalog.reserve("BS-2", [Line(listing, 1)], HOLD)
    world.catalog.release("BS-2")
    for reference in ("BS-1", "BS-2", "BS-NEVER"):
        with pytest.raises(ReservationExpired):
            world.catalog.commit(reference)
    assert world.copies(listing)[2] == 0


def test_releasing_gives_held_and_sold_copies_back_once(world: World) -> None:
    listing = world.offer("5.00", copies=3)
    world.catalog.reserve("BS-1", [Line(listing, 1)], HOLD)
    world.catalog.reserve("BS-2", [Line(listing, 2)], HOLD)
    world.catalog.commit("BS-2")
    for reference in ("BS-1", "BS-1", "BS-2", "BS-2", "BS-NEVER"):
        world.catalog.release(reference)
    assert world.copies(listing) == (3, 0, 0)


def test_a_released_reference_is_spent(world: World) -> None:
    listing = world.offer("5.00", copies=3)
    world.catalog.reserve("BS-1", [Line(listing, 1)], HOLD)
    world.catalog.release("BS-1")
    with pytest.raises(ReservationExpired):
        world.catalog.reserve("BS-1", [Line(listing, 1)], HOLD)
    assert world.copies(listing) == (3, 0, 0)


def test_copies_of_a_withdrawn_listing_that_are_held_can_be_sold(world: World) -> None:
    listing = world.offer("5.00", copies=3)
    world.catalog.reserve("BS-1", [Line(listing, 1)], HOLD)
    world.withdraw(listing)
    world.catalog.commit("BS-1")
    assert world.copies(listing) == (2, 0, 1)


def test_sixteen_at_once_get_five_copies(world: World) -> None:
    listing = world.offer("5.00", copies=5)

    def reserve(number: int) -> bool:
        try:
            world.catalog.reserve(f"BS-{number}", [Line(listing, 1)], HOLD)
        except OutOfStock:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(reserve, range(16))) == 5
    assert world.copies(listing) == (0, 5, 0)


def test_one_reference_reserved_by_eight_at_once_holds_once(world: World) -> None:
    listing = world.offer("5.00", copies=20)

    def reserve(_: int) -> int:
        return world.catalog.reserve("BS-1", [Line(listing, 2)], HOLD).lines[0].quantity

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(reserve, range(8))) == [2] * 8
    assert world.copies(listing) == (18, 2, 0)


def test_a_catalog_that_is_away_is_named() -> None:
    catalog = HttpCatalog(Neighbor("catalog", "http://127.0.0.1:9", "token"))
    with pytest.raises(CatalogUnavailable):
        catalog.quote([1])


def test_a_wrong_service_token_changes_nothing(socket_world: World) -> None:
    listing = socket_world.offer("5.00", copies=3)
    url = str(socket_world.catalog._neighbor._client.base_url)  # type: ignore[attr-defined]
    stranger = HttpCatalog(Neighbor("catalog", url, "a token that nobody gave out, 0123456789"))
    with pytest.raises(CatalogUnavailable):
        stranger.reserve("BS-1", [Line(listing, 1)], HOLD)
    assert socket_world.copies(listing) == (3, 0, 0)
