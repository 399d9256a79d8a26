"""The composition root: which services run in this process, and how they reach each other."""

from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask

from bookstore import wiring
from bookstore.config import Settings
from bookstore.shared import access, neighbor, status_views, web
from bookstore.shared.database import Database
from bookstore.shared.edge import WebPolicy
from bookstore.shared.identity import TokenVerifier
from bookstore.shared.mail import Render
from bookstore.shared.mail_text import renderer
from bookstore.shared.neighbor import Neighbor
from bookstore.shared.process import Process, new_replica_name
from bookstore.shared.tracing import Tracing
from bookstore.shared.vital_signs import vital_signs
from bookstore.shared.worker import Job

if TYPE_CHECKING:
    from bookstore.accounts.policy import Policy as AccountsPolicy
    from bookstore.catalog.policy import Policy as CatalogPolicy
    from bookstore.catalog.search import Search
    from bookstore.orders.policy import Policy as OrdersPolicy


@dataclass(frozen=True)
class Shop:
    """A process's share of the shop: the web app, its databases and its background jobs.

    `vital_signs` tell others how this process does. Unlike the jobs, every process gives them.
    """

    settings: Settings
    app: Flask
    databases: dict[str, Database]
    jobs: list[Job]
    neighbors: dict[str, Neighbor]
    vital_signs: list[Job]
    tracing: Tracing | None

    def close(self) -> None:
        """Give the search index and the connections back, so that another process may have them at once."""
        if self.settings.runs("catalog"):
            self.app.extensions["bookstore.catalog"].search.close()
        for asked in self.neighbors.values():
            asked.close()
        for database in self.databases.values():
            database.close()
        if self.tracing is not None:
            self.tracing.close()


def create_shop(settings: Settings) -> Shop:
    """Put the chosen services together. Raises SettingsError when a neighbor's address is missing."""
    neighbors = wiring.find_neighbors(settings)
    tracing = _start_tracing(settings, neighbors)
    databases = wiring.open_databases(settings)
    own_accounts = accounts_policy(settings) if settings.runs("accounts") else None
    accounts = wiring.choose_accounts(databases, neighbors, own_accounts)
    app = web.new_app(_web_policy(settings), TokenVerifier(accounts), _translations(settings), tracing)
    app.extensions[neighbor.EXTENSION] = neighbors
    jobs: list[Job] = []
    if own_accounts is not None:
        jobs += _add_accounts(settings, app, databases["accounts"], own_accounts)
    if settings.runs("catalog"):
        jobs += _add_catalog(settings, app, databases["catalog"])
    if settings.runs("orders"):
        jobs += _add_orders(settings, app, databases, neighbors)
    status_views.install(app, wiring.status_neighbors(settings))
    access.require_audiences(app)
    if tracing is not None:
        jobs = [tracing.known_to(job) for job in jobs]
    return Shop(settings, app, databases, jobs, neighbors, _vital_signs(app), tracing)


def _start_tracing(settings: Settings, neighbors: dict[str, Neighbor]) -> Tracing | None:
    tracing = wiring.start_tracing(settings)
    if tracing is not None:
        for asked in neighbors.values():
            asked.trace_with(tracing)
    return tracing


def _add_accounts(settings: Settings, app: Flask, database: Database, policy: "AccountsPolicy") -> list[Job]:
    from bookstore import accounts

    accounts.register(app, database, policy)
    return accounts.jobs(
        database,
        policy,
        _renderer(settings, app, "accounts"),
        wiring.mail_transport(settings),
        settings.mail_from,
    )


def open_search(settings: Settings, database: Database | None = None) -> "Search":
    """The search of the catalog in this process."""
    from bookstore.catalog.search import Search

    database = database or wiring.open_database(settings, "catalog")
    copies = settings.effective_media_dir() / "search"
    return Search(database, settings.data_dir / "search", settings.currency, copies)


def _add_catalog(settings: Settings, app: Flask, database: Database) -> list[Job]:
    from bookstore import catalog

    policy = _catalog_policy(settings)
    search = open_search(settings, database)
    catalog.register(app, database, policy, search)
    return catalog.jobs(database, policy, search)


def _add_orders(
    settings: Settings, app: Flask, databases: dict[str, Database], neighbors: dict[str, Neighbor]
) -> list[Job]:
    from bookstore import orders

    policy = orders_policy(settings)
    catalog = wiring.choose_catalog(databases, neighbors)
    gateway = wiring.choose_gateway(settings, databases.values())
    orders.register(app, databases["orders"], policy, catalog, gateway)
    return orders.jobs(
        databases["orders"],
        policy,
        catalog,
        gateway,
        _renderer(settings, app, "orders"),
        wiring.mail_transport(settings),
        settings.mail_from,
    )


def _renderer(settings: Settings, app: Flask, service: str) -> Render:
    return renderer(app, service, settings.effective_public_url())


def _translations(settings: Settings) -> list[Path]:
    packages = ["shared", *settings.services]
    return [Path(str(files(f"bookstore.{package}"))) / "translations" for package in packages]


def _vital_signs(app: Flask) -> list[Job]:
    process: Process = app.extensions["bookstore.web"].process
    return [vital_signs(name, told, process) for name, told in status_views.reporters(app).items()]


def _web_policy(settings: Settings) -> WebPolicy:
    return WebPolicy(
        secret_key=settings.effective_secret_key(),
        https=settings.https,
        trusted_proxies=settings.trusted_proxies,
        default_locale=settings.default_locale,
        timezone=settings.timezone,
        currency=settings.currency,
        session_lifetime=timedelta(days=settings.session_days),
        service_token=settings.service_token,
        max_body_bytes=settings.max_body_kib * 1024,
        process=Process(
            services=settings.services,
            replica=settings.replica or new_replica_name(),
            commit=settings.commit or "unknown",
        ),
    )


def accounts_policy(settings: Settings) -> "AccountsPolicy":
    from bookstore.accounts.policy import Policy

    return Policy(
        access_token=timedelta(seconds=settings.access_token_seconds),
        session_lifetime=timedelta(days=settings.session_days),
        password_reset=timedelta(minutes=settings.password_reset_minutes),
        login_window=timedelta(minutes=settings.login_window_minutes),
        failures_per_account=settings.login_failures_per_account,
        failures_per_address=settings.login_failures_per_address,
        registrations_per_address=settings.registrations_per_address,
        resets_per_address=settings.resets_per_address,
        key_rotation=timedelta(days=settings.key_rotation_days),
        secret_key=settings.effective_secret_key(),
        public_url=settings.effective_public_url(),
    )


def _catalog_policy(settings: Settings) -> "CatalogPolicy":
    from bookstore.catalog.policy import Policy

    return Policy(
        currency=settings.currency,
        books_per_page=settings.books_per_page,
        media_dir=settings.effective_media_dir(),
        max_upload_bytes=settings.max_upload_kib * 1024,
    )


def orders_policy(settings: Settings) -> "OrdersPolicy":
    from bookstore.orders.policy import Policy

    return Policy(
        currency=settings.currency,
        hold=timedelta(minutes=settings.hold_minutes),
        bank_transfer_hold=timedelta(days=settings.bank_transfer_days),
        home_country=settings.home_country,
    )
