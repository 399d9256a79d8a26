"""Look, decide, act: what is done on a cluster, when it is refused, and what is said about it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest
from prometheus_client import REGISTRY

from bookstore.autoscaling.autoscaler import Autoscaler
from bookstore.autoscaling.labels import LabelWrong, aim_of, port_of
from bookstore.autoscaling.policy import Aim, Pace
from bookstore.autoscaling.ports import MAXIMUM, MINIMUM, P95, PORT, TARGET, Replica, ScaledService
from bookstore.autoscaling.replica_metrics import ReplicaMetrics
from tests.fakes.swarm import FakeSwarm

APP = "shop_app"
LABELS = {MINIMUM: "2", MAXIMUM: "6", TARGET: "4"}
PACE = Pace(up_seconds=10, down_seconds=20)
EVERY = 5

LogPrinted = Callable[[str], Callable[[], str]]


class Replicas:
    """Replicas that answer, or do not, each with as much in flight as all others."""

    def __init__(self) -> None:
        self.in_flight = 0.0
        self.silent: set[str] = set()
        self.looks = 0
        self.is_frozen = False

    def pages(self, replicas: Sequence[Replica], port: int) -> Mapping[str, str]:
        assert port == 8000
        self.looks += not self.is_frozen
        share = self.in_flight / max(len(replicas), 1)
        return {replica.id: self._page(share) for replica in replicas if replica.id not in self.silent}

    def _page(self, in_flight: float) -> str:
        count = 'bookstore_request_seconds_count{route="/metrics"}'
        return f"bookstore_requests_in_flight {in_flight + 1}\n{count} {self.looks}\n"


class World:
    """A cluster whose replicas come up at once, and a clock that the test turns."""

    def __init__(self) -> None:
        self.swarm, self.replicas, self.now = FakeSwarm(), Replicas(), 0.0
        self.autoscaler = Autoscaler(self.swarm, self.replicas, PACE, lambda: self.now)

    def add(self, replicas: int, labels: dict[str, str] | None = None) -> None:
        self.swarm.add(APP, replicas, labels or LABELS)
        self.settle()

    def settle(self) -> None:
        """Let as many run as there should be."""
        running = self.swarm._services[APP].running
        for number in range(len(running), self.swarm.replicas_of(APP)):
            self.swarm.place(APP, "node1", f"replica-{number}", "10.0.0.1")
        del running[self.swarm.replicas_of(APP) :]

    def look(self, times: int = 1) -> int:
        for _ in range(times):
            self.autoscaler.look()
            self.settle()
            self.now += EVERY
        return self.swarm.replicas_of(APP)


@pytest.fixture
def world() -> World:
    return World()


class Log:
    """The lines that are said from its beginning on, and from one reading of it to the next."""

    def __init__(self, log_printed: LogPrinted) -> None:
        self._printed = log_printed("json")

    def lines(self, service: str = APP) -> list[dict[str, object]]:
        lines = [json.loads(line) for line in self._printed().splitlines()]
        return [line for line in lines if line["service"] == service]


def test_it_follows_the_load_up_and_down_between_the_bounds(world: World) -> None:
    world.add(2)
    world.replicas.in_flight = 40
    followed = [world.look() for _ in range(12)]
    assert followed == sorted(followed)
    assert followed[-1] == 6
    world.replicas.in_flight = 1
    followed = [world.look() for _ in range(40)]
    assert followed == sorted(followed, reverse=True)
    assert followed[-1] == 2


def test_each_change_is_one_line_with_its_reason(world: World, log_printed: LogPrinted) -> None:
    log = Log(log_printed)
    world.add(2)
    world.replicas.in_flight = 12
    world.look(6)
    lines = log.lines()
    assert [(line["action"], line["why"]) for line in lines] == [
        ("refuse", "no_load"),
        ("hold", "more_soon"),
        ("up", "load"),
        ("hold", "enough"),
    ]
    assert (lines[2]["replicas"], lines[2]["wanted"]) == (2, 3)
    assert lines[2]["reason"] == (
        "for 10 s it has asked for 3 or more: 12.0 requests in flight in 2 replicas, no answers"
    )


def test_a_replica_that_does_not_tell_stops_it_and_is_said_once(
    world: World, log_printed: LogPrinted
) -> None:
    log = Log(log_printed)
    world.add(3)
    world.replicas.in_flight = 40
    world.look(2)
    log.lines()
    world.replicas.silent = {"replica-1"}
    assert world.look(30) == 3
    [line] = log.lines()
    assert (line["action"], line["level"]) == ("refuse", "warning")
    assert line["reason"] == "only 2 of 3 replicas tell their metrics"
    assert REGISTRY.get_sample_value("bookstore_autoscaler_refusing", {"service": APP}) == 1
    world.replicas.silent = set()
    world.look(3)
    assert world.look() == 5
    assert REGISTRY.get_sample_value("bookstore_autoscaler_refusing", {"service": APP}) == 0


def test_stale_metrics_stop_it(world: World, log_printed: LogPrinted) -> None:
    log = Log(log_printed)
    world.add(3)
    world.look(2)
    world.replicas.in_flight, world.replicas.is_frozen = 40, True
    log.lines()
    assert world.look(30) == 3
    [line] = log.lines()
    assert (line["why"], "those of an earlier look" in str(line["reason"])) == ("no_load", True)


def test_a_page_that_is_none_counts_as_no_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.add(3)
    world.replicas.in_flight = 40
    monkeypatch.setattr(world.replicas, "_page", lambda share: "<html>")
    assert world.look(10) == 3


def test_an_update_stops_it(world: World) -> None:
    world.add(3)
    world.replicas.in_flight = 40
    world.look(2)
    world.swarm.change(APP, "updating")
    assert world.look(10) == 3
    world.swarm.change(APP, "completed")
    assert world.look(3) == 5


def test_what_somebody_else_does_at_the_moment_goes_first(
    world: World, log_printed: LogPrinted, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(log_printed)
    world.add(3)
    world.replicas.in_flight = 40
    world.look(3)
    scale = world.swarm.scale

    def too_late(service: ScaledService, replicas: int) -> None:
        world.swarm.touch(APP)
        scale(service, replicas)

    monkeypatch.setattr(world.swarm, "scale", too_late)
    assert world.look() == 3
    assert [line["why"] for line in log.lines()][-1] == "not_done"
    monkeypatch.undo()
    assert world.look() == 5


def test_managers_that_do_not_answer_are_said_once_and_waited_for(
    world: World, log_printed: LogPrinted
) -> None:
    log = Log(log_printed)
    world.add(3)
    world.replicas.in_flight = 40
    world.look(2)
    log.lines()
    world.swarm.is_away = True
    world.look(20)
    [line] = log.lines("swarm")
    assert (line["service"], line["why"], line["reason"]) == ("swarm", "no_swarm", "there is no leader")
    assert REGISTRY.get_sample_value("bookstore_autoscaler_replicas", {"service": "swarm"}) is None
    assert REGISTRY.get_sample_value("bookstore_autoscaler_replicas", {"service": APP}) == 3
    world.swarm.is_away = False
    assert world.look() == 3
    assert world.look(4) == 5


def test_a_node_that_came_back_gets_its_share(world: World) -> None:
    world.swarm.nodes = ["node1"]
    world.add(4)
    world.replicas.in_flight = 16
    world.look(3)
    world.swarm.nodes = ["node1", "node2"]
    world.look(20)
    assert world.swarm.rebalanced(APP) == 1


def test_wrong_labels_are_named_and_nothing_is_done(world: World, log_printed: LogPrinted) -> None:
    log = Log(log_printed)
    world.add(3, {**LABELS, TARGET: "many"})
    world.replicas.in_flight = 40
    assert world.look(10) == 3
    [line] = log.lines()
    assert line["reason"] == "bookstore.autoscale.target is 'many' and must be a number greater than 0"


def test_labels_say_what_is_wanted() -> None:
    assert aim_of({MAXIMUM: "8"}) == Aim(minimum=1, maximum=8, target=4, p95_seconds=None)
    every = {MINIMUM: "3", MAXIMUM: "9", TARGET: "2.5", P95: "0.8", PORT: "9000"}
    assert aim_of(every) == Aim(minimum=3, maximum=9, target=2.5, p95_seconds=0.8)
    assert (port_of(every), port_of({})) == (9000, 8000)


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {MAXIMUM: "0"},
        {MAXIMUM: "-3"},
        {MAXIMUM: "2.5"},
        {MAXIMUM: "8", TARGET: "nan"},
        {MAXIMUM: "8", TARGET: "inf"},
        {MAXIMUM: "8", P95: "fast"},
        {MAXIMUM: "8", MINIMUM: "9"},
    ],
)
def test_labels_that_make_no_sense_are_refused(labels: dict[str, str]) -> None:
    with pytest.raises(LabelWrong, match=r"bookstore\.autoscale"):
        aim_of(labels)


def test_replicas_are_asked_over_the_network() -> None:
    pages = {"/metrics": (200, "page")}
    with listening(pages) as port, ReplicaMetrics() as metrics:
        replicas = [
            Replica("one", "127.0.0.1"),
            Replica("two", "127.0.0.1"),
            Replica("refused", "127.0.0.2"),
            Replica("homeless", ""),
        ]
        assert metrics.pages(replicas, port) == {"one": "page", "two": "page"}
        pages["/metrics"] = (500, "broken")
        assert metrics.pages(replicas[:1], port) == {}


def test_it_looks_until_it_is_told_to_stop() -> None:
    world, stop = World(), Event()
    world.add(2)
    looks = 0

    def pages(replicas: Sequence[Replica], port: int) -> Mapping[str, str]:
        nonlocal looks
        looks += 1
        if looks == 3:
            stop.set()
        return {}

    world.replicas.pages = pages  # type: ignore[method-assign]
    world.autoscaler.run_until(stop, every_seconds=0.01)
    assert looks == 3


@contextmanager
def listening(pages: Mapping[str, tuple[int, str]]) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = pages[self.path]
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """The tests print what matters."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
