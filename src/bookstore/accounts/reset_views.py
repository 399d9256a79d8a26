"""A forgotten password: ask for a link, follow it, choose a new password.

The link's token goes from the address into the browser's form session, and the page with the form has an
address without it. A page with the token in its address would have to be sent with `no-referrer`, and then
the browser says nothing of where its form came from, which the shop refuses.
"""

from flask import flash, make_response, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bookstore.accounts import password_resets
from bookstore.accounts.forms import AskResetForm, NewPasswordForm, show
from bookstore.accounts.pages import pages
from bookstore.accounts.password_resets import ResetLinkInvalid
from bookstore.accounts.passwords import PasswordRefused
from bookstore.accounts.runtime import client_address, current
from bookstore.shared.access import Audience, audience

TOKEN = "reset_token"  # noqa: S105  # the name of a place, not a secret


@pages.route("/reset", methods=["GET", "POST"])
@audience(Audience.EVERYONE)
def ask_reset() -> ResponseReturnValue:
    """Ask for a link to a new password."""
    form = AskResetForm()
    if form.validate_on_submit():
        runtime = current()
        with runtime.database.writing() as database_session:
            password_resets.request_reset(
                database_session, runtime.policy, form.email.data or "", client_address()
            )
        return redirect(url_for("accounts.reset_asked"))
    return render_template("accounts/reset.html", form=form), 422 if form.errors else 200


@pages.get("/reset/sent")
@audience(Audience.EVERYONE)
def reset_asked() -> ResponseReturnValue:
    """Says the same whether or not there is such an account."""
    minutes = int(current().policy.password_reset.total_seconds() // 60)
    return render_template("accounts/reset_asked.html", minutes=minutes)


@pages.get("/reset/<token>")
@audience(Audience.EVERYONE)
def follow_reset_link(token: str) -> ResponseReturnValue:
    """Where the link in the mail leads; following it uses nothing up, for mail scanners do so too."""
    session[TOKEN] = token[:100]
    response = make_response(redirect(url_for("accounts.choose_password")))
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


@pages.route("/reset/new", methods=["GET", "POST"])
@audience(Audience.EVERYONE)
def choose_password() -> ResponseReturnValue:
    """Choose the new password."""
    form = NewPasswordForm()
    try:
        if form.validate_on_submit():
            return _set_password(form)
        with current().database.reading() as database_session:
            password_resets.check_link(database_session, session.get(TOKEN, ""))
    except PasswordRefused as error:
        show(error, form.new)
    except ResetLinkInvalid as error:
        session.pop(TOKEN, None)
        return render_template("accounts/reset_invalid.html"), error.status
    return render_template("accounts/reset_new.html", form=form), 422 if form.errors else 200


def _set_password(form: NewPasswordForm) -> ResponseReturnValue:
    runtime = current()
    with runtime.database.writing() as database_session:
        password_resets.reset_password(
            database_session, runtime.policy, session.get(TOKEN, ""), form.new.data or ""
        )
    session.clear()
    flash(gettext("Your new password is set. Please log in with it."), "success")
    return redirect(url_for("accounts.login"))
