"""Forms of the cart, the checkout, the payment and the sellers."""

import re
from collections.abc import Sequence
from typing import Any

from flask_babel import get_locale, gettext, lazy_gettext
from flask_wtf import FlaskForm
from wtforms import Field, IntegerField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types
from wtforms.validators import (
    DataRequired,
    InputRequired,
    Length,
    NumberRange,
    Optional,
    Regexp,
    StopValidation,
    ValidationError,
)

from bookstore.orders.addresses import MAX_LENGTHS
from bookstore.orders.carriers import DeliveryOption
from bookstore.orders.cart_models import MAX_QUANTITY
from bookstore.orders.countries import countries, country_name, is_country
from bookstore.orders.models import Address
from bookstore.orders.payment_models import Method

NO_QUANTITY = lazy_gettext("The quantity must be a whole number from 1 to %(maximum)s.", maximum=MAX_QUANTITY)


class WholeNumberField(IntegerField):
    """Digits and nothing else: no sign, no point, no exponent, nothing that `int` would be kind about."""

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        if not re.fullmatch(r"[0-9]{1,18}", text):
            self.data = None
            raise ValueError(NO_QUANTITY)
        self.data = int(text)


def _readable(form: FlaskForm, field: Field) -> None:
    """What could not be read needs no second complaint."""
    if field.process_errors:
        raise StopValidation


class QuantityForm(FlaskForm):  # type: ignore[misc]  # flask-wtf has no types
    quantity = WholeNumberField(
        lazy_gettext("Quantity"),
        validators=[_readable, NumberRange(min=1, max=MAX_QUANTITY, message=NO_QUANTITY)],
    )


class AddForm(QuantityForm):
    listing_id = WholeNumberField()


def _one_line(text: str | None) -> str:
    """Without blanks around it, and with single ones inside."""
    return " ".join((text or "").split())


def _printable(form: FlaskForm, field: Field) -> None:
    if field.data and not field.data.isprintable():
        raise ValidationError(gettext("This contains characters that cannot be printed on a label."))


def _text(label: str, longest: int, required: str | None = None, *validators: Any) -> StringField:
    """A line of text; `required` is what to say when it is missing."""
    too_long = lazy_gettext("At most %(longest)s characters, please.", longest=longest)
    presence = DataRequired(required) if required else Optional()
    checks = [presence, Length(max=longest, message=too_long), _printable, *validators]
    return StringField(label, filters=[_one_line], validators=checks)


class DeliveryForm(FlaskForm):  # type: ignore[misc]
    """Where to, and with whom."""

    name = _text(
        lazy_gettext("Name of the recipient"),
        MAX_LENGTHS["name"],
        lazy_gettext("Who is to receive the books?"),
    )
    street = _text(
        lazy_gettext("Street and number"), MAX_LENGTHS["street"], lazy_gettext("Which street and number?")
    )
    extra = _text(lazy_gettext("Apartment, floor or reference"), MAX_LENGTHS["extra"])
    city = _text(lazy_gettext("City"), MAX_LENGTHS["city"], lazy_gettext("Which city or town?"))
    region = _text(lazy_gettext("Province, state or region"), MAX_LENGTHS["region"])
    postal_code = _text(
        lazy_gettext("Postal code"),
        MAX_LENGTHS["postal_code"],
        None,
        Regexp(r"[0-9A-Za-z -]+\Z", message=lazy_gettext("Letters, digits, blanks and hyphens only.")),
    )
    country = SelectField(lazy_gettext("Country"), validate_choice=False)
    phone = _text(
        lazy_gettext("Telephone"),
        MAX_LENGTHS["phone"],
        None,
        Regexp(r"\+?[0-9 ()./-]{5,40}\Z", message=lazy_gettext("This is not a telephone number.")),
    )
    option_id = RadioField(lazy_gettext("Delivery"), coerce=int, validate_choice=False)

    def __init__(self, options: Sequence[DeliveryOption], home_country: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.options = options
        self._home_country = home_country
        named = [("", gettext("Choose a country")), *countries(str(get_locale()))]
        self.country.choices = [SelectChoice(*country) for country in named]
        self.option_id.choices = [SelectChoice(option.id, option.carrier) for option in options]

    def address(self) -> Address:
        names = ("name", "street", "city", "country", "extra", "region", "postal_code", "phone")
        return Address(**{name: self[name].data or "" for name in names})

    def validate_country(self, field: Field) -> None:
        if not is_country(field.data or ""):
            raise ValidationError(gettext("Choose the country of the address."))

    def validate_option_id(self, field: Field) -> None:
        option = next((option for option in self.options if option.id == field.data), None)
        if option is None:
            raise ValidationError(gettext("Choose who is to bring the books."))
        if self.country.data and not option.delivers_to(self.country.data, self._home_country):
            home = country_name(self._home_country, str(get_locale()))
            raise ValidationError(
                gettext(
                    "%(carrier)s delivers within %(country)s only. Please choose an international carrier.",
                    carrier=option.carrier,
                    country=home,
                )
            )


SANDBOX_TOKENS = {
    "tok_approved": lazy_gettext("Approved"),
    "tok_declined": lazy_gettext("Declined"),
    "tok_timeout": lazy_gettext("No answer the first time, approved when asked again"),
    "tok_error": lazy_gettext("The payment service is broken"),
}


class PaymentForm(FlaskForm):  # type: ignore[misc]
    """How to pay, and what the sandbox is to answer."""

    method = RadioField(
        lazy_gettext("How do you want to pay?"),
        choices=[
            SelectChoice(Method.CARD.value, lazy_gettext("Card")),
            SelectChoice(Method.PAYPAL.value, lazy_gettext("PayPal")),
            SelectChoice(Method.BANK_TRANSFER.value, lazy_gettext("Bank transfer")),
        ],
        default=Method.CARD.value,
        validators=[InputRequired(lazy_gettext("Choose how to pay."))],
    )
    token = RadioField(
        lazy_gettext("What should the sandbox answer?"),
        choices=[SelectChoice(*token) for token in SANDBOX_TOKENS.items()],
        default="tok_approved",
        validators=[InputRequired(lazy_gettext("Choose what the sandbox answers."))],
    )


class TrackingForm(FlaskForm):  # type: ignore[misc]
    """The number under which the carrier knows a parcel; which ones are valid, `fulfillment` says."""

    tracking_number = StringField(lazy_gettext("Tracking number"), filters=[_one_line])

    def __init__(self, shipment_id: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Many of these forms stand on one page.
        self.tracking_number.id = f"tracking_number-{shipment_id}"
