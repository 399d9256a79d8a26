"""What an operator of the stacks types and reads; `bookstore deploy aws` leads here.

    python deploy/aws/operate.py plan|apply|status|destroy [--confirm NAME]

The settings are read from the environment (`environment.py`), and only there.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

import engine  # noqa: F401  # before the CDK, which starts it
from deployer import Client, Synthesized, TakenBack, apply, destroy, kept_by, read_stacks
from environment import Environment, UnsafeSetting
from planning import StackPlan, lost_with, plan
from pricing import Estimate, NoPrice, estimate
from stacks import build
from standing import standing

UNWELL = 1
REFUSED = 2


class NotConfirmed(RuntimeError):
    """Nothing was done, because the operator did not name what would be lost."""


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def client_of(service: str, region: str) -> Any:
    return boto3.client(service, region_name=region)


class Operator:
    """The four verbs on one choice of deployments."""

    def __init__(
        self, environment: Environment, stacks: list[Synthesized], client: Client, confirmed: str
    ) -> None:
        self._environment, self._stacks, self._client = environment, stacks, client
        self._confirmed = confirmed
        self.name = ",".join(environment.deployments)

    def plan(self) -> int:
        for one in plan(self._stacks, self._client):
            _tell_plan(one)
        _tell_estimate(estimate(stack.template for stack in self._stacks), self._environment.region)
        return 0

    def apply(self) -> int:
        plans = plan(self._stacks, self._client)
        lost = [f"{one.stack.name}: {change}" for one in plans for change in one.lost]
        if lost:
            self._confirm("The update deletes what has data in it:", lost)
        apply(self._stacks, self._client, tell)
        return self.status()

    def status(self) -> int:
        found = standing(self._stacks, self._client)
        for one in found:
            tell(f"{one.stack}: {one.state.text}")
            for fact in one.facts:
                tell(f"    {' ' if fact.is_well else '!'} {fact.text}")
        return 0 if all(one.is_well for one in found) else UNWELL

    def destroy(self) -> int:
        lost = [f"{stack.name}: {one}" for stack in self._stacks for one in lost_with(stack)]
        kept = [f"{stack.name}: {one}" for stack in self._stacks for one in kept_by(stack)]
        tell(f"Account {self._account()}, {self._environment.region}, {self._environment.domain}.")
        for one in kept:
            tell(f"    stays, and goes on costing: {one}")
        self._confirm("What is lost for good:", lost)
        destroy(self._stacks, self._client, tell)
        return 0

    def _account(self) -> str:
        identity = self._client("sts", self._environment.region).get_caller_identity()
        return str(identity["Account"])

    def _confirm(self, what: str, lost: list[str]) -> None:
        """Raises NotConfirmed."""
        tell(what)
        for one in lost:
            tell(f"    {one}")
        answer = self._confirmed
        if not answer and sys.stdin.isatty():
            answer = input(f"Type {self.name} to go on: ")
        if answer != self.name:
            raise NotConfirmed(f"not confirmed, nothing was done: --confirm {self.name} says yes")


def _tell_plan(one: StackPlan) -> None:
    if one.is_new:
        tell(f"{one.stack.name}: would be created, {len(one.changes)} resources")
        return
    tell(f"{one.stack.name}: {'would change' if one.changes else 'is as it should be'}")
    for change in one.changes:
        tell(f"    {change}{' AND ITS DATA' if change in one.lost else ''}")
    for group in one.renewed_groups:
        tell(f"    the instances of {group} would be replaced, a few at a time")


def _tell_estimate(estimated: Estimate, region: str) -> None:
    whence = f"prices of {estimated.region} on {estimated.as_of}"
    tell(f"An estimate, from {whence}, without traffic, logs and copies:")
    for item in sorted(estimated.items, key=lambda item: -item.dollars):
        tell(f"    {item.dollars:9.2f}  {item.count:>4} x {item.meaning}")
    tell(f"    {estimated.monthly:9.2f}  US dollars in a month, {estimated.hourly:.2f} in an hour")
    if region != estimated.region:
        tell(f"    {region} may cost more.")


def synthesize(environment: Environment) -> list[Synthesized]:
    with tempfile.TemporaryDirectory(prefix="bookstore-aws-") as folder:
        build(environment, folder=folder).synth()
        return read_stacks(Path(folder))


def main(arguments: list[str]) -> int:
    """0, or 1 when something is not well, or 2 when nothing was done."""
    parser = argparse.ArgumentParser(prog="bookstore deploy aws")
    parser.add_argument("verb", choices=("plan", "apply", "status", "destroy"))
    parser.add_argument("--confirm", default="")
    chosen = parser.parse_args(arguments)
    try:
        environment = Environment.read(os.environ)
        operator = Operator(environment, synthesize(environment), client_of, chosen.confirm)
        return int(getattr(operator, chosen.verb)())
    except (UnsafeSetting, NotConfirmed, NoPrice) as error:
        sys.stderr.write(f"error: {error}\n")
        return REFUSED
    except (TakenBack, BotoCoreError, ClientError) as error:
        sys.stderr.write(f"error: {error}\n")
        return UNWELL


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
