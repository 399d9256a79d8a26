"""The catalog port over HTTP, for processes in which the catalog does not run."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import httpx

from bookstore.orders.ports import (
    CatalogUnavailable,
    Line,
    OutOfStock,
    Quote,
    Reservation,
    ReservationExpired,
    ReservedLine,
)
from bookstore.shared.money import InvalidAmount, Money
from bookstore.shared.neighbor import Neighbor, NeighborUnavailable
from bookstore.shared.telemetry import log

ROUTES = "/internal/catalog"

Understood = TypeVar("Understood")


class HttpCatalog:
    """Asks the catalog service. Reservations go by the order's reference, so every call may be repeated."""

    def __init__(self, neighbor: Neighbor) -> None:
        self._neighbor = neighbor

    def quote(self, listing_ids: Sequence[int]) -> dict[int, Quote]:
        answer = self._ask("POST", f"{ROUTES}/quotes", {"listing_ids": list(listing_ids)})
        return _understand(answer, lambda body: {quote.listing_id: quote for quote in _quotes(body)})

    def reserve(self, reference: str, lines: Sequence[Line], hold: timedelta) -> Reservation:
        wanted = [{"listing_id": line.listing_id, "quantity": line.quantity} for line in lines]
        body = {"lines": wanted, "hold_seconds": int(hold.total_seconds())}
        answer = self._ask("PUT", f"{ROUTES}/reservations/{reference}", body)
        return _understand(answer, _reservation)

    def commit(self, reference: str) -> None:
        self._ask("POST", f"{ROUTES}/reservations/{reference}/commit")

    def release(self, reference: str) -> None:
        self._ask("POST", f"{ROUTES}/reservations/{reference}/release")

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        try:
            answer = self._neighbor.call(method, path, repeatable=True, json=body)
        except NeighborUnavailable as error:
            raise CatalogUnavailable from error
        if answer.is_success:
            return answer
        code, listing_ids = _problem(answer)
        if code == OutOfStock.code:
            raise OutOfStock(listing_ids)
        if code == ReservationExpired.code:
            raise ReservationExpired
        log.warning("the catalog refused", path=path, status=answer.status_code, code=code)
        raise CatalogUnavailable


def _understand(answer: httpx.Response, read: Callable[[Mapping[str, Any]], Understood]) -> Understood:
    """An answer that is not what was agreed on is as good as none."""
    try:
        return read(answer.json())
    except (ValueError, KeyError, TypeError, InvalidAmount) as error:
        log.warning("the catalog's answer is not understood", error=str(error))
        raise CatalogUnavailable from error


def _problem(answer: httpx.Response) -> tuple[str, list[int]]:
    try:
        problem = answer.json()
        return str(problem.get("code", "")), [int(number) for number in problem.get("listing_ids", [])]
    except (ValueError, TypeError, AttributeError):
        return "", []


def _reservation(body: Mapping[str, Any]) -> Reservation:
    lines = tuple(ReservedLine(_quote(line["quote"]), int(line["quantity"])) for line in body["lines"])
    return Reservation(str(body["reference"]), datetime.fromisoformat(body["expires_at"]), lines)


def _quotes(body: Mapping[str, Any]) -> list[Quote]:
    return [_quote(quote) for quote in body["quotes"]]


def _quote(body: Mapping[str, Any]) -> Quote:
    price = body["price"]
    return Quote(
        listing_id=int(body["listing_id"]),
        book_id=int(body["book_id"]),
        title=str(body["title"]),
        authors=str(body["authors"]),
        condition=str(body["condition"]),
        price=Money.parse(price["amount"], price["currency"]),
        seller_id=str(body["seller_id"]),
        seller_name=str(body["seller_name"]),
        available=int(body["available"]),
        book_path=str(body["book_path"]),
        cover_url=str(body["cover_url"]),
    )
