"""`bookstore deploy swarm init`: hosts that ssh knows become a cluster, over real sshds, with a docker that is played."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy import fake_docker
from tests.deploy.ssh_hosts import SshHosts, ssh_hosts

MANAGERS = {"manager-1": "10.0.0.1", "manager-2": "10.0.0.2", "manager-3": "10.0.0.3"}
WORKERS = {"worker-1": "10.0.0.4", "worker-2": "10.0.0.5"}
LABELS = ["bookstore.app=true", "bookstore.edge=true"]


class Hosts:
    """Five hosts without a cluster, and their operator."""

    def __init__(self, folder: Path, reached: SshHosts) -> None:
        self.folder, self.reached = folder, reached

    @property
    def cluster(self) -> dict[str, Any]:
        return json.loads((self.folder / "cluster.json").read_text())

    def suppose(self, **facts: list[str]) -> None:
        """Something is so with these hosts already."""
        (self.folder / "cluster.json").write_text(json.dumps({"nodes": {}, "asked": [], **facts}))

    def init(self, managers: dict[str, str] = MANAGERS, workers: dict[str, str] = WORKERS) -> tuple[int, str]:
        """How the command ends, and what it says."""
        options = ["--managers", _listed(managers), "--workers", _listed(workers)]
        command = [sys.executable, "-m", "bookstore.cli", "deploy", "swarm", "init", *options]
        command += ["--ssh-config", str(self.reached.config)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def asked(self, *words: str) -> list[str]:
        """The hosts that were told this."""
        return [host for host, *said in self.cluster["asked"] if tuple(said[: len(words)]) == words]


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    programs = {name: _docker_of(name, tmp_path) for name in (*MANAGERS, *WORKERS)}
    with ssh_hosts(tmp_path, programs) as reached:
        yield Hosts(tmp_path, reached)


def test_hosts_become_three_managers_and_two_workers_with_labels(hosts: Hosts) -> None:
    code, said = hosts.init()
    assert code == 0, said
    assert said.split() == [*MANAGERS, *WORKERS]
    nodes = hosts.cluster["nodes"]
    assert {name: node["address"] for name, node in nodes.items()} == MANAGERS | WORKERS
    assert {name for name, node in nodes.items() if node["role"] == "manager"} == set(MANAGERS)
    assert [node["labels"] for node in nodes.values()] == [LABELS] * 5
    assert hosts.asked("swarm", "init") == ["manager-1"]


def test_repeated_with_one_more_host_it_adds_that_one(hosts: Hosts) -> None:
    assert hosts.init(workers={})[0] == 0
    assert hosts.init()[0] == 0
    assert hosts.asked("swarm", "init") == ["manager-1"]
    assert hosts.asked("swarm", "join") == ["manager-2", "manager-3", *WORKERS]
    assert hosts.cluster["nodes"]["worker-2"]["labels"] == LABELS


def test_a_host_that_does_not_answer_is_named_and_the_next_try_goes_on(hosts: Hosts) -> None:
    hosts.reached.stop("manager-3")
    code, said = hosts.init()
    assert code == 1
    assert "manager-3" in said
    assert "Connection refused" in said
    assert set(hosts.cluster["nodes"]) == {"manager-1", "manager-2"}

    hosts.reached.start("manager-3")
    assert hosts.init()[0] == 0
    assert len(hosts.cluster["nodes"]) == 5


def test_a_host_that_shows_another_key_than_it_had_is_refused(hosts: Hosts) -> None:
    known = hosts.reached.known_hosts.read_text().splitlines()
    of_another = known[0].partition(" ")[2]
    known[1] = f"manager-2 {of_another}"
    hosts.reached.known_hosts.write_text("\n".join(known) + "\n")
    code, said = hosts.init()
    assert code == 1
    assert "Host key verification failed" in said
    assert set(hosts.cluster["nodes"]) == {"manager-1"}


def test_a_host_that_nobody_knows_is_refused_and_nobody_is_asked(hosts: Hosts) -> None:
    hosts.reached.known_hosts.write_text("")
    code, said = hosts.init()
    assert code == 1
    assert "Host key verification failed" in said
    assert not (hosts.folder / "cluster.json").exists()


def test_a_host_of_another_cluster_stays_there(hosts: Hosts) -> None:
    hosts.suppose(elsewhere=["worker-1"])
    code, said = hosts.init()
    assert code == 1
    assert "worker-1 belongs to another Swarm" in said
    assert "worker-1" not in hosts.cluster["nodes"]


def test_a_token_is_not_for_terminals(hosts: Hosts) -> None:
    hosts.suppose(unable=["worker-2"])
    code, said = hosts.init()
    assert code == 1
    assert "docker swarm join on worker-2" in said
    assert "SWMTKN" not in said


def test_an_even_number_of_managers_is_refused_before_anybody_is_asked(hosts: Hosts) -> None:
    code, said = hosts.init(managers={"manager-1": "10.0.0.1", "manager-2": "10.0.0.2"})
    assert code == 2
    assert "an even number of managers" in said
    assert not (hosts.folder / "cluster.json").exists()


def _docker_of(host: str, folder: Path) -> Path:
    """A folder with the docker program of a host."""
    programs = folder / f"{host}-programs"
    programs.mkdir()
    words = shlex.join([sys.executable, fake_docker.__file__, str(folder), host])
    (programs / "docker").write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    (programs / "docker").chmod(0o755)
    return programs


def _listed(hosts: dict[str, str]) -> str:
    return ",".join(f"{name}={address}" for name, address in hosts.items())
