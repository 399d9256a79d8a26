"""People with an account: joining, changing one's profile, finding them."""

from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Select, and_, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bookstore.accounts import passwords, throttling
from bookstore.accounts.email_addresses import parse_email
from bookstore.accounts.models import Role, User
from bookstore.accounts.names import fold, parse_name
from bookstore.accounts.policy import Policy
from bookstore.shared.errors import N_, InvalidCursor, NotFound, ShopError
from bookstore.shared.pagination import Page, decode_cursor, encode_cursor
from bookstore.shared.retries import repeatable, retried

WINDOW = timedelta(hours=1)
DEFAULT_LOCALE = "en"
MAX_SEARCH_WORDS = 8
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger("bookstore.accounts")


class EmailTaken(ShopError):
    """Somebody has an account with this address."""

    status = 409
    code = "email_taken"
    title = N_("There is already an account with this e-mail address.")


def register_user(
    session: Session, policy: Policy, *, name: str, email: str, password: str, locale: str, address: str
) -> User:
    """Make an account for somebody at this client address.

    Raises InvalidName, InvalidEmail, PasswordRefused, TooManyRequests, EmailTaken.
    """
    name, email = parse_name(name), parse_email(email)
    passwords.check(password, email=email, name=name)
    counter = throttling.address_counter("register", address)
    throttling.count_attempt(session, counter, policy.registrations_per_address, WINDOW)
    user = User.new(name=name, email=email, password_hash=passwords.hash_password(password), locale=locale)
    _add(session, user)
    log.info("registered", user=user.id, client=address)
    return user


def create_admin(session: Session, name: str, email: str, password: str) -> User:
    """Make an admin. Who has an account already becomes one, with name and password kept and any ban lifted.

    Raises InvalidName, InvalidEmail, PasswordRefused.
    """
    name, email = parse_name(name), parse_email(email)
    with session.begin():
        user = session.scalar(select(User).where(User.email_key == email.lower()).with_for_update())
        if user is not None:
            user.make_admin()
            return user
    passwords.check(password, email=email, name=name)
    user = User.new(
        name=name,
        email=email,
        password_hash=passwords.hash_password(password),
        locale=DEFAULT_LOCALE,
        role=Role.ADMIN,
    )
    _add(session, user)
    return user


def ensure_user(session: Session, user_id: str, name: str, email: str) -> None:
    """Make a user with this id who cannot log in, such as a sample seller; once made it stays as it is.

    Raises EmailTaken when somebody else has the address.
    """
    with session.begin():
        known = session.get(User, user_id)
    if known is not None:
        return
    user = User.new(
        user_id=user_id,
        name=parse_name(name),
        email=parse_email(email),
        password_hash=None,
        locale=DEFAULT_LOCALE,
    )
    try:
        _add(session, user)
    except EmailTaken:
        with session.begin():
            made_meanwhile = session.get(User, user_id)
        if made_meanwhile is None:
            raise


@repeatable
def change_profile(session: Session, user_id: str, *, name: str, locale: str) -> User:
    """Change one's name and language. Raises InvalidName, NotFound."""
    name = parse_name(name)
    with session.begin():
        user = get_user(session, user_id)
        user.rename(name)
        user.locale = locale
    return user


def get_user(session: Session, user_id: str) -> User:
    """One user, in the caller's transaction. Raises NotFound."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound
    return user


def search_users(session: Session, words: str, cursor: str | None, limit: int) -> Page[User]:
    """The newest users first; with words, those whose name or address holds each of them.

    Raises InvalidCursor.
    """
    query = select(User).order_by(User.created_at.desc(), User.id.desc()).limit(limit + 1)
    for word in fold(words).split()[:MAX_SEARCH_WORDS]:
        query = query.where(User.search_key.contains(word, autoescape=True))
    if cursor is not None:
        query = _after(query, cursor)
    found = list(session.scalars(query))
    more = len(found) > limit
    return Page(found[:limit], _cursor(found[limit - 1]) if more else None)


@retried
def _add(session: Session, user: User) -> None:
    """Add somebody; the unique address decides between two who want it at the same moment."""
    try:
        with session.begin():
            session.add(user)
    except IntegrityError as error:
        raise EmailTaken from error


def _cursor(user: User) -> str:
    return encode_cursor([(user.created_at - EPOCH) // timedelta(microseconds=1), user.id])


def _after(query: Select[User], cursor: str) -> Select[User]:
    microseconds, user_id = decode_cursor(cursor, int, str)
    assert isinstance(microseconds, int)
    assert isinstance(user_id, str)
    try:
        created_at = EPOCH + timedelta(microseconds=microseconds)
    except OverflowError as error:
        raise InvalidCursor from error
    if not user_id.isascii():
        raise InvalidCursor
    older = or_(User.created_at < created_at, and_(User.created_at == created_at, User.id < user_id))
    return query.where(older)
