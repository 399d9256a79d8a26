"""Whoever has waited too long is sent away with a word, and costs next to nothing."""

from collections.abc import Iterable
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from bookstore.shared.crowding import Line, refuse_late


def shop(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"served"]


def ask(waited: float, path: str, method: str = "GET") -> TestResponse:
    client = Client(refuse_late(shop, lambda: waited, 2.0))
    return client.open(path, method=method, headers={"X-Request-ID": "0123456789abcdef"})


@pytest.mark.parametrize(
    ("method", "path", "longest"),
    [
        ("GET", "/books", 2.0),
        ("HEAD", "/", 2.0),
        ("POST", "/api/v1/orders", 4.0),
        ("DELETE", "/api/v1/orders/cart", 4.0),
        # The neighbor that asks has given up long before.
        ("PUT", "/internal/catalog/reservations/BS-1", 2.0),
        ("GET", "/readyz", 1000.0),
    ],
)
def test_who_wants_to_change_something_may_wait_longer(method: str, path: str, longest: float) -> None:
    assert ask(longest, path, method).status_code == 200
    if path != "/readyz":
        assert ask(longest + 0.1, path, method).status_code == 503


def test_a_reader_gets_a_page_in_both_languages() -> None:
    answer = ask(2.5, "/books/1")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "3"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Request-ID"] == "0123456789abcdef"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "Too many people at once" in answer.text
    assert "Demasiada gente a la vez" in answer.text


def test_a_program_gets_a_problem() -> None:
    answer = ask(10.5, "/api/v1/orders", "POST")
    assert answer.mimetype == "application/problem+json"
    assert (answer.json["status"], answer.json["code"]) == (503, "crowded")
    assert answer.headers["Retry-After"] == "3"


def test_while_a_line_stands_nobody_waits_for_long() -> None:
    now = [1000.0]
    line = Line(2.0, lambda: now[0])

    assert line.longest_wait(1.5) == 2.0
    now[0] += 10.0
    assert line.longest_wait(1.5) == 2.0
    now[0] += 0.1
    assert line.longest_wait(1.5) == 0.2
    # Nobody had to wait: the line is gone, and the next one may stand again.
    assert line.longest_wait(0.05) == 2.0
    now[0] += 5.0
    assert line.longest_wait(1.5) == 2.0
