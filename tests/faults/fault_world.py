"""Two shops whose dependencies can be broken: three services on files, and one process on MariaDB."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from bookstore import wiring
from bookstore.app import create_shop
from bookstore.config import SERVICES, Settings
from bookstore.orders.gateways.sandbox import SandboxGateway
from bookstore.shared import migrations
from bookstore.shared.neighbor import Neighbor, Patience
from bookstore.shared.worker import Job
from bookstore.wiring import open_databases
from tests.cluster.live_shop import free_port
from tests.database_servers import running
from tests.faults.fault_proxy import Fault, FaultProxy
from tests.faults.http_gateway import HttpGateway, serve_gateway
from tests.faults.split_shop import split_shop
from tests.people import Person, join

PATIENCE = Patience(connect=0.5, answer=0.6, call=1.2, failures=5, rest=0.3)


@dataclass
class Mailbox:
    """Keeps the mails that arrive."""

    messages: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@dataclass
class FaultWorld:
    """A shop, its people, and the wires to what it depends on, by the dependency's name."""

    settings: Settings
    app: Any
    databases: dict[str, Any]
    jobs: list[Job]
    wires: dict[str, list[FaultProxy]]
    mailbox: Mailbox
    ana: Person
    bruno: Person
    gateway: SandboxGateway

    def break_with(self, dependency: str, fault: Fault) -> None:
        for wire in self.wires[dependency]:
            wire.break_with(fault)

    def heal(self) -> None:
        for wires in self.wires.values():
            for wire in wires:
                wire.heal()


@contextmanager
def services_on_files(folder: Path) -> Iterator[FaultWorld]:
    """Wires: neighbor (to accounts and to the catalog), mail, gateway."""
    with ExitStack() as ends:
        mailbox, mail_port = _serve_mail(ends)
        settings = replace(
            _settings(folder), smtp_host="127.0.0.1", smtp_port=mail_port, smtp_security="none"
        )
        _migrate(settings)
        mail = ends.enter_context(FaultProxy(mail_port))
        sandbox = wiring.choose_gateway(settings)
        ends.callback(sandbox.close)
        gateway = ends.enter_context(FaultProxy(serve_gateway(sandbox, ends)))
        asked = Neighbor("gateway", f"http://127.0.0.1:{gateway.port}", "unused", PATIENCE)
        ends.callback(asked.close)
        changed = {"smtp_port": mail.port, "smtp_timeout_seconds": 0.5}
        # Only while this shop is put together: another world may be made while this one lives.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(wiring, "choose_gateway", lambda *_: HttpGateway(asked))
            shop = ends.enter_context(split_shop(settings, **changed))
        wires = {"neighbor": list(shop.proxies.values()), "mail": [mail], "gateway": [gateway]}
        ana, bruno = _people(shop)
        yield FaultWorld(settings, shop, shop.databases, shop.jobs, wires, mailbox, ana, bruno, sandbox)


@contextmanager
def one_process_on_mariadb(folder: Path) -> Iterator[FaultWorld]:
    """Wires: database."""
    with ExitStack() as ends:
        mailbox, mail_port = _serve_mail(ends)
        server = ends.enter_context(running("mariadb"))
        wire = ends.enter_context(FaultProxy(server.port))
        for service in SERVICES:
            server.create_schema(service)
        behind_the_wire = replace(server, port=wire.port)
        urls = {f"{service}_database_url": behind_the_wire.url(service) for service in SERVICES}
        settings = replace(
            _settings(folder),
            smtp_host="127.0.0.1",
            smtp_port=mail_port,
            smtp_security="none",
            database_connect_timeout_seconds=1,
            database_timeout_seconds=2,
            **urls,
        )
        _migrate(settings)
        shop = create_shop(settings)
        ends.callback(shop.close)
        sandbox = wiring.choose_gateway(settings)
        ends.callback(sandbox.close)
        ana, bruno = _people(shop.app)
        wires = {"database": [wire]}
        yield FaultWorld(settings, shop.app, shop.databases, shop.jobs, wires, mailbox, ana, bruno, sandbox)


def _settings(folder: Path) -> Settings:
    return Settings(
        data_dir=folder / "data",
        secret_key="a secret that only the tests know, 0123456789",
        service_token="what services show one another in the tests, 0123456789",
        registrations_per_address=10_000,
        access_token_seconds=3600,
    )


def _migrate(settings: Settings) -> None:
    for database in open_databases(settings).values():
        migrations.upgrade(database)
        database.close()


def _people(app: Any) -> tuple[Person, Person]:
    """Ana sells and Bruno buys; every service has seen their key."""
    ana = join(app, "Ana Sells", "ana@example.com")
    bruno = join(app, "Bruno Buys", "bruno@example.com")
    for person in (ana, bruno):
        assert [person.get(page).status_code for page in ("/sell", "/orders/")] == [200, 200]
    return ana, bruno


def _serve_mail(ends: ExitStack) -> tuple[Mailbox, int]:
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    ends.callback(controller.stop)
    return mailbox, controller.port
