"""Metrics, their document, the alert rules and the dashboard speak of the same things."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

import bookstore.autoscaling.telling  # what it tells counts too
import bookstore.backups.daily  # noqa: F401  # what it tells counts too
from bookstore.app import Shop
from bookstore.shared.worker import run_once

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
METRIC = re.compile(r"\bbookstore_[a-z_]+")
LABELED = re.compile(r'(queue|fact)(?:!?=~?)"([^"]+)"')
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*?) \|", re.M)


def registered() -> dict[str, tuple[str, set[str]]]:
    """The metrics of the program by the name that Prometheus has: their kinds and labels."""
    found = {}
    for collector in list(REGISTRY._collector_to_names):
        name = getattr(collector, "_name", "")
        if name.startswith("bookstore_"):
            total = "_total" if collector._type == "counter" else ""
            found[name + total] = (collector._type, set(collector._labelnames))
    return found


def samples() -> set[str]:
    """Every name that a query may ask for."""
    series = set()
    for name, (kind, _) in registered().items():
        series |= {f"{name}_{end}" for end in ("bucket", "count", "sum")} if kind == "histogram" else {name}
    return series


def expressions() -> dict[str, str]:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return {"dashboard.json": "\n".join(queries), "alerts.yml": (MONITORING / "alerts.yml").read_text()}


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    found = (os.environ.get("BOOKSTORE_TEST_PROMTOOL"), shutil.which("promtool"), ROOT / ".venv/bin/promtool")
    program = next((path for path in found if path and Path(path).exists()), None)
    assert program, "no promtool found: run scripts/ensure-promtool"
    return subprocess.run([program, *arguments], cwd=MONITORING, capture_output=True, text=True, timeout=120)


def test_the_document_names_every_metric_with_its_kind_and_labels() -> None:
    rows = ROW.findall((ROOT / "docs" / "metrics.md").read_text())
    documented = {
        name: (kind, set(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in rows
        if name.startswith("bookstore_")
    }

    assert documented == registered()


def test_the_document_names_every_queue(shop: Shop) -> None:
    text = (ROOT / "docs" / "metrics.md").read_text().partition("## The queues")[2]
    documented = {name: set(services.split(", ")) for name, services in _queue_rows(text)}

    assert documented == _measured(shop, "bookstore_queue_length", "queue")
    assert _measured(shop, "bookstore_fact", "fact") == {"search_ready": {"catalog"}}


@pytest.mark.parametrize("file", ["dashboard.json", "alerts.yml"])
def test_what_is_asked_for_exists(file: str, shop: Shop) -> None:
    text = expressions()[file]
    known = {
        "queue": _measured(shop, "bookstore_queue_length", "queue").keys(),
        "fact": _measured(shop, "bookstore_fact", "fact").keys(),
    }

    assert len(METRIC.findall(text)) >= 9
    assert set(METRIC.findall(text)) <= samples()
    for label, values in LABELED.findall(text):
        assert set(values.split("|")) <= known[label], (label, values)


def test_promtool_accepts_the_rules_and_each_fires_when_it_should() -> None:
    checked = promtool("check", "rules", "alerts.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = promtool("test", "rules", "alerts_test.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr

    alerts = re.findall(r"- alert: (\w+)", (MONITORING / "alerts.yml").read_text())
    fired = re.findall(r"alertname: (\w+)\n +exp_alerts:\n", (MONITORING / "alerts_test.yml").read_text())
    assert sorted(fired) == sorted(alerts)


def test_promtool_understands_every_query_of_the_dashboard(tmp_path: Path) -> None:
    queries = expressions()["dashboard.json"].split("\n")
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    path = tmp_path / "queries.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))

    checked = promtool("check", "rules", str(path))

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(queries)} rules found" in checked.stdout


def _queue_rows(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^\| `(\w+)` \| ([a-z, ]+) \|", text, re.M)


def _measured(shop: Shop, metric: str, label: str) -> dict[str, set[str]]:
    """The values of a label that this shop really measures, with the services that do."""
    run_once(shop.vital_signs)
    values: dict[str, set[str]] = {}
    for family in REGISTRY.collect():
        for sample in family.samples:
            if sample.name == metric:
                values.setdefault(sample.labels[label], set()).add(sample.labels["service"])
    return values
