"""What an address needs before anything is sent there."""

from dataclasses import asdict

from bookstore.orders.countries import is_country
from bookstore.orders.models import Address
from bookstore.shared.errors import N_, ShopError

REQUIRED = ("name", "street", "city", "country")
MAX_LENGTHS = {
    "name": 120,
    "street": 200,
    "extra": 200,
    "city": 120,
    "region": 120,
    "postal_code": 20,
    "country": 2,
    "phone": 40,
}


class InvalidAddress(ShopError):
    """Some parts of the address are missing, too long or not text; `fields` names them."""

    status = 422
    code = "invalid_address"
    title = N_("The address is not complete or not valid. Please check it.")

    def __init__(self, fields: list[str]) -> None:
        super().__init__(fields=fields)


def check_address(address: Address) -> None:
    """Raise InvalidAddress naming each part that is missing, too long or not printable."""
    parts = asdict(address)
    wrong = [
        name
        for name, text in parts.items()
        if len(text) > MAX_LENGTHS[name] or not text.isprintable() or (name in REQUIRED and not text.strip())
    ]
    if "country" not in wrong and not is_country(address.country):
        wrong.append("country")
    if wrong:
        raise InvalidAddress(wrong)
