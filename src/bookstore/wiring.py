"""What a process consists of: its databases, and the ports between services answered here or over HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bookstore.config import SERVICES, Settings, SettingsError, variable
from bookstore.shared.accounts_client import HttpAccounts
from bookstore.shared.database import Database
from bookstore.shared.identity import Accounts
from bookstore.shared.mail import FolderTransport, SmtpTransport, Transport
from bookstore.shared.status_neighbors import Neighbors

if TYPE_CHECKING:
    from bookstore.accounts.policy import Policy as AccountsPolicy
    from bookstore.orders.gateways.sandbox import SandboxGateway
    from bookstore.orders.ports import Catalog, Line, Quote, Reservation


def open_databases(settings: Settings) -> dict[str, Database]:
    """The database of each service that runs here."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return {service: Database(service, settings.database_url_of(service)) for service in settings.services}


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
    )


def choose_accounts(
    settings: Settings, databases: Mapping[str, Database], policy: "AccountsPolicy | None"
) -> Accounts:
    """Accounts in this process, or over HTTP. Raises SettingsError when its address is missing."""
    if policy is not None:
        return LocalAccounts(databases["accounts"], policy)
    url = _neighbor(settings, "accounts")
    return HttpAccounts(url, settings.service_token, settings.neighbor_timeout_seconds)


def choose_catalog(settings: Settings, databases: Mapping[str, Database]) -> "Catalog":
    """The catalog in this process, or over HTTP. Raises SettingsError when its address is missing."""
    if settings.runs("catalog"):
        return LocalCatalog(databases["catalog"])
    from bookstore.orders.catalog_client import HttpCatalog

    url = _neighbor(settings, "catalog")
    return HttpCatalog(url, settings.service_token, settings.neighbor_timeout_seconds)


def choose_gateway(settings: Settings) -> "SandboxGateway":
    """Who takes the money: the sandbox, which keeps books of its own and moves no real money."""
    from bookstore.orders.gateways.sandbox import SandboxGateway

    return SandboxGateway(f"sqlite:///{(settings.data_dir / 'gateway.sqlite3').resolve()}")


def neighbors(settings: Settings) -> Neighbors:
    """The services that run elsewhere, for the status page; there an address may be missing."""
    elsewhere = [service for service in SERVICES if not settings.runs(service)]
    urls = {service: str(getattr(settings, f"{service}_url")).rstrip("/") for service in elsewhere}
    return Neighbors(urls, settings.service_token, settings.neighbor_timeout_seconds)


def _neighbor(settings: Settings, service: str) -> str:
    url = str(getattr(settings, f"{service}_url"))
    if not url:
        name = variable(f"{service}_url")
        raise SettingsError(f"{name} is missing: the {service} service does not run in this process")
    return url.rstrip("/")


@dataclass(frozen=True)
class LocalAccounts:
    """The accounts port answered in this process."""

    database: Database
    policy: "AccountsPolicy"

    def public_keys(self) -> Mapping[str, Any]:
        from bookstore.accounts import keys

        with self.database.reading() as session:
            return keys.public_keys(session)

    def renew(self, token: str) -> str:
        from bookstore.accounts import sessions

        with self.database.writing() as session:
            return sessions.renew(session, self.policy, token)


@dataclass(frozen=True)
class LocalCatalog:
    """The catalog port answered in this process: the catalog's words become those of orders."""

    database: Database

    def quote(self, listing_ids: Sequence[int]) -> "dict[int, Quote]":
        from bookstore.catalog import listings

        with self.database.reading() as session:
            return {key: _quote(offer) for key, offer in listings.quote(session, listing_ids).items()}

    def reserve(self, reference: str, lines: "Sequence[Line]", hold: timedelta) -> "Reservation":
        from bookstore.catalog import reservations
        from bookstore.orders.ports import OutOfStock, Reservation, ReservationExpired, ReservedLine

        wanted = [(line.listing_id, line.quantity) for line in lines]
        try:
            with self.database.writing() as session:
                held = reservations.reserve(session, reference, wanted, hold)
        except reservations.NotEnoughCopies as error:
            raise OutOfStock(error.listing_ids) from error
        except reservations.ReservationGone as error:
            raise ReservationExpired from error
        reserved = tuple(ReservedLine(_quote(line.offer), line.quantity) for line in held.lines)
        return Reservation(held.reference, held.expires_at, reserved)

    def commit(self, reference: str) -> None:
        from bookstore.catalog import reservations
        from bookstore.orders.ports import ReservationExpired

        try:
            with self.database.writing() as session:
                reservations.commit(session, reference)
        except reservations.ReservationGone as error:
            raise ReservationExpired from error

    def release(self, reference: str) -> None:
        from bookstore.catalog import reservations

        with self.database.writing() as session:
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
