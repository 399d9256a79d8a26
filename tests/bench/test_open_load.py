"""The load comes at its own pace, hides no waiting, and knows a right answer from a wrong one."""

import itertools
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

import pytest
from bench.http_connection import Answer
from bench.open_load import Driver, Request, Shop, Visit, arrivals, what_is_wrong

SLOW_SECONDS = 0.05


class Handler(BaseHTTPRequestHandler):
    """Answers by path, as shops do and as they should not."""

    protocol_version = "HTTP/1.1"
    one_at_a_time = Lock()
    asked: dict[str, int] = {}

    def do_GET(self) -> None:
        count = self.asked[self.path] = self.asked.get(self.path, 0) + 1
        name = self.path.split("/")[1]
        getattr(self, f"_{name}")(count)

    def log_message(self, *_: object) -> None:
        pass

    def _page(self, count: int) -> None:
        self._answer(200, b"a page of books")

    def _slow(self, count: int) -> None:
        with self.one_at_a_time:
            time.sleep(SLOW_SECONDS)
        self._answer(200, b"a page of books")

    def _leaving(self, count: int) -> None:
        self._answer(200, b"a page of books", Connection="close")

    def _chunked(self, count: int) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"7\r\na page \r\n8;x=1\r\nof books\r\n0\r\n\r\n")

    def _busy(self, count: int) -> None:
        if count == 1:
            self._answer(503, b"later", **{"Retry-After": "0"})
        else:
            self._answer(200, b"a page of books")

    def _hanging(self, count: int) -> None:
        self.close_connection = True

    def _short(self, count: int) -> None:
        """Close the connection after an answer that did not tell so."""
        self._answer(200, b"a page of books")
        self.close_connection = True

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def shop() -> Iterator[Shop]:
    Handler.asked = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Shop(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()
    thread.join()


def asking(path: str, *, word: bytes = b"books", insists: bool = False) -> Request:
    return Request(f"GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n".encode(), word, insists=insists)


def visits(*requests: Request) -> Iterator[Visit]:
    """The same visit for ever."""

    def visit() -> Visit:
        for request in requests:
            _ = yield request

    return (visit() for _ in itertools.count())


def test_visits_begin_at_even_distances_in_each_phase() -> None:
    assert list(arrivals([(2.0, 1.0), (4.0, 1.0), (1.0, 2.0)])) == [0.0, 0.5, 1.0, 1.25, 1.5, 1.75, 2.0, 3.0]


@pytest.mark.parametrize("path", ["/page", "/leaving", "/chunked", "/short"])
def test_every_visit_is_asked_for_and_counted(path: str, shop: Shop) -> None:
    load = Driver(shop).drive(visits(asking(path)), 20, 0.5)
    assert (load.visits_begun, load.visits_finished) == (10, 10)
    assert [one.wrong for one in load.asked] == [""] * 10
    assert load.body_bytes == 10 * len("a page of books")


def test_who_waits_for_a_connection_waits_for_the_shop(shop: Shop) -> None:
    load = Driver(shop, connections=1).drive(visits(asking("/slow")), 40, 0.5)
    assert len(load.asked) == 20
    # The last of 20 was due before 0.5 s, and the shop needs 1 s for all of them.
    assert load.latencies[-1] >= 20 * SLOW_SECONDS - 0.5


def test_what_is_due_in_the_lead_is_not_counted(shop: Shop) -> None:
    load = Driver(shop, lead=0.5).drive(visits(asking("/page")), 20, 0.5)
    assert (load.visits_begun, len(load.asked)) == (20, 10)
    assert sorted(one.due for one in load.asked)[:2] == [0.0, pytest.approx(0.05)]


def test_a_wrong_page_ends_a_visit_and_is_an_error(shop: Shop) -> None:
    load = Driver(shop).drive(visits(asking("/page", word=b"films"), asking("/page")), 20, 0.25)
    assert load.errors == {"a wrong page": 5}
    assert load.visits_finished == 0


def test_a_connection_that_ends_without_an_answer_is_an_error(shop: Shop) -> None:
    load = Driver(shop).drive(visits(asking("/hanging")), 20, 0.25)
    assert load.errors == {"connection lost: it was closed": 5}


def test_who_insists_comes_again_when_told_to(shop: Shop) -> None:
    load = Driver(shop, whole=True).drive(visits(asking("/busy", insists=True)), 4, 0.25)
    assert [one.wrong for one in load.asked] == ["status 503 with Retry-After", ""]
    assert load.visits_finished == 1


def test_who_does_not_insist_stays_away(shop: Shop) -> None:
    load = Driver(shop, whole=True).drive(visits(asking("/busy")), 4, 0.25)
    assert [one.wrong for one in load.asked] == ["status 503 with Retry-After"]


def test_nobody_at_the_door_is_an_error(shop: Shop) -> None:
    load = Driver(Shop("http://127.0.0.1:1")).drive(visits(asking("/page")), 4, 0.25)
    assert list(load.errors.elements()) == ["not connected: error 111"]


@pytest.mark.parametrize(
    ("status", "head", "body", "wrong"),
    [
        (200, b"", b"a book", ""),
        (200, b"", b"a film", "a wrong page"),
        (500, b"", b"a book", "status 500"),
        (429, b"\r\nretry-after: 1\r\n", b"", "status 429 with Retry-After"),
        (503, b"\r\nX: 1\r\n", b"", "status 503"),
    ],
)
def test_an_answer_is_right_by_its_status_and_a_word(
    status: int, head: bytes, body: bytes, wrong: str
) -> None:
    assert what_is_wrong(Request(b"", b"book"), Answer(status, head, body)) == wrong
