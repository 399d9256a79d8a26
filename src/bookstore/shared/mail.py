"""Mails are queued in the service's database with the change that causes them, and sent by the worker.

A mail is stored as its kind and parameters, in the reader's language; it becomes text when it is sent or
shown. Its key makes it unique: one mail per event, however often the event is told.
"""

import functools
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import JSON, Executable, String, Table, Text, select, update
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from bookstore.shared.clock import utcnow
from bookstore.shared.database import Database, UtcDateTime, table_of
from bookstore.shared.queues import Queue, queue_of
from bookstore.shared.retries import repeatable, retried
from bookstore.shared.telemetry import log

CLAIM = timedelta(minutes=2)
MAX_ATTEMPTS = 10


class MailMixin:
    """The columns of a service's mail queue."""

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(120), unique=True)
    recipient: Mapped[str] = mapped_column(String(254))
    locale: Mapped[str] = mapped_column(String(8))
    kind: Mapped[str] = mapped_column(String(40))
    params: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text, default=None)


@dataclass(frozen=True)
class RenderedMail:
    subject: str
    text: str


Render = Callable[[MailMixin], RenderedMail]


class Transport(Protocol):
    """Takes a finished message to its reader, or raises OSError or smtplib.SMTPException."""

    def send(self, message: EmailMessage) -> None: ...


@dataclass(frozen=True)
class SmtpTransport:
    """Sends through a mail server; `security` is "none", "starttls" or "tls"."""

    host: str
    port: int
    username: str = ""
    password: str = ""
    security: str = "starttls"
    timeout_seconds: float = 10

    def send(self, message: EmailMessage) -> None:
        with self._connect() as server:
            if self.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self.username:
                server.login(self.username, self.password)
            server.send_message(message)

    def _connect(self) -> smtplib.SMTP:
        if self.security == "tls":
            return smtplib.SMTP_SSL(
                self.host, self.port, timeout=self.timeout_seconds, context=ssl.create_default_context()
            )
        return smtplib.SMTP(self.host, self.port, timeout=self.timeout_seconds)


@dataclass(frozen=True)
class FolderTransport:
    """Writes each mail as an .eml file, for a shop without a mail server."""

    folder: Path

    def send(self, message: EmailMessage) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        name = message["Message-ID"].strip("<>").split("@")[0]
        (self.folder / f"{name}.eml").write_bytes(message.as_bytes())


def queue(
    session: Session,
    model: type[MailMixin],
    *,
    key: str,
    recipient: str,
    locale: str,
    kind: str,
    params: dict[str, Any],
) -> None:
    """Queue a mail in the caller's transaction; a key that is already queued changes nothing."""
    now = utcnow()
    values = {"key": key, "recipient": recipient, "locale": locale, "kind": kind, "params": params}
    entering = _entering(table_of(model), session.get_bind().dialect.name)
    session.execute(entering, {**values, "created_at": now, "due_at": now, "attempts": 0})


def send_due(
    database: Database,
    model: type[MailMixin],
    render: Render,
    transport: Transport,
    sender: str,
    limit: int = 50,
) -> int:
    """Send the mails that are due and return how many went out; a failed one is tried again later."""
    sent = 0
    for _ in range(limit):
        mail = _claim(database, model)
        if mail is None:
            break
        sent += _send(database, model, mail, render, transport, sender)
    return sent


def latest(session: Session, model: type[MailMixin], before_id: int | None, limit: int) -> list[MailMixin]:
    """The newest mails first, for the mailbox page."""
    query = select(model).order_by(model.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(model.id < before_id)
    return list(session.scalars(query))


def queues(session: Session, model: type[MailMixin]) -> list[Queue]:
    """The mails that wait to be sent, and those that were tried too often and are given up."""
    unsent, tried = model.sent_at.is_(None), model.attempts >= MAX_ATTEMPTS
    return [
        queue_of(session, "mails", model.created_at, unsent, ~tried),
        queue_of(session, "mails_given_up", model.created_at, unsent, tried),
    ]


@functools.cache
def _entering(table: Table, dialect: str) -> Executable:
    """The statement that leaves a row with the same key as it is, in the words of each database."""
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing(index_elements=[table.c.key])
    return mysql.insert(table).on_duplicate_key_update(key=table.c.key)


@retried
def _claim(database: Database, model: type[MailMixin]) -> MailMixin | None:
    """Take one due mail for ourselves: whoever moves its due time forward has it."""
    now = utcnow()
    waiting = (model.sent_at.is_(None), model.attempts < MAX_ATTEMPTS, model.due_at <= now)
    with database.reading() as session:
        mail_id = session.scalar(select(model.id).where(*waiting).order_by(model.due_at).limit(1))
    if mail_id is None:
        return None
    with database.writing() as session, session.begin():
        claim = update(model).where(model.id == mail_id, *waiting)
        claimed = session.execute(claim.values(due_at=now + CLAIM, attempts=model.attempts + 1))
        return session.get(model, mail_id) if claimed.rowcount == 1 else None  # type: ignore[attr-defined]


def _send(
    database: Database,
    model: type[MailMixin],
    mail: MailMixin,
    render: Render,
    transport: Transport,
    sender: str,
) -> bool:
    try:
        transport.send(compose(mail, render(mail), sender))
    except (OSError, smtplib.SMTPException) as error:
        log.warning("mail not sent", key=mail.key, attempt=mail.attempts, error=str(error))
        _record(
            database, model, mail, due_at=utcnow() + _backoff(mail.attempts), last_error=str(error)[:2000]
        )
        return False
    _record(database, model, mail, sent_at=utcnow(), last_error=None)
    log.info("mail sent", key=mail.key, kind=mail.kind)
    return True


def compose(mail: MailMixin, rendered: RenderedMail, sender: str) -> EmailMessage:
    """The message itself. Its Message-ID follows from the key, so that a mail sent twice is seen as one."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = mail.recipient
    message["Subject"] = " ".join(rendered.subject.split())
    message["Message-ID"] = f"<{mail.key.replace(':', '.')}@{sender.rpartition('@')[2].rstrip('>')}>"
    message["Date"] = mail.created_at
    message.set_content(rendered.text)
    message["Content-Language"] = mail.locale  # after the content, which brings headers of its own
    return message


@repeatable
def _record(database: Database, model: type[MailMixin], mail: MailMixin, **values: Any) -> None:
    with database.writing() as session, session.begin():
        session.execute(update(model).where(model.id == mail.id).values(**values))


def _backoff(attempts: int) -> timedelta:
    return min(timedelta(seconds=15 * 2**attempts), timedelta(hours=2))
