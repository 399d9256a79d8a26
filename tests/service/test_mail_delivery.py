"""Mails leave through a real SMTP server, are tried again when it refuses, and lie in a folder without one."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller

from bookstore.accounts.models import Mail
from bookstore.config import Settings
from bookstore.shared.mail import FolderTransport, SmtpTransport, latest, queue
from bookstore.shared.worker import run_once
from tests.cluster.live_shop import free_port
from tests.people import join, submit
from tests.topology import open_shop


class Mailbox:
    """Keeps what arrives, or refuses it."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.refusing = False

    async def handle_DATA(self, server, session, envelope):
        if self.refusing:
            return "451 come back later"
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def mailbox():
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    mailbox.port = controller.port
    yield mailbox
    controller.stop()


def ask_for_reset(app) -> None:
    join(app, "Ana Sells", "ana@example.com")
    asked = submit(app.test_client(), "/accounts/reset", {"email": "ana@example.com"})
    assert asked.status_code == 302


def mails(shop) -> list:
    return [job for job in shop.jobs if "mail" in job.name]


def with_smtp(settings: Settings, port: int):
    from dataclasses import replace

    return open_shop(replace(settings, smtp_host="127.0.0.1", smtp_port=port, smtp_security="none"))


def test_a_mail_goes_out_once_through_smtp(settings, mailbox):
    shop = with_smtp(settings, mailbox.port)
    ask_for_reset(shop.app)
    run_once(mails(shop))
    run_once(mails(shop))
    shop.close()
    [mail] = mailbox.messages
    assert mail["To"] == "ana@example.com"
    assert mail["From"] == settings.mail_from
    assert "/accounts/reset/" in mail.get_content()


def test_a_refused_mail_waits_and_is_sent_later(settings, mailbox, time_machine_forward):
    shop = with_smtp(settings, mailbox.port)
    ask_for_reset(shop.app)
    mailbox.refusing = True
    run_once(mails(shop))
    mailbox.refusing = False
    run_once(mails(shop))
    assert mailbox.messages == []
    time_machine_forward(minutes=5)
    run_once(mails(shop))
    shop.close()
    assert len(mailbox.messages) == 1


def test_without_a_mail_server_mails_lie_in_a_folder(shop, settings):
    ask_for_reset(shop.app)
    run_once(mails(shop))
    [file] = (settings.data_dir / "mail").glob("*.eml")
    mail = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert mail["To"] == "ana@example.com"


def test_transports_are_chosen_by_the_settings(settings):
    from dataclasses import replace

    from bookstore.wiring import mail_transport

    assert isinstance(mail_transport(settings), FolderTransport)
    assert isinstance(mail_transport(replace(settings, smtp_host="mail.example")), SmtpTransport)


@pytest.fixture
def time_machine_forward():
    from datetime import UTC, datetime, timedelta

    import time_machine

    travels = []

    def forward(**amount: int) -> None:
        travel = time_machine.travel(datetime.now(UTC) + timedelta(**amount), tick=True)
        travel.start()
        travels.append(travel)

    yield forward
    for travel in reversed(travels):
        travel.stop()


def test_an_event_that_is_told_again_has_the_mail_of_the_first_time(shop):
    def tell(session, recipient: str) -> None:
        told = {"locale": "es", "kind": "password_changed", "params": {"name": "Ana"}}
        queue(session, Mail, key="password_changed:1", recipient=recipient, **told)

    with shop.databases["accounts"].writing() as session:
        for recipient in ("ana@example.com", "carla@example.com"):
            with session.begin():
                tell(session, recipient)
        with session.begin():
            [mail] = latest(session, Mail, None, 10)
    assert (mail.recipient, mail.attempts, mail.sent_at) == ("ana@example.com", 0, None)
    assert (mail.params, mail.last_error) == ({"name": "Ana"}, None)
