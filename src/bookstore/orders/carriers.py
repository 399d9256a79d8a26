"""What carriers offer: how far they go, for how much, in how many days."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from bookstore.orders.cart_models import Coverage, DeliveryOptionRow
from bookstore.shared.errors import N_, ShopError
from bookstore.shared.money import Money


@dataclass(frozen=True)
class DeliveryOption:
    """One way to have an order delivered; `days` is how long it takes at most."""

    id: int
    carrier: str
    coverage: Coverage
    price: Money
    days: int

    def delivers_to(self, country: str, home_country: str) -> bool:
        """An international carrier goes everywhere, a national one within the shop's own country."""
        return self.coverage is Coverage.INTERNATIONAL or country == home_country


class DeliveryNotOffered(ShopError):
    """There is no such delivery option, or it does not go to this country."""

    status = 422
    code = "delivery_not_offered"
    title = N_("This delivery option is not offered for the country of the address.")


def delivery_options(session: Session, currency: str) -> list[DeliveryOption]:
    """All options, the cheapest first, priced in the shop's currency."""
    query = select(DeliveryOptionRow).order_by(DeliveryOptionRow.price_minor, DeliveryOptionRow.id)
    return [_option(row, currency) for row in session.scalars(query)]


def options_for(session: Session, country: str, *, currency: str, home_country: str) -> list[DeliveryOption]:
    """The options that deliver to this country, the cheapest first."""
    offered = delivery_options(session, currency)
    return [option for option in offered if option.delivers_to(country, home_country)]


def chosen_option(
    session: Session, option_id: int, country: str, *, currency: str, home_country: str
) -> DeliveryOption:
    """The option that a buyer chose for this country. Raises DeliveryNotOffered."""
    row = session.get(DeliveryOptionRow, option_id)
    option = _option(row, currency) if row is not None else None
    if option is None or not option.delivers_to(country, home_country):
        raise DeliveryNotOffered(option_id=option_id, country=country)
    return option


def _option(row: DeliveryOptionRow, currency: str) -> DeliveryOption:
    return DeliveryOption(
        id=row.id,
        carrier=row.carrier,
        coverage=Coverage(row.coverage),
        price=Money(row.price_minor, currency),
        days=row.days,
    )
