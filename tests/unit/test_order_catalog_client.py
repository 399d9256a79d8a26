"""The catalog over HTTP: how it asks, what it makes of the answers, and of none."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from bookstore.orders.catalog_client import HttpCatalog
from bookstore.orders.ports import CatalogUnavailable, Line, OutOfStock, Quote, ReservationExpired
from bookstore.shared.money import Money
from bookstore.shared.neighbor import Neighbor as Client

Handler = Callable[[httpx.Request], httpx.Response]

QUOTE = {
    "listing_id": 7,
    "book_id": 70,
    "title": "Pedro Páramo",
    "authors": "Juan Rulfo",
    "condition": "good",
    "price": {"amount": "12.50", "currency": "USD"},
    "seller_id": "ana",
    "seller_name": "Ana Sells",
    "available": 3,
    "book_path": "/books/70-pedro-paramo",
    "cover_url": "/covers/70.svg",
}
HELD = {
    "reference": "BS-1",
    "expires_at": "2026-11-24T12:00:00+00:00",
    "lines": [{"quote": QUOTE, "quantity": 2}],
}


class Neighbor:
    """A catalog service that answers as it is told, and remembers what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self) -> HttpCatalog:
        transport = httpx.MockTransport(self)
        return HttpCatalog(Client("catalog", "http://catalog", "the service token", transport=transport))


def problem(status: int, code: str, **members: Any) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "status": status, **members})


def test_a_quote_comes_back_as_it_was_given() -> None:
    neighbor = Neighbor(httpx.Response(200, json={"quotes": [QUOTE]}))

    quotes = neighbor.client().quote([7, 8])

    assert quotes == {7: Quote(**{**QUOTE, "price": Money(1250, "USD")})}
    (asked,) = neighbor.asked
    assert (asked.method, asked.url.path) == ("POST", "/internal/catalog/quotes")
    assert json.loads(asked.content) == {"listing_ids": [7, 8]}
    assert asked.headers["Authorization"] == "Bearer the service token"


def test_a_reservation_is_asked_for_with_its_lines_and_time() -> None:
    neighbor = Neighbor(httpx.Response(200, json=HELD))

    held = neighbor.client().reserve("BS-1", [Line(7, 2)], timedelta(minutes=30))

    assert held.expires_at == datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert [(line.quote.price, line.quantity) for line in held.lines] == [(Money(1250, "USD"), 2)]
    (asked,) = neighbor.asked
    assert (asked.method, asked.url.path) == ("PUT", "/internal/catalog/reservations/BS-1")
    assert json.loads(asked.content) == {
        "lines": [{"listing_id": 7, "quantity": 2}],
        "hold_seconds": 1800,
    }


@pytest.mark.parametrize("step", ["commit", "release"])
def test_copies_are_sold_and_given_back_by_reference(step: str) -> None:
    neighbor = Neighbor(httpx.Response(204))

    getattr(neighbor.client(), step)("BS-1")

    (asked,) = neighbor.asked
    assert (asked.method, asked.url.path) == ("POST", f"/internal/catalog/reservations/BS-1/{step}")


def test_too_few_copies_are_named() -> None:
    client = Neighbor(problem(409, "out_of_stock", listing_ids=[9, 7])).client()

    with pytest.raises(OutOfStock) as refusal:
        client.reserve("BS-1", [Line(7, 2)], timedelta(minutes=30))
    assert refusal.value.details == {"listing_ids": [7, 9]}


def test_a_hold_that_is_gone_is_said() -> None:
    with pytest.raises(ReservationExpired):
        Neighbor(problem(409, "reservation_expired")).client().commit("BS-1")


@pytest.mark.parametrize("lost", [httpx.ConnectError("refused"), httpx.ReadTimeout("silence")])
def test_a_call_that_was_lost_is_sent_once_more(lost: Exception) -> None:
    neighbor = Neighbor(lost, httpx.Response(204))

    neighbor.client().commit("BS-1")

    assert [request.url.path for request in neighbor.asked] == [
        "/internal/catalog/reservations/BS-1/commit"
    ] * 2


def test_after_the_second_silence_the_catalog_is_away() -> None:
    neighbor = Neighbor(httpx.ReadTimeout("silence"), httpx.ReadTimeout("silence"))

    with pytest.raises(CatalogUnavailable):
        neighbor.client().release("BS-1")
    assert len(neighbor.asked) == 2


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, text="Internal Server Error"),
        httpx.Response(502, text="<html>bad gateway</html>"),
        problem(403, "forbidden"),
        httpx.Response(409, json=["not", "a", "problem"]),
        httpx.Response(409, json={"code": "out_of_stock", "listing_ids": "seven"}),
    ],
)
def test_an_answer_that_was_not_agreed_on_is_as_good_as_none(answer: httpx.Response) -> None:
    with pytest.raises(CatalogUnavailable):
        Neighbor(answer).client().commit("BS-1")


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        json.dumps({"quotes": [{"listing_id": 7}]}).encode(),
        json.dumps({"quotes": [{**QUOTE, "price": {"amount": "12.505", "currency": "USD"}}]}).encode(),
    ],
)
def test_a_quote_that_is_not_understood_is_no_quote(body: bytes) -> None:
    with pytest.raises(CatalogUnavailable):
        Neighbor(httpx.Response(200, content=body)).client().quote([7])


def test_the_credential_is_never_logged(log_printed: Callable[[str], Callable[[], str]]) -> None:
    printed = log_printed("json")
    neighbor = Neighbor(httpx.ConnectError("refused"), problem(403, "forbidden"))

    with pytest.raises(CatalogUnavailable):
        neighbor.client().commit("BS-1")
    log = printed()
    assert "neighbor does not answer" in log
    assert "the catalog refused" in log
    assert "the service token" not in log
