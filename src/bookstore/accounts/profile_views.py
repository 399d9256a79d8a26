"""One's own account: name and language, sessions, password."""

from flask import flash, make_response, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from bookstore.accounts import password_changes, sessions, tokens, users
from bookstore.accounts.devices import device_name
from bookstore.accounts.forms import PasswordForm, ProfileForm, show
from bookstore.accounts.pages import pages
from bookstore.accounts.password_changes import WrongPassword
from bookstore.accounts.passwords import PasswordRefused
from bookstore.accounts.runtime import client_device, current
from bookstore.accounts.secrets_at_rest import fingerprint
from bookstore.accounts.sessions import SignIn
from bookstore.shared.access import Audience, audience, keep_token, signed_in_user
from bookstore.shared.edge import remember_locale


@pages.route("/profile", methods=["GET", "POST"])
@audience(Audience.SIGNED_IN)
def profile() -> ResponseReturnValue:
    """See and change one's name and language; see where one is logged in."""
    user = signed_in_user()
    form = ProfileForm(data={"name": user.name, "locale": user.locale})
    if form.validate_on_submit():
        return _save_profile(form)
    with current().database.reading() as database_session:
        own = sessions.list_sessions(database_session, user.user_id)
        count = sessions.count_sessions(database_session, user.user_id)
    page = render_template(
        "accounts/profile.html",
        form=form,
        sessions=own,
        session_count=count,
        this_session=fingerprint(user.session_id),
        device_name=device_name,
    )
    return page, 422 if form.errors else 200


@pages.post("/sessions/end-others")
@audience(Audience.SIGNED_IN)
def end_other_sessions() -> ResponseReturnValue:
    """Log out everywhere but here."""
    user = signed_in_user()
    with current().database.writing() as database_session:
        ended = sessions.end_other_sessions(database_session, user.user_id, user.session_id)
    flash(
        ngettext("%(num)s other session was ended.", "%(num)s other sessions were ended.", ended), "success"
    )
    return redirect(url_for("accounts.profile"))


@pages.route("/password", methods=["GET", "POST"])
@audience(Audience.SIGNED_IN)
def password() -> ResponseReturnValue:
    """Change one's password."""
    form = PasswordForm()
    if form.validate_on_submit():
        try:
            return _stay(_change_password(form))
        except WrongPassword as error:
            show(error, form.current)
        except PasswordRefused as error:
            show(error, form.new)
    return render_template("accounts/password.html", form=form), 422 if form.errors else 200


def _save_profile(form: ProfileForm) -> ResponseReturnValue:
    """The new token tells the new name to every service at once."""
    user, runtime = signed_in_user(), current()
    with runtime.database.writing() as database_session:
        changed = users.change_profile(
            database_session, user.user_id, name=form.name.data or "", locale=form.locale.data
        )
        token = tokens.issue(database_session, runtime.policy, changed, user.session_id)
    flash(gettext("Your profile is saved."), "success")
    response = make_response(redirect(url_for("accounts.profile")))
    keep_token(response, token.text)
    remember_locale(response, changed.locale)
    return response


def _change_password(form: PasswordForm) -> SignIn:
    user, runtime = signed_in_user(), current()
    with runtime.database.writing() as database_session:
        return password_changes.change_password(
            database_session,
            runtime.policy,
            user.user_id,
            form.current.data or "",
            form.new.data or "",
            client_device(),
        )


def _stay(sign_in: SignIn) -> ResponseReturnValue:
    session.clear()
    flash(gettext("Your password is changed. You are logged out everywhere else."), "success")
    response = make_response(redirect(url_for("accounts.profile")))
    keep_token(response, sign_in.token.text)
    return response
