"""A gateway that moves no real money and otherwise behaves like one that does.

It keeps books of its own, in its own database: what it has promised, taken and given back, and its first
answer to every key. Its tokens: `tok_approved`, `tok_declined`, `tok_timeout` (it does as asked, but its
first answer is lost), `tok_error` (it is broken). Any other token is declined.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.schema import CreateTable

from bookstore.orders.ports import Authorization, GatewayError, PaymentDeclined
from bookstore.shared.clock import utcnow
from bookstore.shared.database import DATABASE_AWAY, Database, UtcDateTime, service_metadata
from bookstore.shared.money import Money
from bookstore.shared.mysql import ServerOptions
from bookstore.shared.retries import repeatable

APPROVED, DECLINED, TIMEOUT, ERROR = "tok_approved", "tok_declined", "tok_timeout", "tok_error"
METHODS = {"card", "paypal", "bank_transfer"}
Result = TypeVar("Result")


class GatewayRefused(GatewayError):
    """The gateway answers that this cannot be: a key used for something else, or a move against its rules."""

    code = "gateway_refused"


class Base(DeclarativeBase):
    """The gateway's tables; nobody else knows them."""

    metadata = service_metadata()


class Answer(Base):
    """The first answer to a key, which every repetition gets."""

    __tablename__ = "gateway_answers"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    # None when the answer was a decline.
    authorization_id: Mapped[str | None] = mapped_column(String(40))


class Promise(Base):
    """An authorization: money promised for one order."""

    __tablename__ = "gateway_promises"
    __table_args__ = (
        CheckConstraint("captured_minor <= amount_minor", name="captured_within_promise"),
        CheckConstraint("refunded_minor <= captured_minor", name="refunded_within_captured"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    reference: Mapped[str] = mapped_column(String(64))
    method: Mapped[str] = mapped_column(String(20))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    pending: Mapped[bool]
    voided: Mapped[bool] = mapped_column(default=False)
    captured_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    refunded_minor: Mapped[int] = mapped_column(BigInteger, default=0)


class EntryKind(StrEnum):
    """What happened to money."""

    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    VOIDED = "voided"
    REFUNDED = "refunded"


class Entry(Base):
    """A line of the gateway's books. Lines are added, never changed."""

    __tablename__ = "gateway_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    promise_id: Mapped[str] = mapped_column(ForeignKey("gateway_promises.id"))
    reference: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(20))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True)
class StatementLine:
    """What the gateway's statement says of one movement."""

    authorization_id: str
    reference: str
    kind: str
    amount: Money
    at: datetime


class SandboxGateway:
    """The PaymentGateway of a shop that sells in earnest but charges nobody."""

    def __init__(
        self, url: str, server: ServerOptions | None = None, beside: Iterable[Database] = ()
    ) -> None:
        self._database = Database("gateway", url, server, beside)
        with self._database.engine.begin() as connection:
            # Several processes may be the first at one moment: each statement bears that another was faster.
            for table in Base.metadata.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))

    def authorize(self, key: str, reference: str, amount: Money, method: str, token: str) -> Authorization:
        fingerprint = _fingerprint("authorize", reference, amount.minor, amount.currency, method, token)
        if token == ERROR:
            raise GatewayError
        answer, is_new = _ask_books(lambda: self._promise(key, fingerprint, reference, amount, method, token))
        if is_new and token == TIMEOUT:
            raise GatewayError
        if answer.authorization_id is None:
            raise PaymentDeclined(reference=reference)
        return Authorization(answer.authorization_id, pending=method == "bank_transfer")

    def capture(self, key: str, authorization_id: str) -> None:
        def take(promise: Promise) -> tuple[EntryKind, int]:
            if promise.voided or promise.captured_minor:
                raise GatewayRefused
            promise.captured_minor = promise.amount_minor
            return EntryKind.CAPTURED, promise.amount_minor

        _ask_books(lambda: self._once(key, _fingerprint("capture", authorization_id), authorization_id, take))

    def void(self, key: str, authorization_id: str) -> None:
        def drop(promise: Promise) -> tuple[EntryKind, int]:
            if promise.captured_minor:
                raise GatewayRefused
            promise.voided = True
            return EntryKind.VOIDED, promise.amount_minor

        _ask_books(lambda: self._once(key, _fingerprint("void", authorization_id), authorization_id, drop))

    def refund(self, key: str, authorization_id: str, amount: Money) -> None:
        def give_back(promise: Promise) -> tuple[EntryKind, int]:
            left = promise.captured_minor - promise.refunded_minor
            if amount.currency != promise.currency or not 0 < amount.minor <= left:
                raise GatewayRefused
            promise.refunded_minor += amount.minor
            return EntryKind.REFUNDED, amount.minor

        fingerprint = _fingerprint("refund", authorization_id, amount.minor, amount.currency)
        _ask_books(lambda: self._once(key, fingerprint, authorization_id, give_back))

    def statement(self) -> list[StatementLine]:
        """All movements, in the order in which they happened."""
        with self._database.reading() as session:
            return [
                StatementLine(
                    entry.promise_id,
                    entry.reference,
                    entry.kind,
                    Money(entry.amount_minor, entry.currency),
                    entry.at,
                )
                for entry in session.scalars(select(Entry).order_by(Entry.id))
            ]

    def close(self) -> None:
        self._database.close()

    @repeatable
    def _promise(
        self, key: str, fingerprint: str, reference: str, amount: Money, method: str, token: str
    ) -> tuple[Answer, bool]:
        """The first answer to this key, and whether it was given just now."""
        with self._database.writing() as session, session.begin():
            known = _first_answer(session, key, fingerprint)
            answer = known or _decide(session, key, fingerprint, reference, amount, method, token)
            return answer, known is None

    @repeatable
    def _once(
        self,
        key: str,
        fingerprint: str,
        authorization_id: str,
        act: Callable[[Promise], tuple[EntryKind, int]],
    ) -> None:
        """Act on a promise and remember the key, or do nothing when the key has acted before."""
        with self._database.writing() as session, session.begin():
            # Locked before the key is looked for: who used the same key a moment ago has answered by then.
            promise = session.get(Promise, authorization_id, with_for_update=True)
            if _first_answer(session, key, fingerprint) is not None:
                return
            if promise is None:
                raise GatewayRefused
            kind, amount_minor = act(promise)
            _write_entry(session, promise, kind, amount_minor)
            session.add(Answer(key=key, fingerprint=fingerprint, authorization_id=authorization_id))


def _ask_books(work: Callable[[], Result]) -> Result:
    """What the books say. When they are out of reach, the gateway is broken."""
    try:
        try:
            return work()
        except IntegrityError:
            # Another has used the same key at this moment, and is done by now: its answer is the first one.
            return work()
    except DATABASE_AWAY as error:
        raise GatewayError from error


def _decide(
    session: Session, key: str, fingerprint: str, reference: str, amount: Money, method: str, token: str
) -> Answer:
    if amount.minor <= 0 or method not in METHODS:
        raise GatewayRefused
    # A transfer needs no token: the buyer's bank sends the money.
    approved = token in {APPROVED, TIMEOUT} or (method == "bank_transfer" and not token)
    authorization_id = f"auth_{secrets.token_hex(12)}" if approved else None
    answer = Answer(key=key, fingerprint=fingerprint, authorization_id=authorization_id)
    session.add(answer)
    if authorization_id is not None:
        promise = Promise(
            id=authorization_id,
            reference=reference,
            method=method,
            amount_minor=amount.minor,
            currency=amount.currency,
            pending=method == "bank_transfer",
        )
        session.add(promise)
        session.flush()
        _write_entry(session, promise, EntryKind.AUTHORIZED, amount.minor)
    return answer


def _first_answer(session: Session, key: str, fingerprint: str) -> Answer | None:
    answer = session.get(Answer, key)
    if answer is not None and answer.fingerprint != fingerprint:
        raise GatewayRefused
    return answer


def _write_entry(session: Session, promise: Promise, kind: EntryKind, amount_minor: int) -> None:
    session.add(
        Entry(
            promise_id=promise.id,
            reference=promise.reference,
            kind=kind.value,
            amount_minor=amount_minor,
            currency=promise.currency,
            at=utcnow(),
        )
    )


def _fingerprint(*parts: str | int) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
