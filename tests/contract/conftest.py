"""The catalog port in its four shapes: the fake of the tests, local, HTTP in memory, HTTP on a socket."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx
import pytest
from sqlalchemy import select, update
from werkzeug.serving import make_server

from bookstore.app import Shop, create_shop
from bookstore.catalog import books, listings
from bookstore.catalog.models import Condition, Listing, Reservation
from bookstore.catalog.photos import PhotoFolder
from bookstore.catalog.terms import Changes, Seller, Terms
from bookstore.config import Settings
from bookstore.orders.catalog_client import HttpCatalog
from bookstore.orders.ports import Catalog
from bookstore.shared.clock import utcnow
from bookstore.shared.database import Database
from bookstore.shared.money import Money
from bookstore.shared.neighbor import Neighbor, Patience
from bookstore.wiring import LocalCatalog
from tests.fakes.catalog import FakeCatalog

# Sixteen at once on a busy machine wait for one another longer than people should.
PATIENCE = Patience(connect=10, answer=30, call=60)
ANA = Seller("0d3f7f3e-6a0a-4a53-8a39-6c0d7b4f5a11", "Ana Sells")


class World(Protocol):
    """A catalog behind the port, and what the test arranges and sees on its other side."""

    catalog: Catalog

    def offer(self, price: str, copies: int) -> int: ...
    def change_price(self, listing_id: int, price: str) -> None: ...
    def withdraw(self, listing_id: int) -> None: ...
    def copies(self, listing_id: int) -> tuple[int, int, int]: ...
    def run_out(self, reference: str) -> None: ...


@dataclass
class FakeWorld:
    catalog: FakeCatalog = field(default_factory=FakeCatalog)
    next_id: int = 1

    def offer(self, price: str, copies: int) -> int:
        listing_id, self.next_id = self.next_id, self.next_id + 1
        self.catalog.offer(listing_id, price=price, available=copies, seller_id=ANA.id, seller_name=ANA.name)
        return listing_id

    def change_price(self, listing_id: int, price: str) -> None:
        self.catalog.change(listing_id, price=price)

    def withdraw(self, listing_id: int) -> None:
        self.catalog.withdraw(listing_id)

    def copies(self, listing_id: int) -> tuple[int, int, int]:
        return self.catalog.copies(listing_id)

    def run_out(self, reference: str) -> None:
        self.catalog.run_out(reference)


@dataclass
class RealWorld:
    catalog: Catalog
    database: Database

    @property
    def photos(self) -> PhotoFolder:
        return PhotoFolder(Path("unused"), max_bytes=0)

    def offer(self, price: str, copies: int) -> int:
        terms = Terms(Condition.GOOD, Money.parse(price, "USD"), copies)
        with self.database.writing() as session:
            book = books.Description(title="Pedro Páramo", authors="Juan Rulfo")
            return listings.publish(session, self.photos, "USD", ANA, None, book, terms).id

    def change_price(self, listing_id: int, price: str) -> None:
        with self.database.writing() as session:
            changes = Changes(price=Money.parse(price, "USD"))
            listings.edit(session, self.photos, "USD", listing_id, ANA.id, changes)

    def withdraw(self, listing_id: int) -> None:
        with self.database.writing() as session, session.begin():
            session.execute(update(Listing).where(Listing.id == listing_id).values(withdrawn_at=utcnow()))

    def copies(self, listing_id: int) -> tuple[int, int, int]:
        with self.database.reading() as session:
            counters = select(Listing.available, Listing.held, Listing.sold)
            row = session.execute(counters.where(Listing.id == listing_id)).one()
            return (row.available, row.held, row.sold)

    def run_out(self, reference: str) -> None:
        with self.database.writing() as session, session.begin():
            wanted = update(Reservation).where(Reservation.reference == reference)
            session.execute(wanted.values(expires_at=utcnow()))


@pytest.fixture(params=["fake", "local", "http", "socket"])
def world(request: pytest.FixtureRequest) -> World:
    return request.getfixturevalue(f"{request.param}_world")


@pytest.fixture
def fake_world() -> World:
    return FakeWorld()


@pytest.fixture
def local_world(shop: Shop) -> World:
    database = shop.databases["catalog"]
    return RealWorld(LocalCatalog(database), database)


@pytest.fixture
def catalog_alone(settings: Settings) -> Iterator[Shop]:
    """A process that runs the catalog and nothing else."""
    shop = create_shop(
        Settings(
            data_dir=settings.data_dir,
            secret_key=settings.secret_key,
            service_token=settings.service_token,
            services=("catalog",),
            accounts_url="http://127.0.0.1:9",
            catalog_database_url=settings.catalog_database_url,
        )
    )
    yield shop
    shop.close()


@pytest.fixture
def http_world(catalog_alone: Shop, settings: Settings) -> World:
    transport = httpx.WSGITransport(app=catalog_alone.app)
    catalog = HttpCatalog(
        Neighbor("catalog", "http://catalog.test", settings.service_token, transport=transport)
    )
    return RealWorld(catalog, catalog_alone.databases["catalog"])


@pytest.fixture
def socket_world(catalog_alone: Shop, settings: Settings) -> Iterator[World]:
    server = make_server("127.0.0.1", 0, catalog_alone.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    neighbor = Neighbor("catalog", url, settings.service_token, PATIENCE)
    yield RealWorld(HttpCatalog(neighbor), catalog_alone.databases["catalog"])
    neighbor.close()
    server.shutdown()
    thread.join(timeout=10)
