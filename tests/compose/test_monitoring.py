"""Prometheus beside the shop, as the profile of the compose files starts it."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from bookstore.deploying.stack import PROFILES, WORKERS
from tests.cluster.live_shop import free_port
from tests.compose.engine import BASE, ROOT
from tests.compose.stack import Stack

# It has more containers to find than the monolith has.
pytestmark = pytest.mark.parametrize("stack", ["services"], indirect=True)
PATIENCE_SECONDS = 90
MONITORING = ROOT / "deploy" / "monitoring"


@pytest.fixture(scope="module")
def prometheus(stack: Stack) -> Iterator[httpx.Client]:
    folder = str(Path(__file__).parent / "prometheus")
    base = ("--network", "host", "--build-arg", f"DEBIAN_IMAGE={BASE}")
    stack.engine.docker("build", "--quiet", *base, "--tag", "bookstore-test-prometheus", folder)
    port = str(free_port())
    stack.settings |= {"PROMETHEUS_IMAGE": "bookstore-test-prometheus", "PROMETHEUS_PORT": port}
    stack.compose("up", "--detach", "--no-deps", "prometheus")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=10) as client:
        yield client
    # The end of the stack leaves alone what it did not start.
    stack.compose("rm", "--stop", "--force", "prometheus")


def ask(prometheus: httpx.Client, path: str, **options: str) -> dict:
    try:
        return prometheus.get(path, params=options).raise_for_status().json()["data"]
    except httpx.HTTPError:
        return {}


def wait_for(prometheus: httpx.Client, holds: Callable[[dict], bool], path: str, **options: str) -> dict:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends_at:
        if (found := ask(prometheus, path, **options)) and holds(found):
            return found
        time.sleep(0.5)
    raise AssertionError(json.dumps(found, indent=1)[:5000])


def up_in(targets: dict) -> set[str]:
    return {target["scrapeUrl"] for target in targets["activeTargets"] if target["health"] == "up"}


def test_it_finds_every_container_of_ours_and_forgets_the_one_that_goes(
    stack: Stack, prometheus: httpx.Client
) -> None:
    expected = len(stack.shops) + len(WORKERS[stack.topology])

    def all_are_up(targets: dict) -> bool:
        return len(up_in(targets)) == len(targets["activeTargets"]) == expected

    wait_for(prometheus, all_are_up, "/targets")
    stack.compose("stop", "backup")
    wait_for(prometheus, lambda targets: len(up_in(targets)) == expected - 1, "/targets")
    stack.compose("start", "backup")
    wait_for(prometheus, all_are_up, "/targets")


def test_all_alerts_are_loaded_and_none_of_a_healthy_shop_fires(prometheus: httpx.Client) -> None:
    written = re.findall(r"- alert: (\w+)", (MONITORING / "alerts.yml").read_text())

    def have_run(found: dict) -> bool:
        return all(rule["health"] == "ok" for group in found["groups"] for rule in group["rules"])

    # The first backup takes some seconds; until then there is none.
    query = "bookstore_backup_last_success_timestamp_seconds > 0"
    wait_for(prometheus, lambda data: len(data["result"]) == 1, "/query", query=query)
    found = wait_for(prometheus, have_run, "/rules")
    assert [rule["name"] for group in found["groups"] for rule in group["rules"]] == written
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while firing := ask(prometheus, "/alerts").get("alerts", ["no answer"]):
        assert time.monotonic() < ends_at, firing
        time.sleep(0.5)


def test_what_the_dashboard_asks_for_is_answered(stack: Stack, prometheus: httpx.Client) -> None:
    with stack.client() as client:
        for _ in range(5):
            client.get("/books")
    panels = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(queries) >= 10
    # Nothing has failed, and so there is nothing to draw.
    of_failures = [query for query in queries if 'outcome="error"' in query]
    assert len(of_failures) == 1
    for query in set(queries) - set(of_failures):
        wait_for(prometheus, lambda data: len(data["result"]) > 0, "/query", query=query)


def test_a_service_that_is_gone_raises_an_alert(stack: Stack, prometheus: httpx.Client) -> None:
    def is_pending(found: dict) -> bool:
        rules = [rule for group in found["groups"] for rule in group["rules"]]
        return any(
            rule["name"] == "BookstoreServiceMissing" and rule["state"] != "inactive" for rule in rules
        )

    gone = stack.shops[-1]
    stack.compose("stop", *([gone, "worker"] if stack.topology == "monolith" else [gone, f"{gone}-worker"]))
    wait_for(prometheus, is_pending, "/rules")


def test_grafana_is_told_of_prometheus_and_of_the_dashboard(stack: Stack) -> None:
    """Its image is not at hand here: what is mounted into it is what its documentation asks for."""
    assert set(PROFILES["monitoring"]) <= set(
        stack.compose("config", "--services", COMPOSE_PROFILES="monitoring").split()
    )
    described = (ROOT / "deploy" / "compose" / f"{stack.topology}.yaml").read_text()
    mounted = dict(re.findall(r"- \.\./monitoring/(\S+?):(\S+?):ro", described))
    assert all((MONITORING / path).is_file() for path in mounted)
    assert mounted["grafana/datasource.yml"].startswith("/etc/grafana/provisioning/datasources/")
    assert mounted["grafana/dashboards.yml"].startswith("/etc/grafana/provisioning/dashboards/")
    assert "url: http://prometheus:9090" in (MONITORING / "grafana" / "datasource.yml").read_text()
    folder = re.search(r"path: ([\w/-]+)", (MONITORING / "grafana" / "dashboards.yml").read_text())[1]
    assert mounted["dashboard.json"] == f"{folder}/bookstore.json"
