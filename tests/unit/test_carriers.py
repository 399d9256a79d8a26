"""What carriers offer at first start, and to which countries."""

import pytest

from bookstore.orders.carriers import DeliveryNotOffered, chosen_option, delivery_options, options_for
from bookstore.orders.countries import countries, country_name, is_country
from bookstore.shared import migrations
from bookstore.shared.database import Database
from bookstore.shared.money import Money


@pytest.fixture
def session(tmp_path):
    database = Database("orders", f"sqlite:///{tmp_path / 'orders.sqlite3'}")
    migrations.upgrade(database)
    with database.reading() as session:
        yield session
    database.close()


def test_four_options_are_there_at_first_start_the_cheapest_first(session):
    assert [
        (option.carrier, option.coverage, option.price, option.days)
        for option in delivery_options(session, "USD")
    ] == [
        ("Servientrega", "national", Money(1500, "USD"), 4),
        ("Envia", "national", Money(2000, "USD"), 3),
        ("FedEx", "international", Money(4500, "USD"), 7),
        ("DHL", "international", Money(5000, "USD"), 5),
    ]


def test_prices_are_in_the_shops_own_currency(session):
    assert delivery_options(session, "EUR")[0].price == Money(1500, "EUR")


@pytest.mark.parametrize(
    ("country", "carriers"),
    [("EC", ["Servientrega", "Envia", "FedEx", "DHL"]), ("PE", ["FedEx", "DHL"])],
)
def test_national_carriers_deliver_at_home_only(session, country, carriers):
    offered = options_for(session, country, currency="USD", home_country="EC")
    assert [option.carrier for option in offered] == carriers


def test_an_option_that_is_not_offered_cannot_be_chosen(session):
    terms = {"currency": "USD", "home_country": "EC"}
    assert chosen_option(session, 3, "EC", **terms).carrier == "Envia"
    for option_id, country in ((3, "PE"), (99, "EC"), (-1, "EC")):
        with pytest.raises(DeliveryNotOffered):
            chosen_option(session, option_id, country, **terms)


def test_countries_are_named_and_sorted_in_the_readers_language():
    english, spanish = dict(countries("en")), [name for _, name in countries("es")]
    assert (english["DE"], country_name("DE", "es")) == ("Germany", "Alemania")
    assert spanish.index("Afganistán") < spanish.index("Alemania") < spanish.index("Austria")
    assert spanish.index("Egipto") < spanish.index("Emiratos Árabes Unidos") < spanish.index("Zimbabue")


def test_unions_and_test_codes_are_no_countries():
    assert is_country("EC")
    assert not any(is_country(code) for code in ("EU", "UN", "ZZ", "XA", "ec", "", "ECU", "001"))
