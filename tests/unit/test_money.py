import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstore.shared.money import InvalidAmount, Money


def test_an_amount_is_read_exactly():
    assert Money.parse("12.50", "USD") == Money(1250, "USD")
    assert Money.parse("12.5", "USD") == Money(1250, "USD")
    assert Money.parse("1200", "JPY") == Money(1200, "JPY")


@pytest.mark.parametrize(
    "text", ["", "x", "12.505", "NaN", "Infinity", "1e9999", "12,50", "0.1.2", "1_0.001"]
)
def test_what_is_not_an_amount_is_refused(text):
    with pytest.raises(InvalidAmount):
        Money.parse(text, "USD")


def test_a_fraction_of_the_smallest_coin_is_refused():
    with pytest.raises(InvalidAmount):
        Money.parse("1.5", "JPY")


@given(st.integers(-(10**12), 10**12), st.sampled_from(["USD", "EUR", "JPY", "CLP", "KWD"]))
def test_the_wire_form_loses_nothing(minor, currency):
    money = Money(minor, currency)
    wire = money.wire()
    assert Money.parse(wire["amount"], wire["currency"]) == money


def test_currencies_do_not_mix():
    with pytest.raises(ValueError, match="USD and EUR"):
        Money(1, "USD") + Money(1, "EUR")


def test_money_is_never_multiplied_by_a_float():
    with pytest.raises(TypeError):
        Money(100, "USD") * 1.5  # type: ignore[operator]


def test_the_total_of_nothing_is_zero():
    assert Money.total([], "USD") == Money(0, "USD")
    assert Money.total([Money(150, "USD"), Money(275, "USD")], "USD") == Money(425, "USD")


def test_prices_are_written_as_the_reader_writes_them():
    assert Money(123456, "USD").localized("en") == "$1,234.56"
    assert Money(123456, "EUR").localized("es") == "1.234,56\xa0€"
