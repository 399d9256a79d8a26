"""A catalog in memory that keeps every promise of `ports.Catalog`."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
class Hold:
    """What the catalog did with the copies of one reference."""

    lines: tuple[ReservedLine, ...]
    expires_at: datetime
    state: str = "held"  # held, expired, committed or released

    @property
    def wanted(self) -> dict[int, int]:
        return {line.quote.listing_id: line.quantity for line in self.lines}


class FakeCatalog:
    """Offers are put in with `offer`, and changed with `change` and `withdraw`; `away` makes it silent."""

    def __init__(self, currency: str = "USD") -> None:
        self.currency = currency
        self.away = False
        self.holds: dict[str, Hold] = {}
        self._offers: dict[int, Quote] = {}
        self._withdrawn: set[int] = set()
        self._lock = threading.RLock()

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

    def change(
        self,
        listing_id: int,
        *,
        price: str | None = None,
        available: int | None = None,
        title: str | None = None,
    ) -> None:
        """The seller changes the offer, or copies come and go elsewhere."""
        offer = self._offers[listing_id]
        if price is not None:
            offer = replace(offer, price=Money.parse(price, self.currency))
        if available is not None:
            offer = replace(offer, available=available)
        self._offers[listing_id] = replace(offer, title=title or offer.title)

    def withdraw(self, listing_id: int) -> None:
        """The seller takes the listing off the shelf. Its holds stay."""
        self._withdrawn.add(listing_id)

    def available(self, listing_id: int) -> int:
        return self.copies(listing_id)[0]

    def copies(self, listing_id: int) -> tuple[int, int, int]:
        """Copies available, held and sold."""
        with self._lock:
            self._expire_due()
            available = self._offers[listing_id].available
            return available, self._in_state("held", listing_id), self._in_state("committed", listing_id)

    def state(self, reference: str) -> str:
        """What became of a reference: held, expired, committed, released, or unknown."""
        return self.holds[reference].state if reference in self.holds else "unknown"

    def run_out(self, reference: str) -> None:
        """Let the time of a hold run out."""
        with self._lock:
            self.holds[reference].expires_at = utcnow()
            self._expire_due()

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Be away for a while."""
        self.away = True
        try:
            yield
        finally:
            self.away = False

    def quote(self, listing_ids: Sequence[int]) -> dict[int, Quote]:
        with self._answering():
            return {key: self._offers[key] for key in listing_ids if self._on_sale(key)}

    def reserve(self, reference: str, lines: Sequence[Line], hold: timedelta) -> Reservation:
        with self._answering():
            found = self.holds.get(reference)
            if found is None:
                found = self.holds[reference] = Hold(self._take_new(lines), utcnow() + hold)
            else:
                self._renew(found, lines, hold)
            return Reservation(reference, found.expires_at, found.lines)

    def commit(self, reference: str) -> None:
        with self._answering():
            found = self.holds.get(reference)
            if found is None or found.state not in {"held", "committed"}:
                raise ReservationExpired
            found.state = "committed"

    def release(self, reference: str) -> None:
        with self._answering():
            found = self.holds.get(reference)
            if found is None:
                return
            if found.state in {"held", "committed"}:
                self._give_back(found)
            found.state = "released"

    @contextmanager
    def _answering(self) -> Iterator[None]:
        if self.away:
            raise CatalogUnavailable
        with self._lock:
            self._expire_due()
            yield

    def _on_sale(self, listing_id: int) -> bool:
        return listing_id in self._offers and listing_id not in self._withdrawn

    def _in_state(self, state: str, listing_id: int) -> int:
        holds = [found for found in self.holds.values() if found.state == state]
        return sum(found.wanted.get(listing_id, 0) for found in holds)

    def _renew(self, found: Hold, lines: Sequence[Line], hold: timedelta) -> None:
        if found.state not in {"held", "expired"} or found.wanted != _merged(lines):
            raise ReservationExpired
        if found.state == "expired":
            self._take(found.wanted)
        found.state, found.expires_at = "held", utcnow() + hold

    def _take_new(self, lines: Sequence[Line]) -> tuple[ReservedLine, ...]:
        wanted = _merged(lines)
        self._take(wanted)
        return tuple(ReservedLine(self._offers[key], quantity) for key, quantity in wanted.items())

    def _take(self, wanted: dict[int, int]) -> None:
        """All of the lines, or none."""
        short = [key for key, quantity in wanted.items() if self._left(key) < quantity]
        if short:
            raise OutOfStock(short)
        for listing_id, quantity in wanted.items():
            self._move(listing_id, -quantity)

    def _give_back(self, found: Hold) -> None:
        for listing_id, quantity in found.wanted.items():
            self._move(listing_id, quantity)

    def _left(self, listing_id: int) -> int:
        return self._offers[listing_id].available if self._on_sale(listing_id) else 0

    def _move(self, listing_id: int, copies: int) -> None:
        offer = self._offers[listing_id]
        self._offers[listing_id] = replace(offer, available=offer.available + copies)

    def _expire_due(self) -> None:
        for found in self.holds.values():
            if found.state == "held" and found.expires_at <= utcnow():
                self._give_back(found)
                found.state = "expired"


def _merged(lines: Sequence[Line]) -> dict[int, int]:
    wanted: dict[int, int] = {}
    for line in lines:
        wanted[line.listing_id] = wanted.get(line.listing_id, 0) + line.quantity
    return wanted
