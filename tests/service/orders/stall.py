"""The orders service by itself: its database, a catalog in memory, the sandbox gateway. And its people."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bookstore.orders import cancellation, checkout, fulfillment, lookup, payments, recovery
from bookstore.orders.audit import audit_orders, expected_reservations
from bookstore.orders.gateways.sandbox import SandboxGateway
from bookstore.orders.models import Address, Mail, Order, Shipment
from bookstore.orders.payment_models import Method, Payment
from bookstore.orders.policy import Policy
from bookstore.orders.ports import Catalog, Line, PaymentGateway
from bookstore.shared.database import Database
from bookstore.shared.identity import Identity
from tests.fakes.catalog import FakeCatalog

HOME = Address(
    name="Bruno Buys",
    street="Calle Larga 1-23",
    city="Cuenca",
    region="Azuay",
    postal_code="010101",
    country="EC",
)
# Copies of each listing: Ana sells 1 and 2, Carla sells 3.
STOCK = {1: 3, 2: 5, 3: 2}
# Nobody has to wait for an abandoned step in a test.
PATIENCE = Policy(claim=timedelta(0), first_retry=timedelta(0), last_retry=timedelta(0), max_tries=3)


def person(name: str, locale: str = "en") -> Identity:
    return Identity(name, name.title(), f"{name}@example.com", locale, f"session-of-{name}")


@dataclass
class Stall:
    """What a test needs in order to buy and sell. Money is in US cents, delivery by Servientrega costs 1500."""

    database: Database
    catalog: FakeCatalog
    gateway: SandboxGateway
    policy: Policy = PATIENCE
    # What the use cases talk to; a test may put something less reliable in between.
    catalog_port: Catalog = field(init=False)
    gateway_port: PaymentGateway = field(init=False)

    def __post_init__(self) -> None:
        self.catalog_port, self.gateway_port = self.catalog, self.gateway

    @contextmanager
    def session(self) -> Iterator[Session]:
        with self.database.writing() as session:
            yield session

    def order(
        self,
        *lines: tuple[int, int],
        buyer: str = "bruno",
        reference: str | None = None,
        carrier: int = 4,
        address: Address = HOME,
    ) -> Order:
        """Place an order for so many copies of some listings."""
        with self.session() as session:
            return checkout.place_order(
                session,
                self.catalog_port,
                self.policy,
                reference=reference or checkout.new_reference(),
                buyer=person(buyer),
                lines=[Line(listing_id, quantity) for listing_id, quantity in lines],
                option_id=carrier,
                address=address,
            )

    def pay(
        self,
        reference: str,
        token: str = "tok_approved",
        *,
        buyer: str = "bruno",
        method: Method = Method.CARD,
        request_key: str = "the-request",
    ) -> Payment:
        with self.session() as session:
            return payments.pay(
                session,
                self.catalog_port,
                self.gateway_port,
                self.policy,
                buyer_id=buyer,
                reference=reference,
                method=method,
                token=token,
                request_key=request_key,
            )

    def cancel(self, reference: str, buyer: str = "bruno") -> Order:
        with self.session() as session:
            return cancellation.cancel(
                session,
                self.catalog_port,
                self.gateway_port,
                self.policy,
                buyer_id=buyer,
                reference=reference,
            )

    def confirm(self, payment: Payment) -> Payment:
        with self.session() as session:
            return payments.confirm_transfer(
                session, self.catalog_port, self.gateway_port, self.policy, payment.id
            )

    def reject(self, payment: Payment) -> Payment:
        with self.session() as session:
            return payments.reject_transfer(
                session, self.catalog_port, self.gateway_port, self.policy, payment.id
            )

    def ship(self, shipment: Shipment, number: str = "DHL 1234", seller: str = "ana") -> Shipment:
        with self.session() as session:
            return fulfillment.ship(
                session, seller_id=seller, shipment_id=shipment.id, tracking_number=number
            )

    def receive(self, reference: str, shipment: Shipment, buyer: str = "bruno") -> Shipment:
        with self.session() as session:
            return fulfillment.receive(session, buyer_id=buyer, reference=reference, shipment_id=shipment.id)

    def find(self, reference: str) -> Order:
        with self.database.reading() as session:
            order = lookup.order_by_reference(session, reference)
            assert order is not None
            return order

    def recover(self) -> int:
        return recovery.recover(self.database, self.catalog_port, self.gateway_port, self.policy)

    def expire_unpaid(self) -> int:
        return recovery.expire_unpaid(self.database, self.catalog_port, self.gateway_port, self.policy)

    def make_overdue(self, reference: str) -> None:
        """Let the time to pay run out."""
        with self.session() as session, session.begin():
            order = session.scalars(select(Order).where(Order.reference == reference)).one()
            order.pay_by = order.placed_at - timedelta(seconds=1)

    def mails(self) -> list[str]:
        """The kinds of mails queued so far, each with its reader."""
        with self.database.reading() as session:
            return [
                f"{mail.kind} to {mail.recipient}" for mail in session.scalars(select(Mail).order_by(Mail.id))
            ]

    def money(self) -> tuple[int, int]:
        """Cents captured and refunded, by the gateway's own books."""
        statement = self.gateway.statement()
        captured = sum(line.amount.minor for line in statement if line.kind == "captured")
        refunded = sum(line.amount.minor for line in statement if line.kind == "refunded")
        return captured, refunded

    def assert_sound(self) -> None:
        """The audit finds nothing, and the catalog did with the copies what orders expects."""
        with self.database.reading() as session:
            assert audit_orders(session, self.gateway, self.policy) == []
            expected = expected_reservations(session)
        names = {"held": "held", "committed": "sold", "released": "gone", "expired": "gone"}
        for reference, wanted in expected.items():
            assert names[self.catalog.state(reference)] in wanted.states, reference
            assert self.catalog.holds[reference].wanted == wanted.lines
        sold = {key for key, hold in self.catalog.holds.items() if hold.state == "committed"}
        assert sold <= expected.keys()
        for listing_id, copies in STOCK.items():
            assert sum(self.catalog.copies(listing_id)) == copies
            assert min(self.catalog.copies(listing_id)) >= 0
