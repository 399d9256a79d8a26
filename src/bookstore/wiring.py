"""What a process consists of: its databases, and the ports between services answered here or over HTTP."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import ArgumentError

from bookstore.config import SERVICES, Settings, SettingsError, variable
from bookstore.shared import tracing
from bookstore.shared.accounts_client import HttpAccounts
from bookstore.shared.database import DATABASE_AWAY, Database
from bookstore.shared.errors import AccountsUnavailable, ServiceUnavailable
from bookstore.shared.identity import Accounts
from bookstore.shared.mail import FolderTransport, SmtpTransport, Transport
from bookstore.shared.mysql import MissingDriver, ServerOptions
from bookstore.shared.neighbor import Neighbor, Patience
from bookstore.shared.status_neighbors import Neighbors
from bookstore.shared.telemetry import log
from bookstore.shared.tracing import Tracing

if TYPE_CHECKING:
    from bookstore.accounts.policy import Policy as AccountsPolicy
    from bookstore.orders.gateways.sandbox import SandboxGateway
    from bookstore.orders.ports import Catalog, Line, Quote, Reservation


def open_databases(settings: Settings) -> dict[str, Database]:
    """The database of each service that runs here."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    databases: dict[str, Database] = {}
    for service in settings.services:
        databases[service] = open_database(settings, service, databases.values())
    return databases


def open_database(settings: Settings, service: str, beside: Iterable[Database] = ()) -> Database:
    """The database of this service. Raises SettingsError when its URL cannot be used."""
    try:
        return Database(service, settings.database_url_of(service), server_options(settings), beside)
    except (ArgumentError, MissingDriver) as error:
        raise SettingsError(f"the URL of the {service} database: {error}") from error


def server_options(settings: Settings) -> ServerOptions:
    """How this process reaches any database server."""
    return ServerOptions(
        pool_size=settings.threads,
        connect_seconds=settings.database_connect_timeout_seconds,
        answer_seconds=settings.database_timeout_seconds,
        tls_ca=settings.database_tls_ca,
    )


def mail_transport(settings: Settings) -> Transport:
    """SMTP where a server is configured, else a folder of files."""
    if not settings.smtp_host:
        return FolderTransport(settings.data_dir / "mail")
    return SmtpTransport(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_username,
        settings.smtp_password,
        settings.smtp_security,
        settings.smtp_timeout_seconds,
    )


def start_tracing(settings: Settings) -> Tracing | None:
    """The traces of this process, where there is a collector. Raises SettingsError without the extra."""
    if not settings.otlp_endpoint:
        return None
    try:
        return tracing.start_tracing(settings.otlp_endpoint, settings.services)
    except tracing.MissingTracing as error:
        raise SettingsError(f"{variable('otlp_endpoint')} is set: {error}") from error


def find_neighbors(settings: Settings) -> dict[str, Neighbor]:
    """The services that this process asks and does not run. Raises SettingsError without an address."""
    asked = {"accounts", "catalog"} if settings.runs("orders") else {"accounts"}
    return {name: _neighbor(settings, name) for name in sorted(asked) if not settings.runs(name)}


def choose_accounts(
    databases: Mapping[str, Database],
    neighbors: Mapping[str, Neighbor],
    policy: "AccountsPolicy | None",
) -> Accounts:
    """Accounts in this process, or over HTTP."""
    if policy is not None:
        return LocalAccounts(databases["accounts"], policy)
    return HttpAccounts(neighbors["accounts"])


def choose_catalog(databases: Mapping[str, Database], neighbors: Mapping[str, Neighbor]) -> "Catalog":
    """The catalog in this process, or over HTTP."""
    if "catalog" in databases:
        return LocalCatalog(databases["catalog"])
    from bookstore.orders.catalog_client import HttpCatalog

    return HttpCatalog(neighbors["catalog"])


def gateway_url(settings: Settings) -> str:
    """Where the payment sandbox keeps its books."""
    file = (settings.data_dir / "gateway.sqlite3").resolve()
    return settings.sandbox_database_url or f"sqlite:///{file}"


def choose_gateway(settings: Settings, beside: Iterable[Database] = ()) -> "SandboxGateway":
    """Who takes the money: the sandbox, which keeps books of its own and moves no real money."""
    from bookstore.orders.gateways.sandbox import SandboxGateway

    return SandboxGateway(gateway_url(settings), server_options(settings), beside)


def require_neighbors(settings: Settings) -> None:
    """Raise SettingsError when the services of this process need one whose address is missing."""
    if not settings.runs("accounts"):
        _neighbor(settings, "accounts")
    if settings.runs("orders") and not settings.runs("catalog"):
        _neighbor(settings, "catalog")


def status_neighbors(settings: Settings) -> Neighbors:
    """The services that run elsewhere, for the status page; there an address may be missing."""
    elsewhere = [service for service in SERVICES if not settings.runs(service)]
    urls = {service: str(getattr(settings, f"{service}_url")).rstrip("/") for service in elsewhere}
    return Neighbors(urls, settings.service_token, settings.neighbor_timeout_seconds)


def _neighbor(settings: Settings, service: str) -> Neighbor:
    url = str(getattr(settings, f"{service}_url"))
    if not url:
        name = variable(f"{service}_url")
        raise SettingsError(f"{name} is missing: the {service} service does not run in this process")
    patience = Patience(
        connect=settings.neighbor_connect_timeout_seconds,
        answer=settings.neighbor_timeout_seconds,
        call=settings.neighbor_call_seconds,
        failures=settings.neighbor_failures,
        rest=settings.neighbor_rest_seconds,
    )
    return Neighbor(service, url.rstrip("/"), settings.service_token, patience)


@contextmanager
def _away_as(error: type[ServiceUnavailable]) -> Iterator[None]:
    """A neighbor whose database does not answer is away, in this process as over HTTP."""
    try:
        yield
    except DATABASE_AWAY as cause:
        log.warning("the database of a neighbor does not answer", error=type(cause).__name__)
        raise error from cause


@dataclass(frozen=True)
class LocalAccounts:
    """The accounts port answered in this process."""

    database: Database
    policy: "AccountsPolicy"

    def public_keys(self) -> Mapping[str, Any]:
        from bookstore.accounts import keys

        with _away_as(AccountsUnavailable), self.database.reading() as session:
            return keys.public_keys(session)

    def renew(self, token: str) -> str:
        from bookstore.accounts import sessions

        with _away_as(AccountsUnavailable), self.database.writing() as session:
            return sessions.renew(session, self.policy, token)


@dataclass(frozen=True)
class LocalCatalog:
    """The catalog port answered in this process: the catalog's words become those of orders."""

    database: Database

    def quote(self, listing_ids: Sequence[int]) -> "dict[int, Quote]":
        from bookstore.catalog import listings
        from bookstore.orders.ports import CatalogUnavailable

        with _away_as(CatalogUnavailable), self.database.reading() as session:
            return {key: _quote(offer) for key, offer in listings.quote(session, listing_ids).items()}

    def reserve(self, reference: str, lines: "Sequence[Line]", hold: timedelta) -> "Reservation":
        from bookstore.catalog import reservations
        from bookstore.orders.ports import (
            CatalogUnavailable,
            OutOfStock,
            Reservation,
            ReservationExpired,
            ReservedLine,
        )

        wanted = [(line.listing_id, line.quantity) for line in lines]
        try:
            with _away_as(CatalogUnavailable), self.database.writing() as session:
                held = reservations.reserve(session, reference, wanted, hold)
        except reservations.NotEnoughCopies as error:
            raise OutOfStock(error.listing_ids) from error
        except reservations.ReservationGone as error:
            raise ReservationExpired from error
        reserved = tuple(ReservedLine(_quote(line.offer), line.quantity) for line in held.lines)
        return Reservation(held.reference, held.expires_at, reserved)

    def commit(self, reference: str) -> None:
        from bookstore.catalog import reservations
        from bookstore.orders.ports import CatalogUnavailable, ReservationExpired

        try:
            with _away_as(CatalogUnavailable), self.database.writing() as session:
                reservations.commit(session, reference)
        except reservations.ReservationGone as error:
            raise ReservationExpired from error

    def release(self, reference: str) -> None:
        from bookstore.catalog import reservations
        from bookstore.orders.ports import CatalogUnavailable

        with _away_as(CatalogUnavailable), self.database.writing() as session:
            reservations.release(session, reference)


def _quote(offer: Any) -> "Quote":
    from bookstore.orders.ports import Quote

    return Quote(
        listing_id=offer.listing_id,
        book_id=offer.book_id,
        title=offer.title,
        authors=offer.authors,
        condition=offer.condition,
        price=offer.price,
        seller_id=offer.seller_id,
        seller_name=offer.seller_name,
        available=offer.available,
        book_path=offer.book_path,
        cover_url=offer.cover_url,
    )
