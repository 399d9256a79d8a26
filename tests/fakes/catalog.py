"""A catalog in memory that keeps every promise of `ports.Catalog`."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bookstore.orders.ports import (
    CatalogUnavailable,
    Line,
    OutOfStock,
    Quote,
    Reservation,
    ReservationExpired,
    ReservedLine,
)
from bookstore.shared.clock import utcnow
from bookstore.shared.money import Money


@dataclass
class _Hold:
    lines: tuple[ReservedLine, ...]
    expires_at: datetime
    state: str = "held"  # held, expired, committed or released


class FakeCatalog:
    """Offers are put in with `offer`, and changed with `change` and `withdraw`; `away` makes it silent."""

    def __init__(self, currency: str = "USD") -> None:
        self.currency = currency
        self.away = False
        self.holds: dict[str, _Hold] = {}
        self._offers: dict[int, Quote] = {}
        self._lock = threading.Lock()

    def offer(
        self,
        listing_id: int,
        title: str = "Pedro Páramo",
        price: str = "12.50",
        available: int = 3,
        seller_id: str = "ana",
        seller_name: str = "Ana Sells",
    ) -> Quote:
        """Put a listing on sale."""
        quote = Quote(
            listing_id=listing_id,
            book_id=listing_id + 1000,
            title=title,
            authors="Juan Rulfo",
            condition="good",
            price=Money.parse(price, self.currency),
            seller_id=seller_id,
            seller_name=seller_name,
            available=available,
            book_path=f"/books/{listing_id + 1000}-pedro-paramo",
            cover_url="",
        )
        self._offers[listing_id] = quote
        return quote

    def change(self, listing_id: int, *, price: str | None = None, available: int | None = None) -> None:
        """The seller changes the price, or copies come and go elsewhere."""
        offer = self._offers[listing_id]
        if price is not None:
            offer = replace(offer, price=Money.parse(price, self.currency))
        if available is not None:
            offer = replace(offer, available=available)
        self._offers[listing_id] = offer

    def withdraw(self, listing_id: int) -> None:
        """The seller takes the listing off the shelf. Its holds stay."""
        del self._offers[listing_id]

    def available(self, listing_id: int) -> int:
        self._expire()
        return self._offers[listing_id].available

    def quote(self, listing_ids: Sequence[int]) -> dict[int, Quote]:
        self._answer()
        with self._lock:
            self._expire()
            return {key: self._offers[key] for key in listing_ids if key in self._offers}

    def reserve(self, reference: str, lines: Sequence[Line], hold: timedelta) -> Reservation:
        self._answer()
        with self._lock:
            self._expire()
            found = self.holds.get(reference)
            if found is None:
                found = _Hold(self._take_new(lines), utcnow() + hold)
                self.holds[reference] = found
            else:
                self._renew(found, lines, hold)
            return Reservation(reference, found.expires_at, found.lines)

    def commit(self, reference: str) -> None:
        self._answer()
        with self._lock:
            self._expire()
            found = self.holds.get(reference)
            if found is None or found.state not in {"held", "committed"}:
                raise ReservationExpired
            found.state = "committed"

    def release(self, reference: str) -> None:
        self._answer()
        with self._lock:
            self._expire()
            found = self.holds.get(reference)
            if found is None:
                return
            if found.state in {"held", "committed"}:
                self._give_back(found)
            found.state = "released"

    def _answer(self) -> None:
        if self.away:
            raise CatalogUnavailable

    def _renew(self, found: _Hold, lines: Sequence[Line], hold: timedelta) -> None:
        same = [(line.quote.listing_id, line.quantity) for line in found.lines]
        if found.state not in {"held", "expired"} or same != [(li.listing_id, li.quantity) for li in lines]:
            raise ReservationExpired
        if found.state == "expired":
            self._take(lines)
        found.state, found.expires_at = "held", utcnow() + hold

    def _take_new(self, lines: Sequence[Line]) -> tuple[ReservedLine, ...]:
        self._take(lines)
        return tuple(ReservedLine(self._offers[line.listing_id], line.quantity) for line in lines)

    def _take(self, lines: Sequence[Line]) -> None:
        """All of the lines, or none."""
        short = [line.listing_id for line in lines if self._left(line.listing_id) < line.quantity]
        if short:
            raise OutOfStock(short)
        for line in lines:
            self._move(line.listing_id, -line.quantity)

    def _give_back(self, found: _Hold) -> None:
        for line in found.lines:
            self._move(line.quote.listing_id, line.quantity)

    def _left(self, listing_id: int) -> int:
        offer = self._offers.get(listing_id)
        return offer.available if offer else 0

    def _move(self, listing_id: int, copies: int) -> None:
        offer = self._offers.get(listing_id)
        if offer is not None:
            self._offers[listing_id] = replace(offer, available=offer.available + copies)

    def _expire(self) -> None:
        for found in self.holds.values():
            if found.state == "held" and found.expires_at <= utcnow():
                self._give_back(found)
                found.state = "expired"
