"""What `apply` would change, and what `destroy` would take: told before anything is done."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployer import Client, Synthesized, template_of

# What people or programs have written something into that is nowhere else.
HOLDS_DATA = {
    "AWS::EC2::Volume": "a disk",
    "AWS::EFS::FileSystem": "the shared files",
    "AWS::Logs::LogGroup": "logs",
    "AWS::RDS::DBInstance": "a database",
    "AWS::S3::Bucket": "logs of access",
    "AWS::SecretsManager::Secret": "a secret",
}
Resources = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One resource: `+` is made, `~` changed or replaced, `-` deleted."""

    sign: str
    name: str
    kind: str
    is_data: bool

    def __str__(self) -> str:
        return f"{self.sign} {self.name} ({self.kind})"


@dataclass(frozen=True, kw_only=True)
class StackPlan:
    stack: Synthesized
    is_new: bool
    changes: tuple[Change, ...]

    @property
    def renewed_groups(self) -> list[str]:
        """Groups whose instances would be replaced, because what they start from has changed."""
        is_changed = any(one.kind == "AWS::EC2::LaunchTemplate" and one.sign == "~" for one in self.changes)
        return self.stack.groups if is_changed else []

    @property
    def lost(self) -> list[Change]:
        return [change for change in self.changes if change.sign == "-" and change.is_data]


def plan(stacks: list[Synthesized], client: Client) -> list[StackPlan]:
    return [_plan(stack, client) for stack in stacks]


def lost_with(stack: Synthesized) -> list[str]:
    """What has data in it and goes with the stack, by the template's word."""
    return [
        f"{HOLDS_DATA[one['Type']]} ({name})"
        for name, one in stack.template["Resources"].items()
        if one["Type"] in HOLDS_DATA and one.get("DeletionPolicy", "Delete") == "Delete"
    ]


def _plan(stack: Synthesized, client: Client) -> StackPlan:
    there = template_of(client("cloudformation", stack.region), stack.name)
    before: Resources = there["Resources"] if there else {}
    changes = tuple(_changes(before, stack.template["Resources"]))
    return StackPlan(stack=stack, is_new=there is None, changes=changes)


def _changes(before: Resources, after: Resources) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        one = after.get(name) or before[name]
        if before.get(name) != after.get(name):
            sign = "+" if name not in before else "-" if name not in after else "~"
            yield Change(sign=sign, name=name, kind=one["Type"], is_data=one["Type"] in HOLDS_DATA)
