"""Tables of the accounts service and the rules about each aggregate."""

import uuid
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bookstore.accounts.devices import MAX_ADDRESS, MAX_USER_AGENT
from bookstore.accounts.names import MAX_NAME, fold
from bookstore.shared.clock import utcnow
from bookstore.shared.database import UtcDateTime, service_metadata
from bookstore.shared.mail import MailMixin
from bookstore.shared.replicas import ReplicaMixin

USER_ID = String(36)
FINGERPRINT = String(64)
MAX_SEARCH_KEY = 500


class Base(DeclarativeBase):
    """The tables that accounts owns; no other service reads them."""

    metadata = service_metadata()


class Role(StrEnum):
    """What somebody is to the shop. Everybody buys and sells; an admin also keeps order."""

    USER = "user"
    ADMIN = "admin"


class User(Base):
    """Somebody with an account."""

    __tablename__ = "users"
    __table_args__ = (Index("ix_users_created_at_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(USER_ID, primary_key=True)
    name: Mapped[str] = mapped_column(String(MAX_NAME))
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(254), unique=True)
    search_key: Mapped[str] = mapped_column(String(MAX_SEARCH_KEY))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(10), index=True)
    locale: Mapped[str] = mapped_column(String(8))
    banned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    @classmethod
    def new(
        cls,
        *,
        name: str,
        email: str,
        password_hash: str | None,
        locale: str,
        role: Role = Role.USER,
        user_id: str | None = None,
    ) -> "User":
        """Somebody new, with a name and an address that were checked. Without a password nobody logs in."""
        user = cls(
            id=user_id or str(uuid.uuid4()),
            name=name,
            email=email,
            email_key=email.lower(),
            password_hash=password_hash,
            role=role,
            locale=locale,
            created_at=utcnow(),
        )
        user.rename(name)
        return user

    @property
    def roles(self) -> list[str]:
        return [Role.USER, Role.ADMIN] if self.is_admin else [Role.USER]

    @property
    def is_admin(self) -> bool:
        return self.role == Role.ADMIN

    @property
    def is_banned(self) -> bool:
        return self.banned_at is not None

    @property
    def may_reset_password(self) -> bool:
        """Sample sellers have no password to reset, and a ban is not got around by a new one."""
        return self.password_hash is not None and not self.is_banned

    def rename(self, name: str) -> None:
        self.name = name
        self.search_key = f"{fold(name)} {self.email_key}"[:MAX_SEARCH_KEY]

    def ban(self) -> None:
        """Close the account; a ban that stands keeps its date."""
        self.banned_at = self.banned_at or utcnow()

    def unban(self) -> None:
        self.banned_at = None

    def make_admin(self) -> None:
        self.role = Role.ADMIN
        self.unban()


class UserSession(Base):
    """Somebody logged in on one device, until it is logged out or not used for too long.

    The secret that the device's tokens carry is known here by its fingerprint only. A session that ended
    is a row that is gone.
    """

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(FINGERPRINT, unique=True)
    user_id: Mapped[str] = mapped_column(USER_ID, ForeignKey(User.id), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    address: Mapped[str] = mapped_column(String(MAX_ADDRESS))
    user_agent: Mapped[str] = mapped_column(String(MAX_USER_AGENT))


class SigningKey(Base):
    """A key that tokens are signed with: published, then used, then only published, then gone.

    The generation is the primary key, so that of several replicas that want to make the next key at the
    same moment only one does.
    """

    __tablename__ = "signing_keys"

    generation: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kid: Mapped[str] = mapped_column(String(64), unique=True)
    public_key: Mapped[str] = mapped_column(String(64))
    sealed_private_key: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    activates_at: Mapped[datetime] = mapped_column(UtcDateTime)
    retires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PasswordReset(Base):
    """A link that sets a new password once. Asking for an unknown address leaves a row of nobody's."""

    __tablename__ = "password_resets"

    id: Mapped[int] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(FINGERPRINT, unique=True)
    user_id: Mapped[str | None] = mapped_column(USER_ID, ForeignKey(User.id), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @classmethod
    def new(cls, fingerprint: str, user_id: str | None, lifetime: timedelta) -> "PasswordReset":
        now = utcnow()
        return cls(fingerprint=fingerprint, user_id=user_id, created_at=now, expires_at=now + lifetime)


class AttemptCounter(Base):
    """How often something was tried since its window began."""

    __tablename__ = "attempt_counters"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    attempts: Mapped[int]
    window_ends_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Mail(MailMixin, Base):
    """The queue of the mails that accounts sends."""

    __tablename__ = "accounts_mails"


class Replica(ReplicaMixin, Base):
    """The replicas of accounts that were seen lately."""

    __tablename__ = "accounts_replicas"
