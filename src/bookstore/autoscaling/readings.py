"""What replicas tell about their load at `/metrics`, and what came between two looks."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from bookstore.autoscaling.policy import Load
from bookstore.shared.telemetry import OPERATORS_ROUTES

IN_FLIGHT = "bookstore_requests_in_flight"
BUCKET, COUNT, SECONDS = (f"bookstore_request_seconds_{end}" for end in ("bucket", "count", "sum"))
METRICS_ROUTE = "/metrics"
PART = 0.95


class MetricsMissing(Exception):
    """The page has not what the autoscaler needs; the message says what."""


class MetricsStale(Exception):
    """Two looks do not follow one another; the message says why."""


@dataclass(frozen=True)
class Reading:
    """One replica at one moment. All but `in_flight` only ever grow while the replica lives."""

    at: float
    in_flight: float
    requests: float
    seconds: float
    # How many requests took at most so many seconds.
    buckets: Mapping[float, float]
    # How often its metrics were asked for.
    looks: float


def read(page: str, at: float) -> Reading:
    """Raises MetricsMissing."""
    in_flight: list[float] = []
    buckets: defaultdict[float, float] = defaultdict(float)
    count = seconds = looks = 0.0
    for name, labels, value in _samples(page):
        if name == IN_FLIGHT:
            in_flight.append(value)
        elif name == COUNT and labels.get("route") == METRICS_ROUTE:
            looks += value
        elif labels.get("route") in OPERATORS_ROUTES:  # who asks for these is no visitor
            continue
        elif name == BUCKET:
            buckets[float(labels["le"])] += value
        elif name == COUNT:
            count += value
        elif name == SECONDS:
            seconds += value
    if not in_flight:
        raise MetricsMissing(f"there is no {IN_FLIGHT}")
    # The question itself is one of those in flight.
    return Reading(at, max(sum(in_flight) - 1, 0), count, seconds, dict(buckets), looks)


def load_between(before: Mapping[str, Reading], now: Mapping[str, Reading]) -> Load | None:
    """The load of all replicas together; None while no replica was looked at twice.

    A replica that is new has no look before it, and says what it has in flight now. Raises MetricsStale.
    """
    pairs = [(name, before[name], now[name]) for name in now if name in before]
    if not pairs:
        return None
    for name, earlier, later in pairs:
        _require_progress(name, earlier, later)
    # Requests that end make the sum of their times grow by one second in each second that one is in flight:
    # that is the mean. Those that hang do not end, and only the number of this moment has them.
    mean = sum((later.seconds - earlier.seconds) / (later.at - earlier.at) for _, earlier, later in pairs)
    moment = sum(reading.in_flight for reading in now.values())
    buckets = _grown((earlier.buckets, later.buckets) for _, earlier, later in pairs)
    requests = sum(later.requests - earlier.requests for _, earlier, later in pairs)
    return Load(in_flight=max(mean, moment), requests=requests, p95_seconds=quantile(buckets, PART))


def quantile(buckets: Mapping[float, float], part: float) -> float | None:
    """As Prometheus estimates it: evenly between the bounds of its bucket. None without a request."""
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0
    if total <= 0:
        return None
    rank, below, lower = part * total, 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= rank:
            # Of what took longer than the last bound nobody knows how long it took.
            inside = buckets[bound] - below
            return lower if bound == float("inf") else lower + (bound - lower) * (rank - below) / inside
        below, lower = buckets[bound], bound
    return lower


def _samples(page: str) -> Iterable[tuple[str, dict[str, str], float]]:
    """Raises MetricsMissing when it is no page of metrics."""
    try:
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                yield sample.name, sample.labels, sample.value
    except ValueError as error:
        raise MetricsMissing(f"it is no page of metrics: {error}") from error


def _require_progress(name: str, earlier: Reading, later: Reading) -> None:
    """Each look is counted, so a page that does not count the one before was made before it."""
    if later.looks <= earlier.looks or later.at <= earlier.at:
        raise MetricsStale(f"the metrics of {name} are those of an earlier look")
    if later.requests < earlier.requests or later.seconds < earlier.seconds:
        raise MetricsStale(f"the metrics of {name} begin anew")


def _grown(pairs: Iterable[tuple[Mapping[float, float], Mapping[float, float]]]) -> dict[float, float]:
    grown: defaultdict[float, float] = defaultdict(float)
    for earlier, later in pairs:
        for bound, count in later.items():
            grown[bound] += count - earlier.get(bound, 0)
    return dict(grown)
