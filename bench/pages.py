"""What each page costs the app alone: processor time and statements, without a server and a network.

A page is asked for many times, in batches. The cheapest batch counts: whatever else a machine does can only
make one dearer.
"""

import io
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event
from werkzeug.test import EnvironBuilder

from bookstore.app import Shop
from bookstore.chaos.load import COPIES, PASSWORD, order_of

# Of the title that Ana offers.
WORD = "Pedro"
Ask = Callable[[], "Asked"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request, as a server would hand it over."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: object = None
    expected: int = 200


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one request: milliseconds of processor time, statements, commits, and bytes of the answer."""

    name: str
    milliseconds: float
    statements: float
    commits: float
    size: int


class Visitor:
    """Asks the app of a shop in this process."""

    def __init__(self, shop: Shop) -> None:
        self._app = shop.app
        self.statements = self.commits = 0
        for database in shop.databases.values():
            event.listen(database.engine, "before_cursor_execute", self._count_statement)
            event.listen(database.engine, "commit", self._count_commit)

    def ask(self, asked: Asked) -> bytes:
        """The body of the answer. Raises AssertionError when it is not the expected one."""
        answers: list[str] = []
        chunks = self._app.wsgi_app(self._environ(asked), lambda status, *_: answers.append(status))
        try:
            body = b"".join(chunks)
        finally:
            close: Callable[[], object] = getattr(chunks, "close", lambda: None)
            close()
        if int(answers[0][:3]) != asked.expected:
            raise AssertionError(f"{asked.method} {asked.path}: {answers[0]}: {body[:300]!r}")
        return body

    def tell(self, **asked: Any) -> Any:
        """The answer of the API."""
        return json.loads(self.ask(Asked(**asked)))

    def _environ(self, asked: Asked) -> dict[str, Any]:
        data = b"" if asked.body is None else json.dumps(asked.body).encode()
        builder = EnvironBuilder(
            path=asked.path,
            method=asked.method,
            query_string=asked.query or None,
            headers=asked.headers,
            content_type="application/json" if data else None,
            input_stream=io.BytesIO(data),
            content_length=len(data),
        )
        return builder.get_environ()

    def _count_statement(self, *_: object) -> None:
        self.statements += 1

    def _count_commit(self, *_: object) -> None:
        self.commits += 1


def measure(shop: Shop, *, batches: int, calls: int) -> Iterator[Cost]:
    """The cost of each page, in the order of a purchase."""
    visitor = Visitor(shop)
    for name, ask in all_pages(visitor).items():
        yield _cost(visitor, name, ask, batches, calls)


def _cost(visitor: Visitor, name: str, ask: Ask, batches: int, calls: int) -> Cost:
    size = len(visitor.ask(ask()))
    statements, commits = visitor.statements, visitor.commits
    seconds: list[float] = []
    for _ in range(batches):
        with _timed(seconds):
            for _ in range(calls):
                visitor.ask(ask())
    return Cost(
        name=name,
        milliseconds=1000 * min(seconds) / calls,
        statements=(visitor.statements - statements) / (batches * calls),
        commits=(visitor.commits - commits) / (batches * calls),
        size=size,
    )


@contextmanager
def _timed(seconds: list[float]) -> Iterator[None]:
    began = time.process_time()
    yield
    seconds.append(time.process_time() - began)


def all_pages(visitor: Visitor) -> dict[str, Ask]:
    """What makes the request of each page, after Ana has offered a book and Bruno has registered."""
    buyer, listing = _people(visitor)
    shown = visitor.tell(method="GET", path=f"/api/v1/catalog/listings/{listing}")
    delivery = visitor.tell(method="GET", path="/api/v1/orders/delivery-options", query={"country": "EC"})
    option = delivery["items"][0]["id"]
    pages: dict[str, Asked] = {
        "home": Asked(method="GET", path="/"),
        "browse": Asked(method="GET", path="/books"),
        "search": Asked(method="GET", path="/books", query={"q": WORD}),
        "book": Asked(method="GET", path=f"/books/{shown['book_id']}-pedro-paramo"),
        "login form": Asked(method="GET", path="/accounts/login"),
        "listing (API)": Asked(method="GET", path=f"/api/v1/catalog/listings/{listing}"),
        "search (API)": Asked(method="GET", path="/api/v1/catalog/books", query={"q": WORD}),
    }
    asked: dict[str, Ask] = {name: lambda page=page: page for name, page in pages.items()}  # type: ignore[misc]
    return asked | {"order and payment (API)": lambda: purchase(visitor, buyer, listing, option)}


def purchase(visitor: Visitor, token: str, listing: int, option: int) -> Asked:
    """Place an order; its payment is what is returned to be asked next."""
    key = uuid.uuid4().hex
    who = {"Authorization": f"Bearer {token}"}
    placed = json.loads(
        visitor.ask(
            Asked(
                method="POST",
                path="/api/v1/orders",
                headers={**who, "Idempotency-Key": key},
                body=order_of(listing, 1, option),
                expected=201,
            )
        )
    )
    return Asked(
        method="POST",
        path=f"/api/v1/orders/{placed['reference']}/payments",
        headers={**who, "Idempotency-Key": f"pay-{key}"},
        body={"method": "card", "token": "tok_approved"},
        expected=201,
    )


def _people(visitor: Visitor) -> tuple[str, int]:
    """The token of Bruno, who buys, and what Ana offers him."""
    tokens = {name: _join(visitor, name) for name in ("ana", "bruno")}
    offer = {
        "book": {"title": "Pedro Páramo", "authors": "Juan Rulfo", "language": "es"},
        "condition": "good",
        "price": {"amount": "5.00", "currency": "USD"},
        "copies": COPIES,
    }
    offered = visitor.tell(
        method="POST",
        path="/api/v1/catalog/listings",
        headers={"Authorization": f"Bearer {tokens['ana']}"},
        body=offer,
        expected=201,
    )
    return tokens["bruno"], offered["id"]


def _join(visitor: Visitor, name: str) -> str:
    person = {"name": name, "email": f"{name}@example.com", "password": PASSWORD}
    path = "/api/v1/accounts/users"
    visitor.tell(method="POST", path=path, body=person, expected=201)
    session = visitor.tell(
        method="POST",
        path="/api/v1/accounts/sessions",
        body={"email": person["email"], "password": PASSWORD},
        expected=201,
    )
    token: str = session["access_token"]
    return token
