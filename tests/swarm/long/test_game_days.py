"""Each game day on the lab, as an operator holds it: its hypothesis holds, and nothing of it stays."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from bookstore.chaos.calendar import GAME_DAYS
from bookstore.chaos.clock import SERVICE
from bookstore.chaos.shared_folder import BALLAST
from bookstore.lab import cluster, database, engines, programs, wires
from bookstore.lab.plan import NODES
from tests.swarm.running_lab import ROOT, RunningLab
from tests.swarm.under_load import wait_until

# Those that empty nodes come last, each after the replicas were spread anew.
EMPTYING = ("partition", "kill-worker-node", "kill-leader")
OTHERS = [day.name for day in GAME_DAYS if day.name not in EMPTYING]


def command(name: str) -> list[str]:
    return [sys.executable, "-m", "bookstore.cli", "chaos", name, "--checkout", str(ROOT)]


def hold(name: str) -> str:
    """What an operator reads at the end of a game day."""
    environ = {name: value for name, value in os.environ.items() if name != "DOCKER_HOST"}
    done = subprocess.run(command(name), env=environ, capture_output=True, text=True, timeout=900)
    print(f"\n{done.stdout}{done.stderr}")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_nothing_of_it_stays(lab: RunningLab) -> None:
    assert lab.missing() == ""
    assert {cluster.state_of(node) for node in NODES} == {"ready"}
    assert all(wires.is_plugged_in(node) for node in NODES)
    services = engines.docker(cluster.manager().engine, "service", "ls", "--format", "{{.Name}}").split()
    assert "bookstore_app" in services
    assert SERVICE not in services
    assert not (lab.plan.media / BALLAST).exists()
    assert database.ask("SELECT @@GLOBAL.read_only").strip() == "0"


@pytest.mark.parametrize("name", OTHERS)
def test_the_hypothesis_holds(monolith: RunningLab, name: str) -> None:
    assert f"VERDICT {name}: the hypothesis holds" in hold(name)
    assert_nothing_of_it_stays(monolith)


@pytest.mark.parametrize("name", EMPTYING)
def test_the_hypothesis_holds_where_nodes_are_lost(monolith: RunningLab, name: str) -> None:
    print(monolith.command("rebalance"))
    assert f"VERDICT {name}: the hypothesis holds" in hold(name)
    wait_until(lambda: monolith.missing() == "")
    assert_nothing_of_it_stays(monolith)


@pytest.mark.parametrize("name", ["slow-database", "partition", "database-failover"])
def test_who_is_interrupted_leaves_nothing_behind(monolith: RunningLab, name: str) -> None:
    """Ctrl-C once it is broken; what was broken is put right before the command ends."""
    begun = {
        "slow-database": "answers of the database take up to",
        "partition": "take node",
        "database-failover": "the database is killed",
    }
    day = subprocess.Popen(command(name), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert day.stdout is not None
    try:
        said = [next(line for line in day.stdout if begun[name] in line)]
        day.send_signal(signal.SIGINT)
        said += list(day.stdout)
        assert day.wait(timeout=120) == 1
    finally:
        with suppress(ProcessLookupError):
            day.terminate()
    assert "interrupted; what was broken has been put right" in "".join(said)
    wait_until(lambda: monolith.missing() == "")
    assert programs.running(monolith.plan.state, database.NAME) is not None
    assert_nothing_of_it_stays(monolith)
    assert "agree" in monolith.audit()


def test_the_audit_that_gives_the_verdict_can_find_something(monolith: RunningLab) -> None:
    """A copy that was sold to nobody: the same game day is refuted, and says by what."""
    table = f"{monolith.schema('catalog')}.listings"
    listing = database.ask(f"SELECT MIN(id) FROM {table} WHERE available > 0").strip()
    move = f"UPDATE {table} SET available = available - {{0}}, sold = sold + {{0}} WHERE id = {listing}"
    database.ask(move.format(1))
    try:
        done = subprocess.run(command("slow-payments"), capture_output=True, text=True, timeout=900)
    finally:
        database.ask(move.format(-1))
    assert done.returncode == 1
    assert "VERDICT slow-payments: refuted: the audit found" in done.stdout
