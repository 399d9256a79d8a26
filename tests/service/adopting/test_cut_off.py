"""An adoption that was cut off anywhere goes on when it is repeated, and comes to the same."""

import pytest

from bookstore.auditing import audit_shop
from bookstore.catalog import adoption as catalog
from bookstore.orders import adoption as orders
from tests.service.adopting.students_shop import SMALL


class PowerCut(Exception):
    pass


@pytest.mark.parametrize(
    ("module", "function", "calls"),
    [
        (catalog, "adopt_listing", 0),
        (catalog, "adopt_listing", 5),
        (catalog, "adopt_sale", 8),
        # The copies of the purchase are sold, and its order is not recorded yet.
        (orders, "adopt_order", 0),
        (orders, "adopt_order", 8),
    ],
)
def test_an_adoption_that_was_cut_off_goes_on(shop, students, adopt, monkeypatch, module, function, calls):
    students.fill(*SMALL)
    whole, made = getattr(module, function), []

    def cut_off(*args, **named):
        if len(made) == calls:
            raise PowerCut
        made.append(args)
        return whole(*args, **named)

    with monkeypatch.context() as patched:
        patched.setattr(module, function, cut_off)
        assert isinstance(adopt().exception, PowerCut)

    again = adopt()
    assert again.exit_code == 0, again.output
    adopted, known = (10 - calls, calls) if function == "adopt_listing" else (0, 10)
    assert f"book: {adopted} adopted, {known} known already, 0 skipped" in again.output
    adopted, known = (16, 0) if function == "adopt_listing" else (16 - calls, calls)
    assert f"purchase: {adopted} adopted, {known} known already, 0 skipped" in again.output
    assert audit_shop(shop.settings, shop.databases) == []
