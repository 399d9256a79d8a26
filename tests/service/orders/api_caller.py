"""People at the REST API of orders."""

from dataclasses import dataclass
from itertools import count
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.fakes.accounts import FakeAccounts
from tests.service.orders.stall import person

ADDRESS = {
    "name": "Bruno Buys",
    "street": "Calle Larga 1-23",
    "city": "Cuenca",
    "region": "Azuay",
    "postal_code": "010101",
    "country": "EC",
}
_keys = count(1)


@dataclass
class Caller:
    """Somebody with a token; None is nobody."""

    client: FlaskClient
    accounts: FakeAccounts
    name: str | None

    def call(self, method: str, path: str, body: Any = None, key: str | None = None) -> TestResponse:
        headers = {}
        if self.name is not None:
            headers["Authorization"] = f"Bearer {self.accounts.token(person(self.name))}"
        if key is not None:
            headers["Idempotency-Key"] = key
        return self.client.open(f"/api/v1/orders{path}", method=method, json=body, headers=headers)

    def order(self, *lines: tuple[int, Any], key: str | None = None, **more: Any) -> TestResponse:
        """Place an order; `more` are fields that do not belong there, or replace the ones that do."""
        body = {
            "lines": [{"listing_id": listing_id, "quantity": quantity} for listing_id, quantity in lines],
            "delivery": {"option_id": 4, "address": ADDRESS},
        }
        return self.call("POST", "", body | more, key=key or f"order-{next(_keys)}")

    def pay(
        self, reference: str, token: str = "tok_approved", key: str | None = None, **more: Any
    ) -> TestResponse:
        body = {"method": "card", "token": token} | more
        return self.call("POST", f"/{reference}/payments", body, key=key or f"pay-{next(_keys)}")

    def ordered(self, *lines: tuple[int, int]) -> str:
        """The reference of a new order."""
        answer = self.order(*lines)
        assert answer.status_code == 201, answer.get_data(as_text=True)
        return str(document(answer)["reference"])


def document(answer: TestResponse) -> dict[str, Any]:
    body = answer.get_json()
    assert isinstance(body, dict)
    return body
