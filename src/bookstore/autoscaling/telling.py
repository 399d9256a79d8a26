"""What the autoscaler tells: a line in the log for each decision, and metrics of its own."""

from prometheus_client import Counter, Gauge

from bookstore.autoscaling.policy import Action, Decision, Load
from bookstore.shared.telemetry import log

DECISIONS = Counter(
    "bookstore_autoscaler_decisions_total", "Decisions of the autoscaler", ["service", "action", "why"]
)
REPLICAS = Gauge("bookstore_autoscaler_replicas", "Replicas that there should be", ["service"])
REQUESTS_IN_FLIGHT = Gauge(
    "bookstore_autoscaler_requests_in_flight", "Requests in flight in all replicas together", ["service"]
)
P95_SECONDS = Gauge(
    "bookstore_autoscaler_p95_seconds", "Time within which 95 of 100 requests were answered", ["service"]
)
REFUSING = Gauge(
    "bookstore_autoscaler_refusing", "1 while the autoscaler refuses to act, else 0", ["service"]
)
# What is said about the cluster itself stands under this name.
CLUSTER = "swarm"
CHANGES = {Action.UP, Action.DOWN, Action.REBALANCE}


class Teller:
    """Says each change, and what goes on unchanged once: when it begins."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[Action, str]] = {}

    def tell(self, service: str, before: int, decision: Decision) -> None:
        DECISIONS.labels(service, decision.action, decision.why).inc()
        if service != CLUSTER:
            REPLICAS.labels(service).set(decision.replicas)
        REFUSING.labels(service).set(decision.action is Action.REFUSE)
        kind = (decision.action, decision.why)
        if decision.action in CHANGES or self._said.get(service) != kind:
            say = log.warning if decision.action is Action.REFUSE else log.info
            say(
                "autoscaler",
                service=service,
                action=str(decision.action),
                replicas=before,
                wanted=decision.replicas,
                why=decision.why,
                reason=decision.reason,
            )
        self._said[service] = kind

    def measure(self, service: str, load: Load) -> None:
        REQUESTS_IN_FLIGHT.labels(service).set(load.in_flight)
        if load.p95_seconds is not None:
            P95_SECONDS.labels(service).set(load.p95_seconds)
