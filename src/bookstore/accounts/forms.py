"""The forms of accounts. What a value must be like is the use cases' rule; here it is only asked early."""

from collections.abc import Callable
from typing import Any

from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from wtforms import EmailField, Field, Form, PasswordField, SelectField, StringField, ValidationError
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the stubs
from wtforms.validators import InputRequired

from bookstore.accounts import passwords
from bookstore.accounts.email_addresses import parse_email
from bookstore.accounts.names import parse_name
from bookstore.shared.edge import LOCALES
from bookstore.shared.errors import ShopError

REQUIRED = InputRequired(lazy_gettext("Please fill this in."))


def obeys(rule: Callable[[str], Any]) -> Callable[[Form, Field], None]:
    """A validator that shows a use case's refusal of the value beside the field."""

    def validate(form: Form, field: Field) -> None:
        try:
            rule(field.data or "")
        except ShopError as error:
            raise ValidationError(in_words(error)) from error

    return validate


def in_words(error: ShopError) -> str:
    """The error's title in the reader's language."""
    title = str(gettext(error.title))
    return title % error.details if error.details else title


def show(error: ShopError, field: Field) -> None:
    """Put an error beside the field that it is about."""
    field.errors = [*field.errors, in_words(error)]


class RegisterForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    name = StringField(lazy_gettext("Name"), [REQUIRED, obeys(parse_name)])
    email = EmailField(lazy_gettext("E-mail address"), [REQUIRED, obeys(parse_email)])
    password = PasswordField(lazy_gettext("Password"), [REQUIRED])

    def validate_password(self, field: Field) -> None:
        obeys(lambda text: passwords.check(text, email=self.email.data or "", name=self.name.data or ""))(
            self, field
        )


class LoginForm(FlaskForm):  # type: ignore[misc]
    email = EmailField(lazy_gettext("E-mail address"), [REQUIRED, obeys(parse_email)])
    password = PasswordField(lazy_gettext("Password"), [REQUIRED])


class ProfileForm(FlaskForm):  # type: ignore[misc]
    name = StringField(lazy_gettext("Name"), [REQUIRED, obeys(parse_name)])
    locale = SelectField(lazy_gettext("Language"), choices=[SelectChoice(*item) for item in LOCALES.items()])


class PasswordForm(FlaskForm):  # type: ignore[misc]
    current = PasswordField(lazy_gettext("Current password"), [REQUIRED])
    new = PasswordField(lazy_gettext("New password"), [REQUIRED])


class AskResetForm(FlaskForm):  # type: ignore[misc]
    email = EmailField(lazy_gettext("E-mail address"), [REQUIRED, obeys(parse_email)])


class NewPasswordForm(FlaskForm):  # type: ignore[misc]
    new = PasswordField(lazy_gettext("New password"), [REQUIRED])
