"""The templates of chosen deployments, as the app writes them."""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import engine  # noqa: F401  # before the CDK, which starts it
from environment import Environment
from stacks import build

PROFILES = ("standard", "academy", "production")
DEPLOYMENTS = ("monolith", "fleet", "swarm", "services")
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
SETTINGS = {
    "DOMAIN": "shop.example",
    "IMAGE": "123456789012.dkr.ecr.us-east-1.amazonaws.com/bookstore",
    "TAG": "abc123",
    "MACHINE_IMAGE": "ami-0123456789abcdef0",
    "ALARM_EMAIL": "operator@shop.example",
    "HOSTED_ZONE": "Z0123456789ABCDEFGHIJ",
    "CLOUDFRONT_PREFIX_LIST": "pl-3b927c52",
}
Template = dict[str, Any]


def environment(**settings: str) -> Environment:
    named = {f"BOOKSTORE_AWS_{name}": value for name, value in (SETTINGS | settings).items()}
    return Environment.read(named)


@cache
def _synthesize(settings: tuple[tuple[str, str], ...]) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="bookstore-aws-"))
    build(environment(**dict(settings)), folder=str(folder)).synth()
    return folder


def assembly(**settings: str) -> Path:
    """The folder that the app has written; the same settings are synthesized once."""
    return _synthesize(tuple(sorted(settings.items())))


def templates(**settings: str) -> dict[str, Template]:
    return {
        path.name.removesuffix(".template.json"): json.loads(path.read_text())
        for path in sorted(assembly(**settings).glob("*.template.json"))
    }


def resources(template: Template, kind: str) -> dict[str, Any]:
    return {name: one for name, one in template["Resources"].items() if one["Type"] == kind}


def only(template: Template, kind: str) -> dict[str, Any]:
    """The properties of the one resource of this kind."""
    (found,) = resources(template, kind).values()
    return found["Properties"]
