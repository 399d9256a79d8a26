"""Coming in and going out: register, log in, log out."""

from flask import Response, flash, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale, get_locale, gettext

from bookstore.accounts import sessions, users
from bookstore.accounts.forms import LoginForm, RegisterForm, in_words, show
from bookstore.accounts.pages import pages
from bookstore.accounts.runtime import client_address, client_device, current
from bookstore.accounts.sessions import BadCredentials, SignIn, UserBanned
from bookstore.accounts.users import EmailTaken
from bookstore.shared.access import (
    Audience,
    audience,
    current_user,
    forget_token,
    keep_token,
    on_shared_pages,
    signed_in_user,
)
from bookstore.shared.edge import chosen_locale, local_path, remember_locale, show_cart_count


@pages.route("/register", methods=["GET", "POST"])
@audience(Audience.EVERYONE)
def register() -> ResponseReturnValue:
    """Make an account and come in."""
    if current_user().is_authenticated:
        return redirect(_wanted_page())
    form = RegisterForm()
    if form.validate_on_submit():
        try:
            return _enter(_register(form))
        except EmailTaken as error:
            show(error, form.email)
    return _page("accounts/register.html", form)


@pages.route("/login", methods=["GET", "POST"])
@audience(Audience.EVERYONE)
def login() -> ResponseReturnValue:
    """Come in with e-mail address and password."""
    if current_user().is_authenticated:
        return redirect(_wanted_page())
    form = LoginForm()
    if form.validate_on_submit():
        try:
            return _enter(_log_in(form))
        except (BadCredentials, UserBanned) as error:
            form.form_errors.append(in_words(error))
    return _page("accounts/login.html", form)


@pages.post("/logout")
@on_shared_pages
@audience(Audience.SIGNED_IN)
def logout() -> ResponseReturnValue:
    """End this session."""
    with current().database.writing() as database_session:
        sessions.end_session(database_session, signed_in_user().session_id)
    session.clear()
    flash(gettext("You are logged out."), "success")
    response = make_response(redirect("/"))
    forget_token(response)
    show_cart_count(response, 0)
    return response


def _register(form: RegisterForm) -> SignIn:
    runtime = current()
    with runtime.database.writing() as database_session:
        user = users.register_user(
            database_session,
            runtime.policy,
            name=form.name.data or "",
            email=form.email.data or "",
            password=form.password.data or "",
            locale=str(get_locale()),
            address=client_address(),
        )
        return sessions.open_session(database_session, runtime.policy, user.id, client_device())


def _log_in(form: LoginForm) -> SignIn:
    runtime = current()
    with runtime.database.writing() as database_session:
        return sessions.log_in(
            database_session, runtime.policy, form.email.data or "", form.password.data or "", client_device()
        )


def _enter(sign_in: SignIn) -> Response:
    """Nothing of the browser's session before the login lives on: it may have been planted."""
    session.clear()
    with force_locale(chosen_locale() or sign_in.user.locale):
        flash(gettext("Welcome, %(name)s.", name=sign_in.user.name), "success")
    response = make_response(redirect(_wanted_page()))
    keep_token(response, sign_in.token.text)
    if chosen_locale() is None:
        # nginx knows what the browser tells, not what is on record, when it looks for a page that it has.
        remember_locale(response, sign_in.user.locale)
    return response


def _wanted_page() -> str:
    """Where somebody was on the way to, or else where they came from."""
    if "next" in request.values:
        return local_path(request.values["next"])
    came_from = local_path(request.referrer)
    return "/" if came_from.startswith("/accounts/") else came_from


def _page(template: str, form: RegisterForm | LoginForm) -> ResponseReturnValue:
    wanted = _wanted_page()
    other = {
        "register_url": url_for("accounts.register", next=wanted),
        "login_url": url_for("accounts.login", next=wanted),
    }
    page = render_template(template, form=form, wanted=wanted, **other)
    return page, 422 if form.errors else 200
