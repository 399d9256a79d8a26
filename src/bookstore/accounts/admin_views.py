"""What an admin does with accounts: find users, ban and un-ban them, read the mails."""

from collections.abc import Callable

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from bookstore.accounts import bans, users
from bookstore.accounts.bans import CannotBanYourself
from bookstore.accounts.forms import in_words
from bookstore.accounts.models import Mail, User
from bookstore.accounts.pages import pages
from bookstore.accounts.runtime import current
from bookstore.shared import mail
from bookstore.shared.access import Audience, audience, signed_in_user
from bookstore.shared.errors import NotFound
from bookstore.shared.pagination import decode_cursor, encode_cursor

USERS_PER_PAGE = 25
MAILS_PER_PAGE = 25
MAX_ID = 2**63 - 1


@pages.get("/admin/users")
@audience(Audience.ADMIN)
def admin_users() -> ResponseReturnValue:
    """Everybody, newest first, or those whose name or address holds the words."""
    words = request.args.get("q", "").strip()[:200]
    with current().database.reading() as session:
        page = users.search_users(session, words, request.args.get("cursor"), USERS_PER_PAGE)
    following = page.next_cursor and url_for("accounts.admin_users", q=words or None, cursor=page.next_cursor)
    return render_template("accounts/admin_users.html", page=page, words=words, next_url=following)


@pages.get("/admin/users/<user_id>/ban")
@audience(Audience.ADMIN)
def confirm_ban(user_id: str) -> ResponseReturnValue:
    """Ask whether really this person is to be banned."""
    return _confirm("accounts/admin_ban.html", user_id)


@pages.post("/admin/users/<user_id>/ban")
@audience(Audience.ADMIN)
def ban(user_id: str) -> ResponseReturnValue:
    """Close somebody's account."""
    try:
        banned = _change(bans.ban, user_id)
    except CannotBanYourself as error:
        flash(in_words(error), "danger")
        return redirect(url_for("accounts.admin_users"))
    flash(gettext("%(name)s (%(email)s) is banned.", name=banned.name, email=banned.email), "success")
    return redirect(url_for("accounts.admin_users"))


@pages.get("/admin/users/<user_id>/unban")
@audience(Audience.ADMIN)
def confirm_unban(user_id: str) -> ResponseReturnValue:
    """Ask whether really this person is to be let in again."""
    return _confirm("accounts/admin_unban.html", user_id)


@pages.post("/admin/users/<user_id>/unban")
@audience(Audience.ADMIN)
def unban(user_id: str) -> ResponseReturnValue:
    """Open somebody's account again."""
    allowed = _change(bans.unban, user_id)
    flash(
        gettext("%(name)s (%(email)s) may log in again.", name=allowed.name, email=allowed.email), "success"
    )
    return redirect(url_for("accounts.admin_users"))


@pages.get("/admin/mailbox")
@audience(Audience.ADMIN)
def admin_mailbox() -> ResponseReturnValue:
    """The mails of accounts, newest first."""
    cursor = request.args.get("cursor")
    before = decode_cursor(cursor, int)[0] if cursor else None
    assert before is None or isinstance(before, int)
    with current().database.reading() as session:
        found = mail.latest(session, Mail, before, MAILS_PER_PAGE + 1)
    shown = found[:MAILS_PER_PAGE]
    next_url = None
    if len(found) > MAILS_PER_PAGE:
        next_url = url_for("accounts.admin_mailbox", cursor=encode_cursor([shown[-1].id]))
    entries = [(message, current().render(message).subject) for message in shown]
    return render_template("accounts/admin_mailbox.html", entries=entries, next_url=next_url)


@pages.get(f"/admin/mailbox/<int(max={MAX_ID}):mail_id>")
@audience(Audience.ADMIN)
def admin_mail(mail_id: int) -> ResponseReturnValue:
    """One mail as its reader gets it."""
    with current().database.reading() as session:
        message = session.get(Mail, mail_id)
    if message is None:
        raise NotFound
    return render_template("accounts/admin_mail.html", mail=message, rendered=current().render(message))


def _confirm(template: str, user_id: str) -> ResponseReturnValue:
    with current().database.reading() as session:
        return render_template(template, user=users.get_user(session, user_id))


def _change(decide: Callable[[Session, str, str], User], user_id: str) -> User:
    with current().database.writing() as session:
        return decide(session, signed_in_user().user_id, user_id)
