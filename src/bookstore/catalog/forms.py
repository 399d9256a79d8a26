"""Forms of the people who sell."""

import re
from collections.abc import Mapping
from typing import Any

from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import (
    Field,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import (
    InputRequired,
    Length,
    NumberRange,
    Optional,
    Regexp,
    StopValidation,
)
from wtforms.widgets import HiddenInput, TextInput

from bookstore.catalog import isbn
from bookstore.catalog.books import Description, NoTitle, TextTooLong
from bookstore.catalog.import_cleaning import (
    MAX_AUTHORS,
    MAX_CATEGORY,
    MAX_DESCRIPTION,
    MAX_PAGES,
    MAX_PUBLISHER,
)
from bookstore.catalog.isbn import InvalidIsbn
from bookstore.catalog.labels import CONDITION_NAMES, language_choices
from bookstore.catalog.listings import CopiesTaken
from bookstore.catalog.models import MAX_TITLE, Condition, Listing
from bookstore.catalog.photos import NotAPhoto, PhotoTooLarge, StorageFull
from bookstore.catalog.runtime import current
from bookstore.catalog.terms import (
    MAX_COPIES,
    MAX_NOTES,
    Changes,
    CopiesOutOfRange,
    NotesTooLong,
    PriceOutOfRange,
    Terms,
)
from bookstore.shared.clock import utcnow
from bookstore.shared.errors import ShopError
from bookstore.shared.money import InvalidAmount, Money

REQUIRED = lazy_gettext("This is required.")
TOO_LONG = lazy_gettext("This is longer than %(max)d characters.")

FIELDS: Mapping[type[ShopError], str] = {
    InvalidIsbn: "isbn",
    NoTitle: "title",
    PriceOutOfRange: "price",
    CopiesOutOfRange: "copies",
    CopiesTaken: "copies",
    NotesTooLong: "notes",
    NotAPhoto: "photo",
    PhotoTooLarge: "photo",
    StorageFull: "photo",
}


def say_beside_field(form: FlaskForm, error: ShopError) -> None:
    """Show a named error where it belongs. Raises it again when it belongs to no field of the form."""
    name = error.details["field"] if isinstance(error, TextTooLong) else FIELDS.get(type(error))
    name = {"description": "description_text"}.get(str(name), name)
    if name not in form:
        raise error
    form[name].errors = [*form[name].errors, gettext(error.title) % error.details]


class WholeNumberField(IntegerField):
    """Digits and nothing else: no sign, no point, no exponent."""

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        self.data = None
        if text and not re.fullmatch(r"[0-9]{1,9}", text):
            raise ValueError(gettext("Write a whole number, in digits."))
        if text:
            self.data = int(text)


class PriceField(Field):
    """An amount of the shop's currency, with a point or a comma before the cents."""

    widget = TextInput()

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        self.data = None
        if not text:
            return
        try:
            self.data = Money.parse(text.replace(",", "."), current().policy.currency)
        except InvalidAmount as error:
            raise ValueError(gettext("Write the price in digits, for example 12.50.")) from error

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return str(self.data.decimal) if isinstance(self.data, Money) else ""


def readable(form: FlaskForm, field: Field) -> None:
    """What could not be read needs no second complaint about its value."""
    if field.process_errors:
        raise StopValidation


class IsbnForm(FlaskForm):  # type: ignore[misc]
    """Which book. It changes nothing, so it is sent with GET and needs no token."""

    class Meta:
        csrf = False

    isbn = StringField(lazy_gettext("ISBN"), validators=[InputRequired(REQUIRED), Length(max=200)])

    def validate_isbn(self, field: StringField) -> None:
        try:
            field.data = isbn.normalize(field.data or "")
        except InvalidIsbn as error:
            raise ValidationError(gettext(error.title) % error.details) from error


class BookForm(FlaskForm):  # type: ignore[misc]
    """A book in the seller's words."""

    title = StringField(
        lazy_gettext("Title"), validators=[InputRequired(REQUIRED), Length(max=MAX_TITLE, message=TOO_LONG)]
    )
    authors = StringField(
        lazy_gettext("Authors"), validators=[Optional(), Length(max=MAX_AUTHORS, message=TOO_LONG)]
    )
    language = SelectField(lazy_gettext("Language"), validators=[Optional()], default="")
    category = StringField(
        lazy_gettext("Category"), validators=[Optional(), Length(max=MAX_CATEGORY, message=TOO_LONG)]
    )
    year = WholeNumberField(lazy_gettext("Year of publication"), validators=[Optional(), readable])
    pages = WholeNumberField(
        lazy_gettext("Pages"),
        validators=[
            Optional(),
            readable,
            NumberRange(1, MAX_PAGES, lazy_gettext("The number must be between %(min)s and %(max)s.")),
        ],
    )
    publisher = StringField(
        lazy_gettext("Publisher"), validators=[Optional(), Length(max=MAX_PUBLISHER, message=TOO_LONG)]
    )
    description_text = TextAreaField(
        lazy_gettext("Description"), validators=[Optional(), Length(max=MAX_DESCRIPTION, message=TOO_LONG)]
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.language.choices = [("", gettext("Not stated")), *language_choices()]

    def validate_year(self, field: WholeNumberField) -> None:
        if field.data is not None and not 1 <= field.data <= utcnow().year + 1:
            raise ValidationError(gettext("This year is not possible."))

    def description(self) -> Description:
        return Description(
            title=self.title.data or "",
            authors=self.authors.data or "",
            year=self.year.data,
            publisher=self.publisher.data,
            language=self.language.data or None,
            category=self.category.data,
            description=self.description_text.data,
            pages=self.pages.data,
        )


class TermsForm(FlaskForm):  # type: ignore[misc]
    """The seller's side of an offer."""

    condition = RadioField(
        lazy_gettext("Condition"),
        choices=[(condition.value, name) for condition, name in CONDITION_NAMES.items()],
        validators=[InputRequired(lazy_gettext("Choose the condition of your copies."))],
    )
    price = PriceField(lazy_gettext("Price of one copy"), validators=[InputRequired(REQUIRED), readable])
    copies = WholeNumberField(
        lazy_gettext("Number of copies"),
        validators=[
            InputRequired(REQUIRED),
            readable,
            NumberRange(1, MAX_COPIES, lazy_gettext("The number must be between %(min)s and %(max)s.")),
        ],
    )
    notes = TextAreaField(
        lazy_gettext("Notes"),
        validators=[Optional(), Length(max=MAX_NOTES, message=TOO_LONG)],
        default="",
    )
    photo = FileField(lazy_gettext("Photo"), validators=[Optional()])

    @property
    def photo_content(self) -> bytes | None:
        """What was sent as the photo; an empty file is not None, because somebody meant to send one."""
        file = self.photo.data
        content: bytes | None = file.read() if file else None
        return content

    def terms(self) -> Terms:
        return Terms(
            Condition(self.condition.data),
            self.price.data,
            self.copies.data or 0,
            self.notes.data or "",
        )


class OfferForm(TermsForm):
    """An offer of a book that the shop knows. `offer_key` makes a form that is sent twice one offer."""

    isbn = HiddenField()
    offer_key = HiddenField(validators=[Regexp(r"[0-9a-f]{32}\Z")])

    @property
    def isbn13(self) -> str | None:
        """Raises InvalidIsbn when somebody has changed the hidden field."""
        return isbn.normalize(self.isbn.data) if self.isbn.data else None

    def description(self) -> Description | None:
        return None


class DescribedOfferForm(BookForm, OfferForm):
    """An offer of a book that the seller describes."""


class EditForm(TermsForm):
    """New terms for a listing, and the version that they are for."""

    version = WholeNumberField(widget=HiddenInput(), validators=[InputRequired(REQUIRED), readable])

    @classmethod
    def of(cls, listing: Listing) -> "EditForm":
        """The form filled with the listing as it is, unless something was sent."""
        return cls(
            condition=listing.condition.value,
            price=listing.price,
            copies=listing.offered,
            notes=listing.notes,
            version=listing.version,
        )

    def changes(self) -> Changes:
        terms = self.terms()
        return Changes(terms.condition, terms.price, terms.copies, terms.notes)


class UploadForm(FlaskForm):  # type: ignore[misc]
    """A CSV file of listings."""

    file = FileField(
        lazy_gettext("CSV file"), validators=[FileRequired(lazy_gettext("Choose the file to upload."))]
    )
    encoding = SelectField(
        lazy_gettext("Saved by"),
        choices=[
            ("utf-8", lazy_gettext("Most programs (UTF-8)")),
            ("cp1252", lazy_gettext("Excel on Windows (Windows-1252)")),
            ("utf-16", lazy_gettext("Excel as “Unicode text” (UTF-16)")),
        ],
        default="utf-8",
    )
