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
# A Learner Lab has no zone of its own; the certificate was imported.
OF_PROFILE = {"academy": {"HOSTED_ZONE": "", "CERTIFICATE": CERTIFICATE}}
# Gone with the process.
FOLDERS = tempfile.TemporaryDirectory(prefix="bookstore-aws-")
Template = dict[str, Any]


def environment(**settings: str) -> Environment:
    chosen = SETTINGS | OF_PROFILE.get(settings.get("PROFILE", ""), {}) | settings
    named = {f"BOOKSTORE_AWS_{name}": value for name, value in chosen.items()}
    return Environment.read(named)


@cache
def _synthesize(settings: tuple[tuple[str, str], ...]) -> Path:
    folder = Path(tempfile.mkdtemp(dir=FOLDERS.name))
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


def scripts(template: Template, kind: str = "AWS::EC2::LaunchTemplate") -> list[str]:
    """The user data in the template, with <name> for what only AWS knows."""
    return [_text(data["UserData"]["Fn::Base64"]) for data in _launched(template, kind)]


def _launched(template: Template, kind: str) -> list[dict[str, Any]]:
    found = [one["Properties"] for one in resources(template, kind).values()]
    return [one.get("LaunchTemplateData", one) for one in found]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    parts = value["Fn::Join"][1]
    return "".join(part if isinstance(part, str) else f"<{next(iter(part.values()))}>" for part in parts)
