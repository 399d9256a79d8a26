"""Mails are sent once and can be read by an admin; what has run out is forgotten."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from bookstore import accounts
from bookstore.accounts.models import AttemptCounter, Mail, PasswordReset, SigningKey, UserSession
from bookstore.accounts.runtime import EXTENSION
from tests.people import join, submit
from tests.service.accounts.rows import count, reset_link

MORNING = datetime(2030, 5, 4, 9, 0, tzinfo=UTC)


class Outbox:
    """Keeps the messages that it is given."""

    def __init__(self):
        self.messages = []

    def send(self, message):
        self.messages.append(message)


def run(app, database, policy, outbox=None):
    render = app.extensions[EXTENSION].render
    found = accounts.jobs(database, policy, render, outbox or Outbox(), "BookStore <no-reply@shop.example>")
    return {job.name: job.run() for job in found}


def test_a_queued_mail_is_sent_once(app, database, policy, ana):
    submit(app.test_client(), "/accounts/reset", {"email": "ana@example.com"})
    outbox = Outbox()
    assert run(app, database, policy, outbox)["accounts-mails"] == 1
    assert run(app, database, policy, outbox)["accounts-mails"] == 0
    [message] = outbox.messages
    assert (message["To"], message["Content-Language"]) == ("ana@example.com", "en")
    assert message["Subject"] == "Choose a new password for BookStore"
    assert reset_link(app, database, "ana@example.com") in message.get_content()


def test_an_admin_reads_a_mail_as_its_reader_gets_it(app, database, ana, ada):
    submit(app.test_client(), "/accounts/reset", {"email": "ana@example.com"})
    page = ada.get("/accounts/admin/mailbox").text
    assert "ana@example.com" in page
    link = page.split('class="mail-list"')[1].split('href="')[1].split('"')[0]
    mail = ada.get(link).text
    assert reset_link(app, database, "ana@example.com") in mail
    assert "not yet" in mail
    assert ada.get("/accounts/admin/mailbox/999").status_code == 404
    assert ada.get("/accounts/admin/mailbox/99999999999999999999").status_code == 404


def test_a_name_with_markup_is_text_in_the_mailbox(app, ada):
    join(app, "<img src=x>", "ana@example.com")
    submit(app.test_client(), "/accounts/reset", {"email": "ana@example.com"})
    page = ada.get("/accounts/admin/mailbox/1").text
    assert "<img src=x>" not in page
    assert "&lt;img src=x&gt;" in page


def test_the_mailbox_has_pages(app, database, ana, ada):
    for _ in range(30):
        submit(app.test_client(), "/accounts/reset", {"email": "ana@example.com"})
    first = ada.get("/accounts/admin/mailbox").text
    link = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0]
    second = ada.get(link).text
    mail = 'href="/accounts/admin/mailbox/'
    assert (first.count(mail), second.count(mail)) == (25, 5)
    assert ada.get("/accounts/admin/mailbox?cursor=x").status_code == 400


def test_an_empty_mailbox_says_so(ada):
    assert "No mails yet" in ada.get("/accounts/admin/mailbox").text


@pytest.mark.parametrize("model", [UserSession, PasswordReset, AttemptCounter])
def test_what_has_run_out_is_forgotten(app, database, policy, model):
    with time_machine.travel(MORNING, tick=False) as clock:
        join(app, "Ana Sells", "ana@example.com")
        submit(app.test_client(), "/accounts/reset", {"email": "ana@example.com"})
        before = count(database, model)
        assert before > 0
        assert run(app, database, policy)["accounts-cleanup"] == 0
        assert count(database, model) == before
        clock.shift(timedelta(days=15))
        run(app, database, policy)
        assert count(database, model) == 0


def test_the_worker_makes_the_first_signing_key(app, database, policy):
    assert run(app, database, policy)["accounts-signing-keys"] == 1
    assert count(database, SigningKey) == 1
    assert count(database, Mail) == 0
