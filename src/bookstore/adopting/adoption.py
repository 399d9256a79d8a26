"""Adopting a whole database: its people first, then what they sell, then what they bought.

Ids follow from those of the original and the name of the origin, so doing it again adds only what is new,
and what was cut off goes on.
"""

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from bookstore.accounts import adoption as accounts
from bookstore.accounts import users
from bookstore.adopting.original import Original, Row, as_count, as_money, as_text
from bookstore.adopting.report import Report
from bookstore.catalog import adoption as catalog
from bookstore.catalog.import_cleaning import RowRejected
from bookstore.catalog.terms import MAX_COPIES, MAX_PRICE_MINOR, Seller
from bookstore.orders import adoption as orders
from bookstore.orders.cart_models import Coverage
from bookstore.orders.checkout import ALPHABET
from bookstore.shared.database import Database
from bookstore.shared.identity import Identity
from bookstore.shared.money import Money

NAMESPACE = uuid.UUID("0f1b7c0a-6f0e-4d0e-9d0a-6a5f3f0b7c51")
FORMER_SELLER = "Former seller"
COVERAGE = {"internacional": Coverage.INTERNATIONAL, "nacional": Coverage.NATIONAL}
MAX_CARRIER = 60


@dataclass(frozen=True)
class Terms:
    """What the original does not say, and the shop's settings do."""

    origin: str
    currency: str
    locale: str
    country: str


@dataclass(frozen=True)
class Person:
    """Whom a user of the original has become."""

    identity: Identity
    can_log_in: bool


@dataclass
class Adoption:
    """One run. It remembers whom and what the ids of the original have become."""

    original: Original
    databases: dict[str, Database]
    terms: Terms
    report: Report
    progress: Callable[[int], None] = lambda rows: None
    people: dict[int, Person] = field(default_factory=dict)
    carriers: dict[int, orders.Carrier] = field(default_factory=dict)
    listings: dict[int, int] = field(default_factory=dict)

    def adopt_people(self) -> None:
        own: set[str] = set()
        self._adopt_each("user", lambda row: self._adopt_person(row, own))

    def adopt_carriers(self) -> None:
        self._adopt_each("delivery_provider", self._adopt_carrier)

    def adopt_books(self) -> None:
        self._adopt_each("book", self._adopt_book)

    def _adopt_each(self, table: str, adopt: Callable[[Row], None]) -> None:
        for rows in self.original.batches(table):
            for row in rows:
                adopt(row)
            self.progress(len(rows))

    def _adopt_person(self, row: Row, own: set[str]) -> None:
        number = row["id"]
        with self.databases["accounts"].writing() as session:
            adopted = accounts.adopt_user(
                session,
                user_id=self.id_of("user", number),
                number=number,
                name=as_text(row["name"]),
                email=as_text(row["email"]),
                password_hash=as_text(row["password"]),
                locale=self.terms.locale,
            )
            user = adopted.user
            if not adopted.is_own:
                self.report.mend(
                    "user", number, "duplicate_email" if user.id in own else "email_known", user.email
                )
            if user.id in own:
                accounts.have_password_reset(session, user.id)
        own.add(user.id)
        for remark in adopted.remarks:
            self.report.mend("user", number, remark.reason, remark.value)
        self.report.taken("user", is_new=adopted.is_new)
        identity = Identity(user.id, user.name, user.email, user.locale, session_id="")
        self.people[number] = Person(identity, adopted.can_log_in)

    def _adopt_carrier(self, row: Row) -> None:
        number, name = row["id"], " ".join(as_text(row["name"]).split())
        price, rounded = as_money(row["cost"], self.terms.currency)
        coverage = COVERAGE.get(as_text(row["coverage_area"]).strip().lower())
        if not name or len(name) > MAX_CARRIER:
            self.report.skip("delivery_provider", number, "invalid_name", name)
            return
        if coverage is None or price is None or price.minor < 0:
            reason = "unknown_coverage" if coverage is None else "invalid_cost"
            self.report.skip("delivery_provider", number, reason, f"{row['coverage_area']} {row['cost']}")
            # Its parcels still say who took them away.
            self.carriers[number] = orders.Carrier(0, name, orders.DAYS)
            return
        if rounded:
            self.report.mend("delivery_provider", number, "rounded", row["cost"])
        with self.databases["orders"].writing() as session:
            self.carriers[number], is_new = orders.adopt_carrier(session, name, coverage, price)
        self.report.taken("delivery_provider", is_new=is_new)

    def _adopt_book(self, row: Row) -> None:
        number = row["id"]
        price, price_holds = self._price(row)
        if price is None:
            self.report.skip("book", number, "no_price", row["price"])
            return
        seller = self.people.get(row["seller_id"])
        if seller is None:
            self.report.mend("book", number, "seller_missing", row["seller_id"])
        elif not seller.can_log_in:
            self.report.mend("book", number, "seller_cannot_log_in", seller.identity.name)
        on_sale = price_holds and seller is not None and seller.can_log_in
        try:
            with self.databases["catalog"].writing() as session:
                adopted = catalog.adopt_listing(
                    session,
                    seller=self._seller(seller),
                    offer_key=f"adopted-{self.terms.origin}-{number}",
                    texts={
                        "title": as_text(row["title"]),
                        "authors": as_text(row["author"]),
                        "description": as_text(row["description"]),
                    },
                    price=price,
                    copies=self._copies(row),
                    on_sale=on_sale,
                )
        except RowRejected as error:
            self.report.skip("book", number, error.reason, error.value)
            return
        for note in adopted.notes:
            self.report.mend("book", number, note.code, note.value)
        self.listings[number] = adopted.listing_id
        self.report.taken("book", is_new=adopted.is_new)

    def _seller(self, person: Person | None) -> Seller:
        """Who offers it. What nobody is known to offer is a former seller's, and off sale."""
        if person is not None:
            return Seller(person.identity.user_id, person.identity.name)
        seller = Seller(self.id_of("seller", 0), FORMER_SELLER)
        with self.databases["accounts"].writing() as session:
            users.ensure_user(session, seller.id, seller.name, f"{seller.id}@bookstore.example")
        return seller

    def _price(self, row: Row) -> tuple[Money | None, bool]:
        """The price of a copy, and whether the book may be offered at it.

        Without one, what somebody once paid stands in, so that the sale can be recorded.
        """
        price, rounded = as_money(row["price"], self.terms.currency)
        if price is not None and 0 < price.minor <= MAX_PRICE_MINOR:
            if rounded:
                self.report.mend("book", row["id"], "rounded", row["price"])
            return price, True
        for purchase in self.original.related("purchase", "book_id", [row["id"]]).get(row["id"], []):
            total, _ = as_money(purchase["total_price"], self.terms.currency)
            quantity = as_count(purchase["quantity"]) or 0
            if total is not None and 0 < quantity <= total.minor:
                self.report.mend("book", row["id"], "no_price", row["price"])
                return Money(total.minor // quantity, self.terms.currency), False
        return None, False

    def _copies(self, row: Row) -> int:
        """The copies that are left."""
        stock = as_count(row["stock"])
        copies = min(max(stock or 0, 0), MAX_COPIES)
        if stock is None:
            self.report.mend("book", row["id"], "no_stock", row["stock"])
        elif stock != copies:
            self.report.mend("book", row["id"], "negative_stock" if stock < 0 else "stock_too_large", stock)
        return copies

    def id_of(self, kind: str, number: int) -> str:
        """An id of ours that follows from the original's."""
        return str(uuid.uuid5(NAMESPACE, f"{self.terms.origin}:{kind}:{number}"))

    def reference_of(self, number: int) -> str:
        """The reference of the order that a purchase becomes."""
        digest = hashlib.sha256(f"{self.terms.origin}:purchase:{number}".encode()).digest()
        signs = "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:10])
        return f"BS-{signs[:4]}-{signs[4:8]}-{signs[8:]}"
