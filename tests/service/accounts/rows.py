"""What the tests look at in the database, and where the links in mails lead."""

import re

from flask import Flask
from sqlalchemy import func, select

from bookstore.accounts.models import Mail, User, UserSession
from bookstore.accounts.runtime import EXTENSION
from bookstore.shared.database import Database


def count(database: Database, model: type) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def user_of(database: Database, email: str) -> User | None:
    with database.reading() as session:
        return session.scalar(select(User).where(User.email_key == email))


def sessions_of(database: Database, user_id: str) -> int:
    with database.reading() as session:
        query = select(func.count()).select_from(UserSession).where(UserSession.user_id == user_id)
        return session.scalar(query) or 0


def mails_to(app: Flask, database: Database, email: str) -> list[tuple[str, str, str]]:
    """Kind, subject and text of each mail to somebody, oldest first."""
    render = app.extensions[EXTENSION].render
    with database.reading() as session:
        mails = session.scalars(select(Mail).where(Mail.recipient == email).order_by(Mail.id)).all()
    return [(mail.kind, render(mail).subject, render(mail).text) for mail in mails]


def reset_link(app: Flask, database: Database, email: str) -> str:
    """The path of the newest link to a new password that was mailed to somebody."""
    texts = [text for kind, _, text in mails_to(app, database, email) if kind == "password_reset"]
    found = re.search(r"https://shop\.example(/accounts/reset/\S+)", texts[-1])
    assert found
    return found[1]
