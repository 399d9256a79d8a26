"""AWS as instances see it, on this machine: its API, names, metadata, a registry, a database, files, a balancer."""

import ipaddress
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from bookstore.deploying.errors import CommandFailed
from bookstore.deploying.programs import run
from bookstore.lab import balancer, database, machine, programs, registry, wires
from bookstore.lab.plan import OUTSIDE, SOCKETS, Plan
from tests.instances import disks, images, metadata
from tests.instances.images import IMAGE, TAG
from tests.instances.machine import API, BRIDGE, GATEWAY, NETWORK_BITS, Instance

ROOT = Path(__file__).parents[2]
STACKS = ROOT / ".venv-aws/bin/python"
METADATA = "aws-metadata"
METADATA_ADDRESS = "10.20.255.253"
# A load balancer in the first of the subnets that the stacks have for them.
BALANCER_HOST = 250
# As long as a group waits for a new instance (START_SECONDS in deploy/aws/groups.py).
BOOT_SECONDS = 900
LOG_CHARACTERS = 3000
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_ENDPOINT_URL": API}


@dataclass
class Cloud:
    """What one deployment stands on and in, from its stacks to its instances."""

    plan: Plan
    settings: Mapping[str, str] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    # The devices of disks, by the ids of their volumes.
    disks: dict[str, Path] = field(default_factory=dict)

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

    def open_account(self, domain: str = OUTSIDE, **settings: str) -> None:
        """The settings of an operator in an account with a zone for the names of the shop."""
        chosen = {
            "DOMAIN": domain,
            "IMAGE": IMAGE,
            "TAG": TAG,
            "MACHINE_IMAGE": self.ask("image"),
            "HOSTED_ZONE": self.ask("zone", domain),
            **settings,
        }
        self.settings = {f"BOOKSTORE_AWS_{name}": value for name, value in chosen.items()}

    def bring_up(self, deployment: str, number: int) -> None:
        """By the verb of operators, until all of so many instances, which start at one moment, serve."""
        print(self.operate(deployment, "apply"))
        self._let_the_operator_in()
        began = time.monotonic()
        started = self.start_new_instances()
        assert len(started) == number
        self.wait_until_ready(started)
        print(f"\n{deployment}: {number} started, and all serve after {time.monotonic() - began:.0f} s")

    def _let_the_operator_in(self) -> None:
        """RDS makes the user whose password is in the secret of the server. One machine has no RDS."""
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
        late = [one for one in instances if not one.has_begun_well]
        assert late == [], "\n".join(f"{one.name}:\n{one.log[-LOG_CHARACTERS:]}" for one in instances)

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

    def replace(self, lost: Instance) -> Instance:
        """A machine breaks down; the one that its group starts in its place, once it serves."""
        began = time.monotonic()
        self.break_down(lost)
        (another,) = self.start_new_instances()
        self.wait_until_ready([another])
        print(f"\n{another.name} serves {time.monotonic() - began:.0f} s after the loss of {lost.name}")
        return another

    def secrets_told(self) -> list[str]:
        """Values of secrets that stand in user data, or in what it said."""
        told = [one["user_data"] for one in self.ask("instances")]
        told += [one.log for one in self.instances.values()]
        return [value for value in self.ask("secrets_of_stack").values() for text in told if value in text]

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
        state = self.plan.state
        return Instance(one["id"], one["address"], state / one["id"], state, self._disk())

    def _disk(self) -> Path | None:
        """The device of the one disk that the deployment keeps, if it keeps one."""
        volume = next(iter(self.ask("volumes")), None)
        if volume is None:
            return None
        if volume not in self.disks:
            self.disks[volume] = disks.plug_in(self.plan.state / f"{volume}.ext4")
        return self.disks[volume]


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
        images.build(plan, topology)
        yield cloud
    finally:
        for one in list(cloud.instances.values()):
            one.remove()
        for device in cloud.disks.values():
            disks.unplug(device)
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
