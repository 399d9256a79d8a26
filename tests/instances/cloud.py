"""AWS as instances see it, on this machine: its API, names, metadata, a registry, a database, files, a balancer."""

import ipaddress
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from bookstore.deploying.errors import CommandFailed
from bookstore.deploying.images import edge_tag
from bookstore.deploying.programs import run
from bookstore.lab import balancer, database, engines, machine, programs, registry, wires
from bookstore.lab.plan import BUILDER, OUTSIDE, REGISTRY, SOCKETS, Plan, engine_of
from tests.instances import metadata
from tests.instances.machine import API, BRIDGE, GATEWAY, NETWORK_BITS, Instance

ROOT = Path(__file__).parents[2]
STACKS = ROOT / ".venv-aws/bin/python"
IMAGE, TAG = f"{REGISTRY}/bookstore", "one"
METADATA = "aws-metadata"
METADATA_ADDRESS = "10.20.255.253"
# A load balancer in the first of the subnets that the stacks have for them.
BALANCER_HOST = 250
BOOT_SECONDS = 300
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_ENDPOINT_URL": API}


@dataclass
class Cloud:
    """What one deployment stands on and in, from its stacks to its instances."""

    plan: Plan
    settings: Mapping[str, str] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://{OUTSIDE}"

    @property
    def authority(self) -> Path:
        """Whom clients of the load balancer trust."""
        return self.plan.authority

    @property
    def files(self) -> Path:
        """Plays EFS."""
        return self.plan.state / "efs"

    def operate(self, deployment: str, verb: str, *options: str) -> str:
        """What `bookstore deploy aws` says."""
        command = [sys.executable, "-m", "bookstore.cli", "deploy", "aws", deployment, verb, *options]
        return run([*command, "--folder", str(ROOT / "deploy/aws")], {**KEYS, **self.settings})

    def ask(self, question: str, *arguments: str) -> Any:
        """What the API of AWS says."""
        command = [str(STACKS), "-m", "tests.instances.account", question, *arguments]
        return json.loads(run(command, {**KEYS, "PYTHONPATH": str(ROOT)}))

    def open_account(self, **settings: str) -> None:
        """The settings of an operator in an account with a zone for the names of the shop."""
        chosen = {
            "DOMAIN": OUTSIDE,
            "IMAGE": IMAGE,
            "TAG": TAG,
            "MACHINE_IMAGE": self.ask("image"),
            "HOSTED_ZONE": self.ask("zone", OUTSIDE),
            **settings,
        }
        self.settings = {f"BOOKSTORE_AWS_{name}": value for name, value in chosen.items()}

    def let_the_operator_in(self) -> None:
        """RDS makes the user whose password is in the secret of the server."""
        for value in self.ask("secrets_of_stack").values():
            if '"username"' in value:
                user = json.loads(value)
        name, password = user["username"], user["password"]
        database.ask(
            f"CREATE OR REPLACE USER '{name}'@'%' IDENTIFIED BY '{password}';"
            f"GRANT ALL PRIVILEGES ON *.* TO '{name}'@'%' WITH GRANT OPTION"
        )

    def start_new_instances(self) -> list[Instance]:
        """Boot those that EC2 has started and that do not run yet."""
        started = []
        for one in self.ask("instances"):
            if one["id"] not in self.instances:
                instance = self._instance(one)
                instance.start(self.plan.folder / "instance-root", self.files)
                self.instances[instance.name] = instance
                started.append(instance)
        return started

    def wait_until_ready(self, instances: list[Instance]) -> None:
        """Until user data has ended well on each."""
        programs.wait_until(lambda: all(one.has_begun_well is not None for one in instances), BOOT_SECONDS)
        for one in instances:
            assert one.has_begun_well, f"{one.name}:\n{one.log[-6000:]}"

    def balance(self) -> None:
        """Let the load balancer know the instances that there are, as a target group does."""
        subnet = ipaddress.ip_network(self.ask("balancer_subnets")[0])
        own = str(subnet[BALANCER_HOST])
        with suppress(CommandFailed):
            run(["ip", "address", "add", f"{own}/32", "dev", BRIDGE])
        for one in self.instances.values():
            run(["ip", "route", "replace", f"{one.address}/32", "dev", BRIDGE, "src", own])
        nodes = {one.name: f"{one.address}:80" for one in self.instances.values()}
        balancer.start(self.plan, nodes)

    def break_down(self, instance: Instance) -> None:
        """A machine loses its power, and EC2 notices."""
        instance.cut_power()
        self.ask("terminate", instance.name)
        del self.instances[instance.name]
        instance.remove()

    def _instance(self, one: Mapping[str, str]) -> Instance:
        facts = {
            "ami-id": one["image"],
            "instance-id": one["id"],
            "local-ipv4": one["address"],
            "local-hostname": one["id"],
            "hostname": one["id"],
            "placement": {"availability-zone": one["zone"], "region": one["zone"][:-1]},
            "iam": {"security-credentials": {"instance": json.dumps(_credentials())}},
        }
        known = {"meta-data": facts, "user-data": one["user_data"]}
        (self.plan.state / "metadata" / f"{one['address']}.json").write_text(json.dumps(known))
        return Instance(one["id"], one["address"], self.plan.state / one["id"], self.plan.state)


def _credentials() -> dict[str, str]:
    """Those of the instance's role."""
    keys = {"AccessKeyId": "testing", "SecretAccessKey": "testing", "Token": "testing"}
    return {"Code": "Success", "Type": "AWS-HMAC", "Expiration": "2099-01-01T00:00:00Z", **keys}


@contextmanager
def running_cloud(topology: str) -> Iterator[Cloud]:
    """An account with nothing in it, with the images of the shop in a registry; all of it gone afterwards."""
    plan = Plan(ROOT)
    machine.down(plan)
    cloud = Cloud(plan)
    try:
        _begin(plan)
        _build(plan, topology)
        yield cloud
    finally:
        for one in list(cloud.instances.values()):
            one.remove()
        _end(plan)


def _begin(plan: Plan) -> None:
    machine.require_able(plan)
    os.environ["PATH"] = programs.PLACES
    for folder in (plan.state / "metadata", plan.state / "efs", plan.secrets, SOCKETS):
        folder.mkdir(parents=True, exist_ok=True)
    machine.OWNER.write_text(str(plan.checkout))
    _lay_network()
    registry.start(plan)
    database.start(plan)
    _start_names(plan)
    environ = {**KEYS, "PYTHONPATH": str(ROOT)}
    serve = [str(STACKS), "-m", "tests.instances.account", "serve", GATEWAY, API.rpartition(":")[2]]
    programs.start(plan.state, "api", serve, environ)
    programs.require(plan.state, "api", _api_answers)
    run([str(ROOT / "scripts/make-instance-root"), str(plan.folder / "instance-root")])


def _build(plan: Plan, topology: str) -> None:
    """nginx's image under the tag of the shop as well: on AWS a version is one tag."""
    machine.build(plan, topology, TAG)
    engines.start_builder(plan)
    try:
        edge, same = f"{IMAGE}-edge:{edge_tag(ROOT)}", f"{IMAGE}-edge:{TAG}"
        engines.docker(engine_of(BUILDER), "tag", edge, same)
        engines.docker(engine_of(BUILDER), "push", "--quiet", same)
    finally:
        engines.stop(plan, BUILDER)


def _lay_network() -> None:
    run(["ip", "link", "add", BRIDGE, "type", "bridge"])
    for address in (f"{GATEWAY}/{NETWORK_BITS}", f"{OUTSIDE}/32"):
        run(["ip", "address", "add", address, "dev", BRIDGE])
    run(["ip", "link", "set", BRIDGE, "up"])
    wires.let_pass(BRIDGE)


def _start_names(plan: Plan) -> None:
    """The server of names, and the service of metadata, which listens where no machine of ours may."""
    names = ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", f"--listen-address={GATEWAY}"]
    names += ["--bind-interfaces", "--conf-file=/dev/null", "--user=root", "--pid-file="]
    names += [f"--address=/rds.amazonaws.com/{OUTSIDE}"]
    programs.start(plan.state, "names", names)
    addresses = (f"{METADATA_ADDRESS}/{NETWORK_BITS}", f"{metadata.ADDRESS}/32")
    wires.plug_in(BRIDGE, METADATA, METADATA, *addresses)
    program = [sys.executable, metadata.__file__, str(plan.state / "metadata")]
    programs.start(plan.state, "metadata", ["ip", "netns", "exec", METADATA, *program])


def _api_answers() -> bool:
    try:
        with urlopen(f"{API}/moto-api/", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _end(plan: Plan) -> None:
    """End what was begun, in the other order; what was not there stays away."""
    balancer.stop(plan)
    for name in ("metadata", "api", "names"):
        programs.stop(plan.state, name)
    with suppress(CommandFailed):
        run(["ip", "netns", "delete", METADATA])
    wires.remove_bridge(BRIDGE)
    machine.down(plan)
