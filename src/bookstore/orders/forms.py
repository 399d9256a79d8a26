"""Forms of the cart, the checkout and the sellers."""

import re

from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import IntegerField
from wtforms.validators import NumberRange

from bookstore.orders.cart_models import MAX_QUANTITY

NO_QUANTITY = lazy_gettext("The quantity must be a whole number from 1 to %(maximum)s.", maximum=MAX_QUANTITY)


class WholeNumberField(IntegerField):
    """Digits and nothing else: no sign, no point, no exponent, nothing that `int` would be kind about."""

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        if not re.fullmatch(r"[0-9]{1,18}", text):
            self.data = None
            raise ValueError(NO_QUANTITY)
        self.data = int(text)


class QuantityForm(FlaskForm):
    quantity = WholeNumberField(
        lazy_gettext("Quantity"),
        validators=[NumberRange(min=1, max=MAX_QUANTITY, message=NO_QUANTITY)],
    )


class AddForm(QuantityForm):
    listing_id = WholeNumberField()
