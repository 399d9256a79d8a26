"""What replicas tell about their load, and what came between two looks."""

import pytest
from flask import Flask
from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest

from bookstore.autoscaling.policy import Load
from bookstore.autoscaling.readings import (
    MetricsMissing,
    MetricsStale,
    Reading,
    load_between,
    quantile,
    read,
)
from bookstore.shared import telemetry

INFINITE = float("inf")


def reading(at: float, **changes: object) -> Reading:
    told = {"in_flight": 0, "requests": 0, "seconds": 0, "buckets": {0.1: 0, INFINITE: 0}, "looks": at}
    return Reading(at=at, **{**told, **changes})  # type: ignore[arg-type]


def page(in_flight: int = 3, answered: tuple[tuple[str, float], ...] = ()) -> str:
    """What a replica tells that answered these routes in so many seconds."""
    registry = CollectorRegistry()
    Gauge("bookstore_requests_in_flight", "...", registry=registry).set(in_flight)
    labels, buckets = ["method", "route", "status"], (0.1, 1)
    times = Histogram("bookstore_request_seconds", "...", labels, buckets=buckets, registry=registry)
    for route, seconds in answered:
        times.labels("GET", route, 200).observe(seconds)
    return generate_latest(registry).decode()


def test_a_page_is_read_without_what_no_visitor_asked_for() -> None:
    answered = (("/books", 0.05), ("/", 0.5), ("/readyz", 9), ("/livez", 9), ("/metrics", 9), ("/metrics", 9))
    assert read(page(3, answered), at=7) == Reading(
        at=7, in_flight=2, requests=2, seconds=0.55, buckets={0.1: 1, 1: 2, INFINITE: 2}, looks=2
    )


def test_the_shop_tells_what_is_read() -> None:
    """The names are those of the program, and a look shows in the one after it."""
    app = Flask(__name__)
    telemetry.observe_requests(app)
    app.add_url_rule("/metrics", view_func=telemetry.metrics_page)
    app.add_url_rule("/books", view_func=lambda: "books")
    client = app.test_client()
    first = read(client.get("/metrics").text, at=0)
    for _ in range(30):
        client.get("/books")
    second = read(client.get("/metrics").text, at=5)
    load = load_between({"one": first}, {"one": second})
    assert load is not None
    assert load.requests == 30
    assert load.p95_seconds is not None
    assert second.in_flight == first.in_flight
    assert second.looks == first.looks + 1


@pytest.mark.parametrize("wrong", ["<html>a page</html>", "", "other_metric 1\n"])
def test_a_page_without_the_metrics_is_refused(wrong: str) -> None:
    with pytest.raises(MetricsMissing):
        read(wrong, at=0)


def test_what_grew_between_two_looks_is_the_load_of_all_replicas() -> None:
    before = {
        "one": reading(10, requests=100, seconds=5, buckets={0.1: 100, INFINITE: 100}),
        "two": reading(10, requests=50, seconds=50, buckets={0.1: 50, INFINITE: 50}),
    }
    now = {
        "one": reading(15, requests=180, seconds=15, buckets={0.1: 180, INFINITE: 180}, in_flight=1),
        "two": reading(15, requests=70, seconds=70, buckets={0.1: 65, INFINITE: 70}, in_flight=2),
    }
    # (10 + 20) seconds of answering within 5 seconds; the 95th of 100 is the last one below 0.1.
    assert load_between(before, now) == Load(in_flight=6, requests=100, p95_seconds=0.1)


def test_requests_that_hang_count_though_none_of_them_ends() -> None:
    load = load_between({"one": reading(10)}, {"one": reading(15, in_flight=8)})
    assert load == Load(in_flight=8, requests=0, p95_seconds=None)


def test_a_new_replica_counts_with_what_it_has_in_flight() -> None:
    now = {"one": reading(15, seconds=5), "new": reading(15, seconds=900, in_flight=4)}
    load = load_between({"one": reading(10)}, now)
    assert load is not None
    assert load.in_flight == 4


def test_the_first_look_says_nothing() -> None:
    assert load_between({}, {"one": reading(0)}) is None
    assert load_between({"gone": reading(0)}, {"one": reading(5)}) is None


@pytest.mark.parametrize(
    ("earlier", "later", "why"),
    [
        (reading(10, looks=4), reading(15, looks=4), "those of an earlier look"),
        (reading(10, looks=4), reading(10, looks=5), "those of an earlier look"),
        (reading(10, requests=9), reading(15, requests=3), "begin anew"),
        (reading(10, seconds=9), reading(15, seconds=3), "begin anew"),
    ],
)
def test_looks_that_do_not_follow_one_another_are_refused(earlier: Reading, later: Reading, why: str) -> None:
    with pytest.raises(MetricsStale, match=f"metrics of one .*{why}"):
        load_between({"one": earlier}, {"one": later})


@pytest.mark.parametrize(
    ("buckets", "part", "seconds"),
    [
        ({0.1: 50, 0.5: 100, INFINITE: 100}, 0.5, 0.1),
        ({0.1: 50, 0.5: 100, INFINITE: 100}, 0.95, 0.46),
        ({0.1: 50, 0.5: 100, INFINITE: 100}, 0.25, 0.05),
        # Longer than the last bound: how long nobody knows.
        ({0.1: 0, 0.5: 10, INFINITE: 100}, 0.95, 0.5),
        ({0.1: 0, INFINITE: 0}, 0.95, None),
        ({}, 0.95, None),
    ],
)
def test_the_p95_is_estimated_as_prometheus_does(
    buckets: dict[float, float], part: float, seconds: float | None
) -> None:
    found = quantile(buckets, part)
    assert found == (None if seconds is None else pytest.approx(seconds))
