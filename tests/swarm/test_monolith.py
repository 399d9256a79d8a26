"""The shop in one piece on five nodes, as people, liars and operators meet it through the load balancer."""

import json
import os
import subprocess
import uuid
from pathlib import Path

import httpx

from bookstore.accounts.throttling import address_counter
from bookstore.deploying.programs import run
from bookstore.lab import database, engines, shop
from bookstore.lab.plan import NODES, OUTSIDE
from tests.swarm.purchases import buy_through
from tests.swarm.running_lab import MOST_ON_A_NODE, ONE, REPLICAS, RunningLab
from tests.swarm.under_load import wait_until

# What all who share a name of the network tell at its port, by their addresses.
METRICS = """
import json, socket, sys, urllib.request
name, port = sys.argv[1:]
addresses = {found[4][0] for found in socket.getaddrinfo(name, int(port), type=socket.SOCK_STREAM)}
ask = lambda address: urllib.request.urlopen(f"http://{address}:{port}/metrics", timeout=10).read().decode()
print(json.dumps({address: ask(address) for address in addresses}))
"""


def test_ana_sells_and_bruno_buys_through_the_load_balancer(monolith: RunningLab) -> None:
    buy_through(monolith)


def test_the_replicas_are_spread_and_nginx_is_on_each_node_once(monolith: RunningLab) -> None:
    apps = monolith.by_node("app")
    assert apps.total() == REPLICAS
    assert max(apps.values()) <= MOST_ON_A_NODE
    assert monolith.by_node("edge") == {node.name: 1 for node in NODES}


def test_http_leads_to_https(monolith: RunningLab) -> None:
    moved = httpx.get(f"http://{OUTSIDE}/books?q=a")
    assert (moved.status_code, moved.headers["Location"]) == (301, f"{monolith.url}/books?q=a")
    posted = httpx.post(f"http://{OUTSIDE}/accounts/login", data={"email": "ana@example.com"})
    assert (posted.status_code, posted.headers["Location"]) == (308, f"{monolith.url}/accounts/login")


def test_the_address_of_a_client_is_true_and_a_forged_one_is_not_believed(monolith: RunningLab) -> None:
    """The client is another machine of the network: node 4, from outside of its containers."""
    client = NODES[3]
    forged = ["--header", "X-Forwarded-For: 198.51.100.7", "--header", "Forwarded: for=198.51.100.7"]
    liar = f"liar-{uuid.uuid4().hex}"
    _curl(client.namespace, *forged, "--header", f"X-Request-ID: {liar}", f"{monolith.url}/books")
    [line] = _logged(monolith, liar)
    assert json.loads(line)["client"] == client.address


def test_forged_addresses_do_not_evade_the_throttle(monolith: RunningLab) -> None:
    before = _throttled(NODES[3].address)
    for number in range(3):
        wrong = json.dumps({"email": f"nobody-{number}@example.com", "password": "not the right one"})
        forged = ["--header", f"X-Forwarded-For: 203.0.113.{number}"]
        body = ["--header", "Content-Type: application/json", "--data", wrong]
        said = _curl(NODES[3].namespace, *forged, *body, f"{monolith.url}/api/v1/accounts/sessions")
        assert "bad_credentials" in said
    assert _throttled(NODES[3].address) - before == 3
    assert _throttled("203.0.113.1") == 0


def test_who_comes_past_the_load_balancer_is_refused(monolith: RunningLab) -> None:
    forged = ["--header", "X-Forwarded-For: 198.51.100.7", "--write-out", "%{http_code}"]
    assert _curl(NODES[3].namespace, *forged, f"http://{NODES[1].address}/books").endswith("403")


def test_no_container_can_do_more_than_it_must(monolith: RunningLab) -> None:
    found = [
        json.loads(engines.docker(node.engine, "inspect", container))[0]
        for service in ("app", "worker", "backup", "edge")
        for node, container in monolith.containers(service)
    ]
    assert len(found) == REPLICAS + 2 + len(NODES)
    secrets = [path.read_text() for path in monolith.plan.secrets.iterdir()]
    for container in found:
        host = container["HostConfig"]
        assert host["ReadonlyRootfs"], container["Name"]
        assert host["CapDrop"] == ["ALL"]
        assert host["Memory"] > 0
        assert host["NanoCpus"] > 0
        assert host["PidsLimit"] == 200
        assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "5"}
        assert container["Config"]["User"] not in {"", "0", "root"}
        told = "\n".join(container["Config"]["Env"])
        assert [secret for secret in secrets if secret in told] == []


def test_the_swarm_ignores_nothing_of_the_stack_files(monolith: RunningLab) -> None:
    """What a Swarm does not know it leaves out, with a word on the error channel at most."""
    stack = shop.described(monolith.plan, "monolith", ONE)
    command = ["docker", "stack", "deploy", "--compose-file", str(stack.folder / "monolith.yaml"), stack.name]
    with shop.at_a_manager():
        run(["docker", "network", "inspect", f"{stack.name}_shop"])
        said = _both_channels(command, stack.environ())
    assert "gnoring" not in said, said
    assert "nsupported" not in said, said


def test_a_backup_is_there_and_proved(monolith: RunningLab) -> None:
    [(node, container)] = monolith.containers("backup")
    wait_until(lambda: _backups(monolith) != [])
    assert [path.suffix for path in _backups(monolith)] == [".sealed"]
    said = engines.docker(node.engine, "exec", container, "bookstore", "backup", "--list")
    assert _backups(monolith)[0].name in said


def test_prometheus_would_find_replicas_workers_and_the_backup(monolith: RunningLab) -> None:
    for name, port, expected in (("shop-metrics", 8000, REPLICAS), ("worker-metrics", 8001, 2)):
        told = json.loads(shop.inside("app", "python3", "-c", METRICS, name, str(port)))
        assert len(told) == expected, name
        assert all("bookstore_" in metrics for metrics in told.values())


def test_operators_see_who_runs_where(monolith: RunningLab) -> None:
    said = monolith.command("status")
    assert f"bookstore_app: {REPLICAS} of {REPLICAS}" in said
    assert said.count("leader") == 1
    assert said.count(" healthy") == REPLICAS + 2 + len(NODES)


def test_replicas_come_and_go_by_number(monolith: RunningLab) -> None:
    monolith.command("scale", "app=9")
    assert monolith.healthy() == 9
    monolith.command("scale", f"app={REPLICAS}")
    assert monolith.wait_until_whole() >= 0
    assert httpx.get(f"{monolith.url}/readyz", verify=str(monolith.authority)).status_code == 200


def _backups(lab: RunningLab) -> list[Path]:
    return sorted(lab.plan.backups.glob("bookstore-*.tar*"))


def _curl(namespace: str, *arguments: str) -> str:
    trust = ["--silent", "--insecure", "--max-time", "20"]
    return run(["ip", "netns", "exec", namespace, "curl", *trust, *arguments])


def _logged(monolith: RunningLab, text: str) -> list[str]:
    """The lines of the shop's logs with this text. A manager, asked for them, waits for nodes that are gone."""
    lines = [
        line
        for node, container in monolith.containers("app")
        for line in engines.docker(node.engine, "logs", "--tail", "500", container).splitlines()
    ]
    return [line for line in lines if text in line]


def _throttled(address: str) -> int:
    """How many failed logins the shop has counted for an address."""
    counter = address_counter("login", address)
    return int(
        database.ask(
            f"SELECT COALESCE(SUM(attempts), 0) FROM bookstore.attempt_counters WHERE name = '{counter}'"
        )
    )


def _both_channels(command: list[str], environ: dict[str, str]) -> str:
    done = subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr
