"""Requests that may be repeated: the same key with the same body gets the first answer again.

The key is stored, with the number that its work will carry (an order's reference, say), before the work
begins. So whoever repeats a request that was cut off goes on with the same work.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, Index, String, UniqueConstraint, bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from bookstore.orders.models import Base
from bookstore.orders.policy import Policy
from bookstore.shared.clock import utcnow
from bookstore.shared.database import UtcDateTime, table_of
from bookstore.shared.errors import N_, ShopError
from bookstore.shared.money import Money
from bookstore.shared.retries import repeatable, retried

KEY = re.compile(r"[!-~][ -~]{0,254}")
POLL_SECONDS = 0.1
PURGE_BATCH = 500


class IdempotencyKeyRequired(ShopError):
    """The request changes something and must say how to recognize its repetition."""

    status = 400
    code = "idempotency_key_required"
    title = N_("Send an Idempotency-Key header of 1 to 255 printable characters.")


class IdempotencyKeyReused(ShopError):
    """The key belongs to another request."""

    status = 422
    code = "idempotency_key_reused"
    title = N_("This Idempotency-Key was used for another request. Choose a new one.")


class RequestInProgress(ShopError):
    """The same request is being carried out at this moment."""

    status = 409
    code = "request_in_progress"
    title = N_("The same request is being carried out right now. Please wait a moment.")
    headers = {"Retry-After": "2"}


class IdempotencyKey(Base):
    """A request that was made, the number of its work, and its answer once there is one."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        UniqueConstraint("user_id", "operation", "key_hash"),
        Index("ix_idempotency_keys_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(String(36))
    operation: Mapped[str] = mapped_column(String(40))
    # Hashes, because keys differ in case and databases may not.
    key_hash: Mapped[str] = mapped_column(String(64))
    fingerprint: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    claimed_until: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[int | None] = mapped_column(default=None)
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), default=None)


# Built once: every order and every payment says these.
_keys = table_of(IdempotencyKey)
_SAME_REQUEST = select(IdempotencyKey).where(
    IdempotencyKey.user_id == bindparam("user_id"),
    IdempotencyKey.operation == bindparam("operation"),
    IdempotencyKey.key_hash == bindparam("key_hash"),
)
_ANSWERED = update(_keys).where(_keys.c.id == bindparam("row"), _keys.c.status.is_(None))


@dataclass(frozen=True)
class Request:
    """Who asks for what, under which key."""

    user_id: str
    operation: str
    key: str
    body: Mapping[str, Any]

    @property
    def key_hash(self) -> str:
        return _hash(self.key)

    @property
    def fingerprint(self) -> str:
        return _hash(json.dumps(self.body, sort_keys=True, separators=(",", ":"), default=str))


@dataclass(frozen=True)
class Answer:
    """A status and a JSON document."""

    status: int
    body: dict[str, Any]


class RepeatedRefusal(ShopError):
    """The refusal with which the first of these requests was answered."""

    def __init__(self, status: int, code: str, title: str, details: Mapping[str, Any]) -> None:
        super().__init__(**details)
        # The class attributes are those of one kind of refusal; this one stands for any.
        self.status = status  # type: ignore[misc]
        self.code = code  # type: ignore[misc]
        self.title = title  # type: ignore[misc]


def once(
    session: Session,
    policy: Policy,
    request: Request,
    new_subject: Callable[[], str],
    work: Callable[[str], Answer],
) -> Answer:
    """Do the work of a request once, and answer its repetitions with the first answer.

    `work` gets the number that the work carries, and must itself be repeatable with it: after a crash, or
    an answer of 500 or more, it is asked again. Refusals are answers too. Raises IdempotencyKeyRequired,
    IdempotencyKeyReused, RequestInProgress, and what `work` raises.
    """
    if not KEY.fullmatch(request.key):
        raise IdempotencyKeyRequired
    row = _claim(session, policy, request, new_subject)
    if row.status is not None:
        return _replay(row)
    try:
        answer = work(row.subject)
        # Describing the result may have read on; that reading ends before the answer is kept.
        session.commit()
    except ShopError as error:
        _conclude(session, row, error)
        raise
    except Exception:
        _let_go(session, row)
        raise
    _store(session, row, answer.status, answer.body)
    return answer


def purge(session: Session, policy: Policy) -> int:
    """Forget a batch of keys that are too old to be repeated, and return how many."""
    too_old = IdempotencyKey.created_at < utcnow() - policy.request_lifetime
    with session.begin():
        ids = session.scalars(select(IdempotencyKey.id).where(too_old).limit(PURGE_BATCH)).all()
        session.execute(delete(IdempotencyKey).where(IdempotencyKey.id.in_(ids)))
    return len(ids)


def _claim(
    session: Session, policy: Policy, request: Request, new_subject: Callable[[], str]
) -> IdempotencyKey:
    """The row of this request, either answered or ours to work on."""
    patience = time.monotonic() + policy.request_wait.total_seconds()
    while True:
        row = _enter(session, policy.request_claim, request, new_subject) or _take_over(
            session, policy.request_claim, request
        )
        if row is not None:
            return row
        if time.monotonic() > patience:
            raise RequestInProgress
        time.sleep(POLL_SECONDS)


@retried
def _enter(
    session: Session, claim: timedelta, request: Request, new_subject: Callable[[], str]
) -> IdempotencyKey | None:
    """The row of a request that is made for the first time; the unique constraint decides who is first."""
    now = utcnow()
    row = IdempotencyKey(
        user_id=request.user_id,
        operation=request.operation,
        key_hash=request.key_hash,
        fingerprint=request.fingerprint,
        subject=new_subject(),
        created_at=now,
        claimed_until=now + claim,
    )
    try:
        with session.begin():
            if _find(session, request) is not None:
                return None
            session.add(row)
    except IntegrityError:
        return None
    return row


@retried
def _take_over(session: Session, claim: timedelta, request: Request) -> IdempotencyKey | None:
    """The row when it is answered, or when nobody is at work on it any more. Raises IdempotencyKeyReused."""
    now = utcnow()
    with session.begin():
        row = _find(session, request)
        if row is None:
            return None
        if row.fingerprint != request.fingerprint:
            raise IdempotencyKeyReused
        if row.status is not None:
            return row
        free = (IdempotencyKey.id == row.id, IdempotencyKey.claimed_until <= now)
        taken = session.execute(
            update(IdempotencyKey)
            .where(*free, IdempotencyKey.status.is_(None))
            .values(claimed_until=now + claim)
            .execution_options(synchronize_session=False)
        )
        return row if taken.rowcount == 1 else None  # type: ignore[attr-defined]  # an update has it


def _find(session: Session, request: Request) -> IdempotencyKey | None:
    which = {"user_id": request.user_id, "operation": request.operation, "key_hash": request.key_hash}
    return session.scalar(_SAME_REQUEST, which, execution_options={"populate_existing": True})


def _conclude(session: Session, row: IdempotencyKey, error: ShopError) -> None:
    """A refusal is the answer; what may succeed next time is not."""
    if error.status >= 500:
        _let_go(session, row)
    else:
        refusal = {"code": error.code, "title": error.title, "details": _plain(error.details)}
        _store(session, row, error.status, refusal)


def _replay(row: IdempotencyKey) -> Answer:
    assert row.status is not None
    body = row.answer or {}
    if row.status >= 400:
        raise RepeatedRefusal(row.status, body["code"], body["title"], body["details"])
    return Answer(row.status, body)


@repeatable
def _store(session: Session, row: IdempotencyKey, status: int, answer: dict[str, Any]) -> None:
    with session.begin():
        session.execute(_ANSWERED, {"row": row.id, "status": status, "answer": answer})


@repeatable
def _let_go(session: Session, row: IdempotencyKey) -> None:
    """Let the next one who asks try again at once."""
    with session.begin():
        session.execute(
            update(IdempotencyKey)
            .where(IdempotencyKey.id == row.id)
            .values(claimed_until=utcnow())
            .execution_options(synchronize_session=False)
        )


def _plain(details: Mapping[str, Any]) -> dict[str, Any]:
    """The details of an error as JSON keeps them."""
    return {name: value.wire() if isinstance(value, Money) else value for name, value in details.items()}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
