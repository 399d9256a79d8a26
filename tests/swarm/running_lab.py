"""The lab as the tests use it: the shop on it, versions of it that are good and bad, and what happens to nodes."""

import os
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bookstore.chaos.load import Load
from bookstore.deploying.images import edge_tag
from bookstore.deploying.programs import run
from bookstore.lab import cluster, database, engines, machine, shop
from bookstore.lab.open_shop import OpenShop
from bookstore.lab.plan import BUILDER, NODES, OUTSIDE, REGISTRY, LabNode, Plan, engine_of

ROOT = Path(__file__).parents[2]
ONE, TWO, SICK, BROKEN = "one", "two", "sick", "broken"
IMAGE, EDGE = f"{REGISTRY}/bookstore", f"{shop.STACK}_edge"
RECIPES = {
    TWO: "ENV BOOKSTORE_COMMIT=2222222222222222222222222222222222222222",
    # It listens where nobody asks.
    SICK: "ENV BOOKSTORE_HOST=127.0.0.2",
    # It migrates and works in the background, but serves nobody.
    BROKEN: 'ENTRYPOINT ["bash", "-c", "[ $# = 0 ] || exec bookstore $@; echo broken beyond repair; exit 3", "bash"]',
}
REPLICAS = 8
# Eight replicas on five nodes, and Swarm puts a new one where the fewest are.
MOST_ON_A_NODE = 2
PATIENCE_SECONDS = 240


@contextmanager
def running_lab() -> Iterator["RunningLab"]:
    """A lab from nothing, with the images of every version that the tests deploy."""
    assert os.geteuid() == 0, "the lab makes networks and starts Docker engines: it needs root"
    plan = Plan(ROOT)
    machine.down(plan)
    try:
        machine.surroundings(plan, _tell)
        for topology in ("monolith", "services"):
            machine.build(plan, topology, ONE)
        lab = RunningLab(plan)
        lab.make_versions()
        with shop.at_a_manager():
            yield lab
    finally:
        machine.down(plan)


@dataclass
class RunningLab(OpenShop):
    """What the tests do with the lab beside looking at it and hurting it."""

    topology: str = ""

    def be_monolith(self) -> None:
        self._be("monolith")

    def be_services(self) -> None:
        self._be("services")

    def deploy(self, tag: str, *options: str, check: bool = True) -> str:
        """What `bookstore deploy swarm` says when it brings this version up."""
        own = ["--domain", OUTSIDE, "--balancers", OUTSIDE, "--media", str(self.plan.media)]
        own += ["--backups", str(self.plan.backups)]
        own += ["--registry", REGISTRY, "--secrets", str(self.plan.secrets), "--topology", self.topology]
        own += ["--authority", str(self.authority), "--folder", str(self.plan.stack_files)]
        return self.command("up", *own, "--no-build", "--tag", tag, *options, check=check)

    def command(self, *arguments: str, check: bool = True) -> str:
        """What a `bookstore deploy swarm` command prints, with its exit code at the end when it may fail."""
        program = [sys.executable, "-m", "bookstore.cli", "deploy", "swarm", *arguments]
        environ = {**shop.SMALL, "DOCKER_HOST": cluster.manager().engine}
        end = "" if check else "; echo exit $?"
        return run(["bash", "-c", f'"$@" 2>&1{end}', "bash", *program], environ)

    def visitor(self) -> list[str]:
        """The options by which a command reaches the shop as people do."""
        return ["--url", self.url, "--authority", str(self.authority)]

    def make_versions(self) -> None:
        """Images that differ from version one in one thing each, and an nginx with another label."""
        engines.start_builder(self.plan)
        for tag, line in RECIPES.items():
            self._derive(f"{IMAGE}:{ONE}", f"{IMAGE}:{tag}", line)
        edge = f"{REGISTRY}/bookstore-edge"
        self._derive(f"{edge}:{edge_tag(ROOT)}", f"{edge}:other", "LABEL other=yes")
        engines.stop(self.plan, BUILDER)

    def by_node(self, service: str) -> Counter[str]:
        """How many containers of a service each node has."""
        return Counter(node.name for node, _ in self.containers(service))

    def replace_edge(self) -> None:
        """The nginx of another version, one node after the other."""
        self._docker("service", "update", "--quiet", "--image", f"{REGISTRY}/bookstore-edge:other", EDGE)

    def activate(self, node: LabNode) -> None:
        self._docker("node", "update", "--availability", "active", node.name)

    def new_database_user(self) -> str:
        """Another user with another password becomes the secret of the shop; the name of the one before."""
        path = self.plan.secrets / "database_url"
        url = path.read_text()
        old = url.partition("://")[2].partition(":")[0]
        new, password = f"shop_{secrets.token_hex(4)}", secrets.token_hex(24)
        database.ask(
            f"CREATE USER '{new}'@'%' IDENTIFIED BY '{password}';"
            f"GRANT ALL PRIVILEGES ON bookstore.* TO '{new}'@'%';"
            f"GRANT REPLICATION CLIENT ON *.* TO '{new}'@'%'"
        )
        path.write_text(f"mysql://{new}:{password}@{url.partition('@')[2]}")
        return old

    def versions(self, service: str = "app") -> set[str]:
        """Of which versions the healthy replicas are."""
        name = f"{shop.STACK}_{service}."
        return {task.version for task in self.sight().tasks if task.is_up and task.name.startswith(name)}

    def wait_until_whole(self, replicas: int = REPLICAS) -> float:
        """Seconds until this many replicas are healthy and nothing is missing."""
        began = time.monotonic()
        while self.healthy() < replicas or self.missing():
            waited = time.monotonic() - began
            assert waited < PATIENCE_SECONDS, f"{self.healthy()} healthy; {self.missing()}"
            time.sleep(0.5)
        return time.monotonic() - began

    def assert_nothing_lost(self, load: Load) -> None:
        """No request failed, each acknowledged order is there once, and the books agree."""
        assert load.failures == [], f"{load.summary()}\n" + "\n".join(map(str, load.failures[:10]))
        known = dict(
            line.split("\t")
            for line in database.ask(
                f"SELECT reference, status FROM {self.schema('orders')}.orders"
            ).splitlines()
        )
        assert set(load.ordered.values()) <= set(known)
        assert len(set(load.ordered.values())) == len(load.ordered)
        assert {known[reference] for reference in load.paid} <= {"paid"}
        print(self.audit().strip())

    def _docker(self, *arguments: str) -> str:
        return engines.docker(cluster.manager().engine, *arguments)

    def _be(self, topology: str) -> None:
        if self.topology != topology:
            self._leave()
            self.topology = topology
        for node in NODES:
            if self.is_lost(node):
                self.bring_back(node)
        parts = ("app", "worker") if topology == "monolith" else ("catalog", "catalog-worker")
        if any(self.versions(part) != {ONE} for part in parts) or self.missing():
            print(self.deploy(ONE))
        # What happened to nodes before leaves several replicas on one, and a node that came back without any.
        if topology == "monolith" and max(self.by_node("app").values()) > MOST_ON_A_NODE:
            print(self.command("rebalance"))

    def _leave(self) -> None:
        """Remove the stack, and wait until the ports of its nginx are free again."""
        with shop.at_a_manager():
            run(["docker", "stack", "rm", shop.STACK])
        names = f"label=com.docker.stack.namespace={shop.STACK}"
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while any(engines.docker(node.engine, "ps", "--quiet", "--filter", names) for node in NODES):
            assert time.monotonic() < ends_at, "the stack does not go away"
            time.sleep(1)
        while f"{shop.STACK}_shop" in self._docker("network", "ls", "--format", "{{.Name}}").split():
            assert time.monotonic() < ends_at, "the network of the stack does not go away"
            time.sleep(1)

    def _derive(self, origin: str, image: str, line: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "Dockerfile").write_text(f"FROM {origin}\n{line}\n")
            engines.docker(engine_of(BUILDER), "build", "--quiet", "--tag", image, folder)
        engines.docker(engine_of(BUILDER), "push", "--quiet", image)


def _tell(step: str) -> None:
    print(f"lab: {step}")
